"""Objects as protobuf messages, by the server's own table of field numbers, and messages that are broken somewhere."""

from __future__ import annotations

import base64
import struct
from random import Random
from typing import Any

from fuzz_values import one_in

from podling.api import kinds, schema
from podling.api.schema import Anything, ListOf, MapOf, Record, Scalar, Schema
from podling.api.types import meta_v1
from podling.apiserver.protobuf import decoder

Document = dict[str, Any]


def as_protobuf(document: Document, chance: Random) -> bytes:
    """The message; one time in five a byte of it is another, or its end is missing."""
    try:
        data = message(document)
    except (KeyError, TypeError, ValueError, AttributeError):  # nonsense that no client could send
        data = b"k8s\x00"
    if one_in(chance, 5):
        at = chance.randrange(len(data))
        data = data[:at] + (bytes([chance.randrange(256)]) + data[at + 1 :] if one_in(chance, 2) else b"")
    return data


def message(document: Document) -> bytes:
    """The envelope with the object in it; raises KeyError, TypeError and ValueError for what has no such form."""
    api_version, kind = document["apiVersion"], document["kind"]
    record = (
        schema.of(meta_v1.DeleteOptions)
        if kind == "DeleteOptions"
        else schema.of(kinds.by_api_version(api_version, kind).struct)
    )
    named = _field(1, api_version.encode()) + _field(2, kind.encode())
    rest = {key: item for key, item in document.items() if key not in ("apiVersion", "kind")}
    return decoder.MAGIC + _field(1, named) + _field(2, _record(rest, record, record.name))


def _record(document: Document, record: Record, name: str) -> bytes:
    found = b""
    slots = decoder._slots(record, name)
    for number, slot in slots.items():
        if isinstance(slot, str):
            inner = _record(document, record, slot)
            found += _field(number, inner) if inner else b""
        elif document.get(slot.name) is not None:
            found += _slot(number, document[slot.name], slot.schema)
    return found


def _slot(number: int, value: Any, shape: Schema) -> bytes:
    if isinstance(shape, ListOf):
        return b"".join(_value(number, item, shape.item) for item in value)
    if isinstance(shape, MapOf):
        return b"".join(
            _field(number, _field(1, key.encode()) + _value(2, item, shape.value))
            for key, item in value.items()
        )
    return _value(number, value, shape)


def _value(number: int, value: Any, shape: Schema) -> bytes:
    match shape:
        case Record():
            return _field(number, _record(value, shape, shape.name))
        case ListOf():
            return _field(number, b"".join(_value(1, item, shape.item) for item in value))
        case Scalar("integer" | "boolean"):
            return _varint(number << 3) + _varint(int(value) % 2**64)
        case Scalar("number"):
            return _varint(number << 3 | 1) + struct.pack("<d", value)
        case Scalar("quantity"):
            return _field(number, _field(1, str(value).encode()))
        case Scalar("int-or-string"):
            if isinstance(value, int):
                return _field(number, _varint(2 << 3) + _varint(value % 2**64))
            return _field(number, _varint(1 << 3) + _varint(1) + _field(3, value.encode()))
        case Scalar(_, "byte"):
            return _field(number, base64.b64decode(value))
        case Scalar(_, "date-time" | "date-time-micro"):
            return _field(number, _varint(1 << 3) + _varint(1_700_000_000) + _varint(2 << 3) + _varint(5_000))
        case Scalar():
            return _field(number, value.encode())
        case Anything():
            return _field(number, _field(1, b'{"a": 1}'))
        case _:
            raise ValueError("no such form")


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
