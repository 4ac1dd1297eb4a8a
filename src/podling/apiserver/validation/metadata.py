"""ObjectMeta's rules, the same for every kind (k8s.io/apimachinery/pkg/api/validation/objectmeta.go)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.kinds import Kind
from podling.api.types import meta_v1

METADATA = Path("metadata")
MAX_ANNOTATIONS = 256 * 1024
IMMUTABLE = "field is immutable"
ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
_STANDARD_FINALIZERS = {"kubernetes", ORPHAN, FOREGROUND}
_IMMUTABLE = {
    "name": "name",
    "namespace": "namespace",
    "uid": "uid",
    "creation_timestamp": "creationTimestamp",
    "deletion_timestamp": "deletionTimestamp",
    "deletion_grace_period_seconds": "deletionGracePeriodSeconds",
}


def create(kind: Kind, meta: meta_v1.ObjectMeta) -> Iterator[FieldError]:
    """Faults of the metadata of an object, new or changed."""
    if meta.generate_name:
        for fault in names.name_prefix(kind.name_rule, meta.generate_name):
            yield field.invalid(METADATA / "generateName", meta.generate_name, fault)
    if not meta.name:
        yield field.required(METADATA / "name", "name or generateName is required")
    else:
        for fault in names.object_name(kind.name_rule, meta.name):
            yield field.invalid(METADATA / "name", meta.name, fault)
    yield from _namespace(kind, meta.namespace or "")
    if meta.labels:
        yield from labels(meta.labels, METADATA / "labels")
    if meta.annotations:
        yield from annotation_map(meta.annotations, METADATA / "annotations")
    if meta.finalizers:
        yield from _finalizers(meta.finalizers)
    if meta.owner_references:
        yield from _owners(meta.owner_references)


def update(kind: Kind, meta: meta_v1.ObjectMeta, old: meta_v1.ObjectMeta) -> Iterator[FieldError]:
    """Faults of changed metadata, and changes that may not be made."""
    yield from create(kind, meta)
    added = [name for name in meta.finalizers or () if name not in (old.finalizers or ())]
    if old.deletion_timestamp and added:
        listed = ", ".join(f'"{name}"' for name in added)
        why = "no new finalizers can be added if the object is being deleted, found new finalizers "
        yield field.forbidden(METADATA / "finalizers", f"{why}[]string{{{listed}}}")
    for attribute, name in _IMMUTABLE.items():
        yield from immutable(getattr(meta, attribute), getattr(old, attribute), METADATA / name)


def immutable(new: Any, old: Any, path: Path) -> Iterator[FieldError]:
    """A fault when a value that may never change has changed."""
    if (new or None) != (old or None):
        yield field.invalid(path, new, IMMUTABLE)


def labels(values: Mapping[str, str], path: Path) -> Iterator[FieldError]:
    for key, value in values.items():
        yield from each(names.label_key, key, path)
        yield from each(names.label_value, value, path)


def annotation_map(values: Mapping[str, str], path: Path) -> Iterator[FieldError]:
    size = 0
    for key, value in values.items():
        size += len(key) + len(value)
        for fault in names.label_key(key.lower()):
            yield field.invalid(path, key, fault)
    if size > MAX_ANNOTATIONS:
        yield field.too_long(path, MAX_ANNOTATIONS)


def each(rule: Callable[[str], list[str]], value: str, path: Path) -> Iterator[FieldError]:
    """One fault for each thing that a rule of `api.names` finds wrong with a value."""
    for fault in rule(value):
        yield field.invalid(path, value, fault)


def _namespace(kind: Kind, namespace: str) -> Iterator[FieldError]:
    path = METADATA / "namespace"
    if kind.namespaced:
        if not namespace:
            yield field.required(path)
        else:
            yield from each(names.dns1123_label, namespace, path)
    elif namespace:
        yield field.forbidden(path, "not allowed on this type")


def _finalizers(finalizers: list[str]) -> Iterator[FieldError]:
    path = METADATA / "finalizers"
    for index, name in enumerate(finalizers):
        yield from each(names.label_key, name, path)
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            why = "name is neither a standard finalizer name nor is it fully qualified"
            yield field.invalid(path / index, name, why)
    if ORPHAN in finalizers and FOREGROUND in finalizers:
        yield field.invalid(path, finalizers, f"finalizer {ORPHAN} and {FOREGROUND} cannot be both set")


def _owners(owners: list[meta_v1.OwnerReference]) -> Iterator[FieldError]:
    path = METADATA / "ownerReferences"
    controller = ""
    for owner in owners:
        if not owner.api_version.rpartition("/")[2]:
            yield field.invalid(path / "apiVersion", owner.api_version, "version must not be empty")
        for name, value in (("kind", owner.kind), ("name", owner.name), ("uid", owner.uid)):
            if not value:
                yield field.invalid(path / name, value, "must not be empty")
        if owner.kind == "Event" and owner.api_version in ("v1", "events.k8s.io/v1"):
            yield field.invalid(
                path, owner.kind, f"{owner.api_version}, Kind=Event is disallowed from being an owner"
            )
        if owner.controller:
            if controller:
                why = 'Only one reference can have Controller set to true. Found "true" in references for '
                yield field.invalid(path, owner.name, f"{why}{controller} and {owner.name}")
            controller = owner.name
