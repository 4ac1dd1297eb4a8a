"""The rules of Namespaces."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from .metadata import each


def create(namespace: core_v1.Namespace) -> Iterator[FieldError]:
    for name in (namespace.spec.finalizers if namespace.spec is not None else None) or ():
        yield from each(names.label_key, name, Path("spec") / "finalizers")


def update_status(namespace: core_v1.Namespace, old: core_v1.Namespace) -> Iterator[FieldError]:
    phase = namespace.status.phase if namespace.status is not None else None
    path = Path("status") / "Phase"
    if namespace.metadata.deletion_timestamp is None:
        if phase != "Active":
            yield field.invalid(path, phase, "may only be 'Active' if `deletionTimestamp` is empty")
    elif phase != "Terminating":
        yield field.invalid(path, phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")
