"""What the rules of claims, classes and slices of devices share (pkg/apis/resource/validation)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import resource_v1

from .csi_names import driver_name
from .metadata import each

MAX_ITEMS = 32
MAX_IDENTIFIER = 32
MAX_POOL = 253
MAX_EXPRESSION = MAX_PARAMETERS = 10 * 1024
T = TypeVar("T")
_EFFECTS = ("NoExecute", "NoSchedule", "None")
_OPERATORS = ("Equal", "Exists")


def some(
    given: Sequence[T], path: Path, limit: int, rule: Callable[[T, Path], Iterator[FieldError]]
) -> Iterator[FieldError]:
    """Each of not too many; when there are, that alone is told."""
    if len(given) > limit:
        yield field.too_many(path, len(given), limit)
        return
    for index, item in enumerate(given):
        yield from rule(item, path / index)


def unique(keys: Sequence[Any], path: Path) -> Iterator[FieldError]:
    """No key comes twice."""
    for index, key in enumerate(keys):
        if key in keys[:index]:
            yield field.duplicate(path / index, key)


def pool_name(name: str, path: Path) -> Iterator[FieldError]:
    if not name:
        yield field.required(path)
        return
    if len(name.encode()) > MAX_POOL:
        yield field.too_long(path, MAX_POOL)
    for part in name.split("/"):
        yield from each(names.dns1123_subdomain, part, path)


def qualified_name(name: str, path: Path) -> Iterator[FieldError]:
    """An identifier, with the domain of a driver before it unless that is the slice's own."""
    domain, slash, rest = name.partition("/")
    if not slash:
        yield from _identifier(name, path)
    elif "/" in rest:
        yield field.invalid(path, name, "must not contain more than one slash")
    else:
        if domain:
            yield from driver_name(domain, path)
        else:
            yield field.invalid(path, "", "the domain must not be empty")
        if rest:
            yield from _identifier(rest, path)
        else:
            yield field.invalid(path, "", "the name must not be empty")


def fully_qualified_name(name: str, path: Path) -> Iterator[FieldError]:
    yield from qualified_name(name, path)
    if "/" not in name:
        why = "a fully qualified name must be a domain and a name separated by a slash"
        yield field.invalid(path, name, why)


def selector(given: resource_v1.DeviceSelector, path: Path) -> Iterator[FieldError]:
    """Its expression is judged by whoever runs it."""
    if given.cel is None:
        yield field.required(path / "cel")
    elif len(given.cel.expression.encode()) > MAX_EXPRESSION:
        yield field.too_long(path / "cel" / "expression", MAX_EXPRESSION)


def opaque(given: resource_v1.OpaqueDeviceConfiguration | None, path: Path) -> Iterator[FieldError]:
    """Parameters that only the driver understands."""
    if given is None:
        yield field.required(path / "opaque")
        return
    yield from driver_name(given.driver, path / "opaque" / "driver")
    where, raw = path / "opaque" / "parameters", bytes(given.parameters)
    if len(raw) > MAX_PARAMETERS:
        yield field.too_long(where, MAX_PARAMETERS)
    elif raw in (b"", b"null"):
        yield field.required(where)
    elif not isinstance(msgspec.json.decode(raw), dict):
        yield field.invalid(where, "<value omitted>", "must be a valid JSON object")


def toleration(given: resource_v1.DeviceToleration, path: Path) -> Iterator[FieldError]:
    if given.key:
        yield from each(names.label_key, given.key, path / "key")
    if not given.operator:
        yield field.required(path / "operator")
    elif given.operator not in _OPERATORS:
        yield field.not_supported(path / "operator", given.operator, _OPERATORS)
    elif given.operator == "Equal":
        yield from each(names.label_value, given.value or "", path / "value")
    elif given.value:
        yield field.invalid(path / "value", given.value, "must be empty for operator `Exists`")
    if given.effect and given.effect not in _EFFECTS:
        yield field.not_supported(path / "effect", given.effect, _EFFECTS)


def taint(given: resource_v1.DeviceTaint, path: Path, *, had: str | None = None) -> Iterator[FieldError]:
    """`had`: the effect that was there before, which may stay."""
    yield from each(names.label_key, given.key, path / "key")
    if given.value:
        yield from each(names.label_value, given.value, path / "value")
    if given.effect == had:
        return
    if not given.effect:
        yield field.required(path / "effect")
    elif given.effect not in _EFFECTS:
        yield field.not_supported(path / "effect", given.effect, _EFFECTS)


def _identifier(name: str, path: Path) -> Iterator[FieldError]:
    if len(name.encode()) > MAX_IDENTIFIER:
        yield field.too_long(path, MAX_IDENTIFIER)
    yield from each(names.c_identifier, name, path)
