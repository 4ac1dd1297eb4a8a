"""The rules of ReplicaSets."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, field
from podling.api.field import FieldError
from podling.api.types import apps_v1

from . import workload
from .metadata import IMMUTABLE
from .workload import SPEC


def create(replicas: apps_v1.ReplicaSet) -> Iterator[FieldError]:
    spec = replicas.spec
    yield from workload.counts(SPEC, replicas=spec.replicas, minReadySeconds=spec.min_ready_seconds)
    yield from workload.selector(spec.selector)
    yield from workload.template(spec.template, spec.selector, owner="ReplicaSet")


def update(replicas: apps_v1.ReplicaSet, old: apps_v1.ReplicaSet) -> Iterator[FieldError]:
    yield from create(replicas)
    if not codec.semantic_equal(replicas.spec.selector, old.spec.selector):
        yield field.invalid(SPEC / "selector", replicas.spec.selector, IMMUTABLE)
