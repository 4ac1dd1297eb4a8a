"""The rules of PodTemplates: those of any template of Pods (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from . import workload


def create(given: core_v1.PodTemplate) -> Iterator[FieldError]:
    yield from workload.pods(given.template or core_v1.PodTemplateSpec(), Path("template"))


def update(given: core_v1.PodTemplate, old: core_v1.PodTemplate) -> Iterator[FieldError]:
    yield from create(given)
