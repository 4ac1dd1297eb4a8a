"""How the watch cache reads labels and selectable fields out of stored bytes.

A write hands both over, so this runs only for what is read from the store when the server starts, and for what other
servers on the same store have written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from podling.api import codec, kinds, selectable
from podling.api.kinds import Kind
from podling.api.object import Object
from podling.store.watchcache import NO_FIELDS, CollectionConfig, Index, Indexed


class _Labels(msgspec.Struct):
    labels: dict[str, str] | None = None


class _Labelled(msgspec.Struct):
    metadata: _Labels


_labelled = msgspec.json.Decoder(_Labelled)


def collection_configs(served: Collection[Kind]) -> list[CollectionConfig]:
    """One collection for each place in the store where a kind lies that is served, or that the server reads for itself."""
    found: dict[str, CollectionConfig] = {}
    for kind in kinds.ALL:
        if (kind.served_by_default or kind in served) and kind.is_stored and kind.prefix not in found:
            storage = kinds.storage_kind(kind)
            found[kind.prefix] = CollectionConfig(
                prefix=storage.key_prefix(), index=index_of(storage), history=storage.history
            )
    return list(found.values())


def of(obj: Object) -> Indexed:
    """What a writer hands over of an object in its stored version."""
    fields: Mapping[str, str] = selectable.values(obj.kind, obj.body) if obj.kind.selectable else NO_FIELDS
    return obj.metadata.labels, fields


def index_of(kind: Kind) -> Index:
    """The index function of a stored kind; only kinds with selectable fields are decoded whole."""
    if not kind.selectable:
        return _labels_only

    def read(_: str, value: bytes) -> Indexed:
        return of(codec.decode(kind, value))

    return read


def _labels_only(_: str, value: bytes) -> Indexed:
    return _labelled.decode(value).metadata.labels, NO_FIELDS
