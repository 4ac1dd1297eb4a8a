"""Objects of kinds with several versions, turned from the one asked for into the one stored and back."""

from __future__ import annotations

import msgspec

from podling.api import codec, schema
from podling.api.convert import convert
from podling.api.kinds import Kind
from podling.api.levels import Level
from podling.api.object import Object

_encode = msgspec.json.Encoder().encode


def to_storage(obj: Object, storage: Kind) -> Object:
    """The object in the version it is stored in."""
    return codec.from_dict(storage, convert(codec.to_dict(obj), obj.kind, storage))


def shown(value: bytes, storage: Kind, kind: Kind, level: Level) -> bytes:
    """Stored bytes in the version asked for, as that level knows it; they carry their resourceVersion through."""
    document = convert(msgspec.json.decode(value), storage, kind)
    ordered = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": document.get("metadata", {})}
    record = schema.of(kind.struct).name
    ordered.update(
        (name, part) for name, part in document.items() if name not in ordered and level.knows(record, name)
    )
    return _encode(ordered)
