"""From a protobuf message of a Kubernetes kind to the document that says the same in JSON.

An envelope (`k8s\\0` and a runtime.Unknown) names the kind; the kind's schema says how its fields look in JSON, the
table of field numbers which field is which. Go writes scalars that are no pointers even when they are zero, and leaves
those out of JSON: so does this. A field number that the table does not know is refused, because to pass it over
would lose what the client asked for.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from podling.api import errors, kinds, schema, times
from podling.api.schema import Anything, ListOf, MapOf, Record, Scalar, Schema
from podling.api.types import meta_v1

from . import wire

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
MAX_DEPTH = 64
_ENVELOPE_TYPE, _ENVELOPE_RAW = 1, 2

Document = dict[str, Any]


def to_document(data: bytes) -> Document:
    """The object in a request's body; raises BadRequest, and UnsupportedMediaType for kinds without a protobuf form."""
    if not data.startswith(MAGIC):
        raise errors.BadRequest(
            "provided data does not appear to be a protobuf message, expected prefix 'k8s\\x00'"
        )
    try:
        envelope = dict(wire.fields(data[len(MAGIC) :]))
        named = dict(wire.fields(_bytes(envelope.get(_ENVELOPE_TYPE, b""))))
        api_version, kind = _text(named.get(1, b"")), _text(named.get(2, b""))
        message = _bytes(envelope.get(_ENVELOPE_RAW, b""))
        return {"kind": kind, "apiVersion": api_version, **_record(message, _schema_of(api_version, kind), 0)}
    except (wire.Malformed, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise errors.BadRequest(f"unable to decode the protobuf message: {error}") from error


@dataclass(frozen=True, slots=True)
class _Slot:
    """What a field number means."""

    name: str
    schema: Schema
    is_pointer: bool
    """A scalar whose zero is written because it means something."""


@cache
def _table() -> dict[str, str]:
    found: dict[str, str] = json.loads((files(__package__) / "fields.json").read_bytes())
    return found


def _schema_of(api_version: str, kind: str) -> Record:
    if kind == "DeleteOptions":
        return schema.of(meta_v1.DeleteOptions)
    for row in kinds.ALL:
        if row.kind == kind and row.api_version == api_version:
            found = schema.of(row.struct)
            if found.name in _table():
                return found
    if (api_version, kind) == ("", ""):
        raise wire.Malformed("the envelope names no kind")
    raise errors.UnsupportedMediaType(("application/json", "application/yaml"))


@cache
def _slots(record: Record, message: str) -> dict[int, _Slot | str]:
    """By number; the name of a message stands for one whose fields belong to this record."""
    found: dict[int, _Slot | str] = {}
    for number, name in enumerate(_table().get(message, "").split(), start=1):
        if name.startswith(">"):
            found[number] = name[1:]
        elif (field := record.fields.get(name.lstrip("*"))) is not None:
            found[number] = _Slot(field.name, field.schema, name.startswith("*") or field.required)
    return found


def _record(data: bytes, record: Record, depth: int, message: str = "") -> Document:
    if depth > MAX_DEPTH:
        raise wire.Malformed("nested too deeply")
    message = message or record.name
    slots = _slots(record, message)
    document: Document = {}
    for number, value in wire.fields(data):
        slot = slots.get(number)
        if slot is None:
            why = f"field {number} of {message} is not known to this server: send the object as JSON"
            raise errors.BadRequest(why)
        if isinstance(slot, str):
            document.update(_record(_bytes(value), record, depth + 1, slot))
        else:
            _put(document, slot, value, depth + 1)
    return document


def _put(document: Document, slot: _Slot, value: wire.Value, depth: int) -> None:
    shape = slot.schema
    if isinstance(shape, ListOf):
        items = document.setdefault(slot.name, [])
        if isinstance(value, bytes) and isinstance(shape.item, Scalar) and shape.item.kind == "integer":
            items.extend(map(wire.signed, wire.numbers(value)))
        else:
            items.append(_value(value, shape.item, depth))
        return
    if isinstance(shape, MapOf):
        entry = dict(wire.fields(_bytes(value)))
        held = entry.get(2, _zero(shape.value))
        document.setdefault(slot.name, {})[_text(entry.get(1, b""))] = _value(held, shape.value, depth)
        return
    found = _value(value, shape, depth)
    is_empty = found is None or (isinstance(shape, Scalar) and not found and not slot.is_pointer)
    if is_empty and not _is_always_written(shape):
        document.pop(slot.name, None)
    elif isinstance(found, dict) and isinstance(document.get(slot.name), dict):
        document[slot.name] |= found
    else:
        document[slot.name] = found


def _is_always_written(shape: Schema) -> bool:
    """Values that Go writes into JSON even when they are zero."""
    return isinstance(shape, Scalar) and shape.kind in ("int-or-string", "quantity")


def _zero(shape: Schema) -> wire.Value:
    is_number = isinstance(shape, Scalar) and shape.kind in ("integer", "boolean")
    return 0 if is_number else b""


def _value(value: wire.Value, shape: Schema, depth: int) -> Any:
    if isinstance(shape, Record):
        return _record(_bytes(value), shape, depth)
    if isinstance(shape, Scalar):
        return _scalar(value, shape)
    if isinstance(shape, ListOf):  # the value of a map: a message that holds the list alone
        return [_value(item, shape.item, depth) for _, item in wire.fields(_bytes(value))]
    if isinstance(shape, Anything):
        raw = _bytes(dict(wire.fields(_bytes(value))).get(1, b""))
        return msgspec.json.decode(raw) if raw else None
    raise wire.Malformed("a value of a type that has no protobuf form")


def _scalar(value: wire.Value, shape: Scalar) -> Any:
    match shape.kind, shape.format:
        case "integer", _:
            return wire.signed(_number(value))
        case "boolean", _:
            return bool(_number(value))
        case "number", _:
            return struct.unpack("<d", _bytes(value))[0]
        case "quantity", _:
            return _text(dict(wire.fields(_bytes(value))).get(1, b"0")) or "0"
        case "int-or-string", _:
            parts = dict(wire.fields(_bytes(value)))
            return _text(parts.get(3, b"")) if parts.get(1) else wire.signed(_number(parts.get(2, 0)))
        case _, "byte":
            return base64.b64encode(_bytes(value)).decode()
        case _, "date-time" | "date-time-micro":
            return _time(_bytes(value), micro=shape.format == "date-time-micro")
        case _:
            return _text(value)


def _time(data: bytes, *, micro: bool) -> str | None:
    """A Timestamp message; the zero time has no fields."""
    parts = dict(wire.fields(data))
    if not parts:
        return None
    seconds, nanos = wire.signed(_number(parts.get(1, 0))), _number(parts.get(2, 0))
    try:
        return times.rfc3339_micro(seconds + nanos / 1e9) if micro else times.rfc3339(seconds)
    except (ValueError, OverflowError) as error:
        raise wire.Malformed("a time beyond the calendar") from error


def _bytes(value: wire.Value) -> bytes:
    if isinstance(value, int):
        raise wire.Malformed("a number where a message or text is expected")
    return value


def _number(value: wire.Value) -> int:
    if isinstance(value, bytes):
        raise wire.Malformed("text where a number is expected")
    return value


def _text(value: wire.Value) -> str:
    return _bytes(value).decode()
