"""Who owns an object's replicas, seen through `/scale` and back.

A Scale has no managedFields of its own: those entries of its object that own the replicas are shown as entries of the Scale, and
what an apply makes of them goes back into the object's. (managedfields/scalehandler.go)
"""

from __future__ import annotations

from typing import Final

import msgspec

from podling.api import kinds, managedfields
from podling.api.managedfields import difference, fields_of, has, with_fields
from podling.api.types.meta_v1 import ManagedFieldsEntry

_REPLICAS: Final = managedfields.from_paths("spec.replicas")
_PATH: Final = ("f:spec", "f:replicas")


def shown(entries: list[ManagedFieldsEntry]) -> list[ManagedFieldsEntry]:
    """The entries of the Scale."""
    return [
        msgspec.structs.replace(with_fields(entry, _REPLICAS), api_version=kinds.SCALE.api_version)
        for entry in entries
        if has(fields_of(entry), *_PATH)
    ]


def taken_back(
    entries: list[ManagedFieldsEntry], scaled: list[ManagedFieldsEntry], api_version: str
) -> list[ManagedFieldsEntry]:
    """The object's entries after its Scale was applied to; `api_version` is the object's."""
    left = {_identity(entry): entry for entry in scaled if has(fields_of(entry), *_PATH)}
    kept = []
    for entry in entries:
        fields = fields_of(entry)
        if not has(fields, *_PATH) or left.pop(_identity(entry), None) is not None:
            kept.append(entry)
        elif rest := difference(fields, _REPLICAS):
            kept.append(with_fields(entry, rest))
    new = [msgspec.structs.replace(with_fields(e, _REPLICAS), api_version=api_version) for e in left.values()]
    return managedfields.ordered([*kept, *new])


def _identity(entry: ManagedFieldsEntry) -> tuple[str, str, str]:
    return entry.manager or "", entry.operation or "", entry.subresource or ""
