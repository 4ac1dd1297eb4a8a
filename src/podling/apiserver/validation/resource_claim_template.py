"""The rules of ResourceClaimTemplates: those of the claims made of them (pkg/apis/resource/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, field
from podling.api.field import FieldError, Path
from podling.api.types import resource_v1

from . import resource_claim
from .metadata import IMMUTABLE, annotation_map, labels

SPEC = Path("spec")

Template = resource_v1.ResourceClaimTemplate


def create(template: Template) -> Iterator[FieldError]:
    spec = template.spec or resource_v1.ResourceClaimTemplateSpec()
    yield from annotation_map(spec.metadata.annotations or {}, SPEC / "metadata" / "annotations")
    yield from labels(spec.metadata.labels or {}, SPEC / "metadata" / "labels")
    yield from resource_claim.spec(spec.spec, SPEC / "spec")


def update(template: Template, old: Template) -> Iterator[FieldError]:
    if not codec.semantic_equal(template.spec, old.spec):
        yield field.invalid(SPEC, template.spec, IMMUTABLE)
