"""Protobuf's wire format: a message is a row of numbered values, each a number or some bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Value: TypeAlias = "int | bytes"


class Malformed(ValueError):
    """The bytes are no message."""


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Number and value of each field, in order; fixed-size numbers come as their bytes. Raises Malformed."""
    at, end = 0, len(data)
    while at < end:
        head, at = _varint(data, at)
        number, kind = head >> 3, head & 7
        if not number:
            raise Malformed("a field has the number 0")
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(data, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise Malformed(f"field {number} is of the unknown wire type {kind}")
        if size > end - at:
            raise Malformed("unexpected EOF")
        yield number, data[at : at + size]
        at += size


def numbers(data: bytes) -> list[int]:
    """The numbers of a packed list."""
    found, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found


def signed(value: int) -> int:
    """A varint as Go's int32 and int64: negative numbers are sent as their two's complement in 64 bits."""
    return value - (1 << 64) if value >> 63 else value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise Malformed("unexpected EOF")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise Malformed("integer overflow")
    if value >> 64:
        raise Malformed("integer overflow")
    return value, at
