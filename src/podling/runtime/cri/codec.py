"""CRI's protobuf messages as plain dicts (pure), by the generated table of fields in ``messages.json``.

Why not the protobuf library: a kubelet's side of CRI needs thirty messages with seven kinds of fields, and a small
install shall be able to drive containerd without 30 MB more.  Names, numbers and types are upstream's
(`tools/generate_cri.py`); an enum's value is its name, a message a dict, a repeated field a list.

A decoded message has every field of its own that is no message, zero where it was not sent; messages only where they
were sent.  Encoding leaves zeros out, as proto3 does, and keeps empty messages, which mean something.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import Any, Final

Message = dict[str, Any]

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5
_SIGNED: Final = ("int32", "int64")
_NUMBERS: Final = (*_SIGNED, "uint32", "uint64", "bool")


class Malformed(ValueError):
    """The bytes are no message, or a field is none of the message's."""


@dataclass(frozen=True, slots=True)
class _Field:
    """``kind``: a scalar's, enum's or message's name, or ``map`` of strings to strings."""

    name: str
    number: int
    kind: str
    repeated: bool


def encode(name: str, message: Mapping[str, Any]) -> bytes:
    """The bytes of a message called ``name``.  Raises ``Malformed`` for fields that it does not have."""
    known, out = _fields(name), bytearray()
    for key, value in message.items():
        field = known.get(key)
        if field is None:
            raise Malformed(f"{name} has no field {key}")
        for one in _values(field, value):
            kind = _VARINT if field.kind in _NUMBERS or _enum(field.kind) else _BYTES
            out += _varint(field.number << 3 | kind)
            out += _varint(_number(field.kind, one)) if kind == _VARINT else _sized(_packed(field.kind, one))
    return bytes(out)


def decode(name: str, data: bytes) -> Message:
    """The message called ``name`` in ``data``; fields that the table does not know are passed over."""
    known = _by_number(name)
    found: Message = {key: zero() for key, zero in _zeros(name)}
    for number, value in _parts(data):
        field = known.get(number)
        if field is None:
            continue
        if field.kind == "map":
            pair = dict(_parts(_whole(value)))
            found[field.name][_text(pair.get(1, b""))] = _text(pair.get(2, b""))
        elif not field.repeated:
            found[field.name] = _value(field.kind, value)
        elif isinstance(value, bytes) and field.kind in _NUMBERS:
            found[field.name] += [_value(field.kind, one) for one in _unpacked(value)]
        else:
            found[field.name].append(_value(field.kind, value))
    return found


def _values(field: _Field, value: Any) -> Iterator[Any]:
    """What is to be written of a field's value: nothing for zero, each part of a list or map."""
    if field.kind == "map":
        yield from (value or {}).items()
    elif field.repeated:
        yield from value or ()
    elif value is not None and (isinstance(value, dict) or value):
        yield value


def _packed(kind: str, value: Any) -> bytes:
    if kind == "map":
        return b"".join(
            _varint(number << 3 | _BYTES) + _sized(text.encode()) for number, text in enumerate(value, 1)
        )
    if kind == "string":
        return str(value).encode()
    return bytes(value) if kind == "bytes" else encode(kind, value)


def _number(kind: str, value: Any) -> int:
    names = _enum(kind)
    if names:
        return names.index(value)
    return int(value) & ((1 << 64) - 1)


def _value(kind: str, value: int | bytes) -> Any:
    names = _enum(kind)
    if names is not None:
        number = _count(value)
        return names[number] if number < len(names) else str(number)
    if kind in _NUMBERS:
        number = _count(value)
        if kind == "bool":
            return bool(number)
        return number - (1 << 64) if kind in _SIGNED and number >> 63 else number
    if kind == "string":
        return _text(value)
    return _whole(value) if kind == "bytes" else decode(kind, _whole(value))


def _count(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise Malformed("bytes where a number is expected")
    return value


def _whole(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise Malformed("a number where bytes are expected")
    return value


def _text(value: int | bytes) -> str:
    return _whole(value).decode(errors="replace")


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files(__package__).joinpath("messages.json").read_text())
    return found


@cache
def _enum(kind: str) -> list[str] | None:
    known = _table().get(kind)
    return known if isinstance(known, list) else None


@cache
def _fields(name: str) -> dict[str, _Field]:
    known = _table().get(name)
    if not isinstance(known, dict):
        raise Malformed(f"there is no message {name}")
    fields = {}
    for key, slot in known.items():
        number, _, kind = slot.partition(" ")
        fields[key] = _Field(key, int(number), kind.removesuffix("*"), kind.endswith("*"))
    return fields


@cache
def _by_number(name: str) -> dict[int, _Field]:
    return {field.number: field for field in _fields(name).values()}


@cache
def _zeros(name: str) -> list[tuple[str, Callable[[], Any]]]:
    found: list[tuple[str, Callable[[], Any]]] = []
    plain: dict[str, Callable[[], Any]] = {"string": str, "bytes": bytes, "bool": bool, "map": dict}
    for field in _fields(name).values():
        names = _enum(field.kind)
        if field.repeated:
            found.append((field.name, list))
        elif names is not None:
            found.append((field.name, partial(str, names[0])))
        elif field.kind in plain or field.kind in _NUMBERS:
            found.append((field.name, plain.get(field.kind, int)))
    return found


def _parts(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at, end = 0, len(data)
    while at < end:
        head, at = _read_varint(data, at)
        kind = head & 7
        if kind == _VARINT:
            number, at = _read_varint(data, at)
            yield head >> 3, number
            continue
        if kind == _BYTES:
            size, at = _read_varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise Malformed(f"field {head >> 3} is of the unknown wire type {kind}")
        if size > end - at:
            raise Malformed("unexpected end of a message")
        yield head >> 3, data[at : at + size]
        at += size


def _unpacked(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        number, at = _read_varint(data, at)
        yield number


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed("unexpected end of a number")


def _sized(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
