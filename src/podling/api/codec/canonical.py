"""The one spelling of Quantities, times and base64 in what a user wrote.

Go's types check and rewrite these when they decode (`1000m` becomes `1`, `12:00:00+02:00` becomes `10:00:00Z`); ours hold text, so
this is done here, once, on what comes from outside. Which fields hold such text is read off the schema: per record a plan of
the few attributes that lead to some, so that an object without any is not walked at all.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final, TypeAlias

import msgspec

from podling.api import quantity, schema
from podling.api.errors import BadRequest
from podling.api.gotext import quote
from podling.api.object import Object
from podling.api.schema import ListOf, MapOf, Record, Scalar, Schema

from .malformed import Malformed

Rewrite: TypeAlias = Callable[[Any], Any]
"""Gives the canonical form of a value; lists, maps and records are changed in place."""


def canonicalise(obj: Object) -> None:
    """Rewrites Quantities, times and base64 of the object in place. Raises BadRequest where one cannot be read."""
    try:
        if isinstance(obj.body, msgspec.Struct):
            canonicalise_struct(obj.body)
        else:
            canonicalise_struct(obj.metadata)
    except Malformed as error:
        kind = obj.kind
        words = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {error}'
        raise BadRequest(words) from error


def canonicalise_struct(struct: msgspec.Struct) -> None:
    """As `canonicalise`, for any record. Raises Malformed."""
    for attribute, rewrite in _plan(type(struct)):
        value = getattr(struct, attribute)
        if value is not None:
            new = rewrite(value)
            if new is not value:
                setattr(struct, attribute, new)


@cache
def _plan(struct: type[msgspec.Struct]) -> tuple[tuple[str, Rewrite], ...]:
    """The attributes of a type that hold or lead to text with one spelling."""
    fields = schema.of(struct).fields.values()
    return tuple(
        (field.attribute, _rewrite(field.schema)) for field in fields if _leads_to_text(field.schema, set())
    )


def _leads_to_text(node: Schema, seen: set[Record]) -> bool:
    match node:
        case Scalar():
            return node in _SPELLINGS
        case ListOf(item) | MapOf(item):
            return _leads_to_text(item, seen)
        case Record():
            if node in seen:
                return False
            seen.add(node)
            return any(_leads_to_text(field.schema, seen) for field in node.fields.values())
    return False


def _rewrite(node: Schema) -> Rewrite:
    match node:
        case Scalar():
            return _SPELLINGS[node]
        case ListOf(item):
            return partial(_rewrite_list, _rewrite(item))
        case MapOf(item):
            return partial(_rewrite_map, _rewrite(item))
    return _rewrite_record


def _rewrite_record(struct: msgspec.Struct) -> msgspec.Struct:
    canonicalise_struct(struct)
    return struct


def _rewrite_list(rewrite: Rewrite, values: list[Any]) -> list[Any]:
    for index, value in enumerate(values):
        new = rewrite(value)
        if new is not value:
            values[index] = new
    return values


def _rewrite_map(rewrite: Rewrite, values: dict[str, Any]) -> dict[str, Any]:
    for key, value in values.items():
        new = rewrite(value)
        if new is not value:
            values[key] = new
    return values


def _quantity(text: str) -> str:
    try:
        return quantity.canonical(text)
    except quantity.QuantityError as error:
        raise Malformed(str(error)) from error


def _time(text: str) -> str:
    if _UTC_SECONDS.fullmatch(text):
        return text
    found = _RFC3339.fullmatch(text)
    moment = _moment(text, "2006-01-02T15:04:05Z07:00", well_formed=found is not None)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _micro_time(text: str) -> str:
    found = _RFC3339.fullmatch(text)
    exact = found is not None and len(found["fraction"] or "") == len(".000000")
    moment = _moment(text, "2006-01-02T15:04:05.000000Z07:00", well_formed=exact)
    return text if text.endswith("Z") else f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def _moment(text: str, layout: str, *, well_formed: bool) -> datetime:
    try:
        if well_formed:
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Malformed(f'parsing time {quote(text)} as "{layout}": cannot parse {quote(text)} as "2006"')


def _base64(text: str) -> str:
    """Go skips line breaks and insists on padding; what is stored has no line breaks."""
    plain = text.replace("\r", "").replace("\n", "")
    try:
        binascii.a2b_base64(plain, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        bad = _NOT_BASE64.search(plain)
        raise Malformed(f"illegal base64 data at input byte {bad.start() if bad else len(plain)}") from error
    return text if plain == text else plain


_UTC_SECONDS = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?P<fraction>\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})"
)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")
_SPELLINGS: Final[dict[Scalar, Rewrite]] = {
    Scalar("quantity"): _quantity,
    Scalar("string", "date-time"): _time,
    Scalar("string", "date-time-micro"): _micro_time,
    Scalar("string", "byte"): _base64,
}
