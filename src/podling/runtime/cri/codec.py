"""Protobuf messages as plain dicts (pure), by tables of fields; CRI's own is generated, ``messages.json``.

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
from functools import cache
from importlib.resources import files
from typing import Any, Final

Message = dict[str, Any]

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5
_SIGNED: Final = ("int32", "int64")
_ZEROS: Final[dict[str, Callable[[], Any]]] = {"string": str, "bytes": bytes, "bool": bool, "map": dict}
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


class Codec:
    """The messages and enums of a table: a message's fields are ``"number type"``, a star for a repeated one; an enum is its names."""

    def __init__(self, table: Mapping[str, Mapping[str, str] | list[str]]) -> None:
        self._messages: dict[str, dict[str, _Field]] = {}
        self._enums: dict[str, list[str]] = {}
        for name, known in table.items():
            if isinstance(known, list):
                self._enums[name] = known
            else:
                self._messages[name] = dict(_read_fields(known))
        self._numbers = {
            name: {field.number: field for field in fields.values()}
            for name, fields in self._messages.items()
        }

    def encode(self, name: str, message: Mapping[str, Any]) -> bytes:
        """The bytes of a message called ``name``.  Raises ``Malformed`` for fields that it does not have."""
        known, out = self._fields(name), bytearray()
        for key, value in message.items():
            field = known.get(key)
            if field is None:
                raise Malformed(f"{name} has no field {key}")
            for one in _values(field, value):
                kind = _VARINT if field.kind in _NUMBERS or field.kind in self._enums else _BYTES
                out += _varint(field.number << 3 | kind)
                if kind == _VARINT:
                    out += _varint(self._number(field.kind, one))
                else:
                    out += _sized(self._packed(field.kind, one))
        return bytes(out)

    def decode(self, name: str, data: bytes) -> Message:
        """The message called ``name`` in ``data``; fields that the table does not know are passed over."""
        fields = self._fields(name)
        found: Message = dict(self._zeros(fields))
        for number, value in _parts(data):
            field = self._numbers[name].get(number)
            if field is None:
                continue
            if field.kind == "map":
                pair = dict(_parts(_whole(value)))
                found[field.name][_text(pair.get(1, b""))] = _text(pair.get(2, b""))
            elif not field.repeated:
                found[field.name] = self._value(field.kind, value)
            elif isinstance(value, bytes) and (field.kind in _NUMBERS or field.kind in self._enums):
                found[field.name] += [self._value(field.kind, one) for one in _unpacked(value)]
            else:
                found[field.name].append(self._value(field.kind, value))
        return found

    def _fields(self, name: str) -> dict[str, _Field]:
        try:
            return self._messages[name]
        except KeyError:
            raise Malformed(f"there is no message {name}") from None

    def _zeros(self, fields: Mapping[str, _Field]) -> Iterator[tuple[str, Any]]:
        """What the fields that are no messages are where they were not sent."""
        for field in fields.values():
            if field.repeated:
                yield field.name, []
            elif field.kind in self._enums:
                yield field.name, self._enums[field.kind][0]
            elif field.kind in _ZEROS or field.kind in _NUMBERS:
                yield field.name, _ZEROS.get(field.kind, int)()

    def _packed(self, kind: str, value: Any) -> bytes:
        if kind == "map":
            return b"".join(
                _varint(number << 3 | _BYTES) + _sized(text.encode()) for number, text in enumerate(value, 1)
            )
        if kind == "string":
            return str(value).encode()
        return bytes(value) if kind == "bytes" else self.encode(kind, value)

    def _number(self, kind: str, value: Any) -> int:
        names = self._enums.get(kind)
        return names.index(value) if names is not None else int(value) & ((1 << 64) - 1)

    def _value(self, kind: str, value: int | bytes) -> Any:
        names = self._enums.get(kind)
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
        return _whole(value) if kind == "bytes" else self.decode(kind, _whole(value))


def encode(name: str, message: Mapping[str, Any]) -> bytes:
    """The bytes of CRI's message called ``name``.  Raises ``Malformed`` for fields that it does not have."""
    return _cri().encode(name, message)


def decode(name: str, data: bytes) -> Message:
    """CRI's message called ``name`` in ``data``; fields that the table does not know are passed over."""
    return _cri().decode(name, data)


@cache
def _cri() -> Codec:
    return Codec(json.loads(files(__package__).joinpath("messages.json").read_text()))


def _read_fields(known: Mapping[str, str]) -> Iterator[tuple[str, _Field]]:
    for key, slot in known.items():
        number, _, kind = slot.partition(" ")
        yield key, _Field(key, int(number), kind.removesuffix("*"), kind.endswith("*"))


def _values(field: _Field, value: Any) -> Iterator[Any]:
    """What is to be written of a field's value: nothing for zero, each part of a list or map."""
    if field.kind == "map":
        yield from (value or {}).items()
    elif field.repeated:
        yield from value or ()
    elif value is not None and (isinstance(value, dict) or value):
        yield value


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
