"""The rules of IPAddresses: what holds an address never changes (k8s.io/kubernetes/pkg/apis/networking/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.types import networking_v1

from .metadata import IMMUTABLE, each
from .references import segment

PARENT = Path("spec", "parentRef")


def create(given: networking_v1.IPAddress) -> Iterator[FieldError]:
    parent = given.spec.parent_ref
    if parent == networking_v1.ParentReference():
        yield field.required(PARENT)
        return
    if parent.group:
        yield from each(names.dns1123_subdomain, parent.group, PARENT / "group")
    yield from segment(parent.resource, PARENT / "resource")
    yield from segment(parent.name, PARENT / "name")
    if parent.namespace:
        yield from each(names.path_segment, parent.namespace, PARENT / "namespace")


def update(given: networking_v1.IPAddress, old: networking_v1.IPAddress) -> Iterator[FieldError]:
    if not codec.semantic_equal(given.spec.parent_ref, old.spec.parent_ref):
        yield field.invalid(PARENT, given.spec.parent_ref, IMMUTABLE)
