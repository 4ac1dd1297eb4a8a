"""Whether a configuration fits the schema of its kind.

An apply is stricter than other writes: a field that the kind does not have, a value of another type, an item without its key
and two items of one key are refused whatever `fieldValidation` says, because nobody could own them. Null fits everywhere but as
an item. The words are those of structured-merge-diff.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from podling.api.gotext import verb_v
from podling.api.levels import Level
from podling.api.schema import Anything, ListOf, MapOf, OneOf, Record, Scalar, Schema

from . import shape
from .paths import element_text

_NUMERIC = ("integer", "number")


def faults(value: Any, node: Schema, *, level: Level, path: str = "") -> Iterator[str]:
    """What does not fit, each as `path: why`."""
    if value is None:
        return
    match node:
        case Scalar():
            wrong = _scalar_fault(value, node)
            if wrong:
                yield f"{path}: {wrong}"
        case ListOf():
            if isinstance(value, list):
                yield from _list_faults(value, node, level, path)
            else:
                yield f"{path}: expected list, got &{{{verb_v(value)}}}"
        case Record() | MapOf():
            if isinstance(value, dict):
                yield from _entry_faults(value, node, level, path)
            else:
                yield f"{path}: expected map, got &{{{verb_v(value)}}}"
        case Anything() | OneOf():
            pass


def _entry_faults(value: dict[str, Any], node: Record | MapOf, level: Level, path: str) -> Iterator[str]:
    for name, sub in value.items():
        if isinstance(node, Record) and not _is_known(node, name, level):
            yield f"{path}.{name}: field not declared in schema"
            return
        yield from faults(sub, shape.field_node(node, name), level=level, path=f"{path}.{name}")


def _is_known(node: Record, name: str, level: Level) -> bool:
    return node.preserve_unknown or (name in node.fields and level.knows(node.name, name))


def _list_faults(value: list[Any], node: ListOf, level: Level, path: str) -> Iterator[str]:
    if node.list_type == "atomic":
        for index, item in enumerate(value):
            yield from faults(item, node.item, level=level, path=f"{path}[{index}]")
        return
    seen: set[str] = set()
    for index, item in enumerate(value):
        wrong = _item_fault(item, node)
        if wrong:
            yield f"{path}: element {index}: {wrong}"
            return
        element = next(shape.items(node, [item]))[0]
        if element in seen:
            yield f"{path}: duplicate entries for key {element_text(element)}"
        seen.add(element)
        yield from faults(item, node.item, level=level, path=path + element_text(element))


def _item_fault(item: Any, node: ListOf) -> str:
    if node.list_type == "set":
        if isinstance(item, dict):
            return "associative list without keys has an element that's a map type"
        if isinstance(item, list):
            return "not supported: associative list with lists as elements"
        return "associative list without keys has an element that's an explicit null" if item is None else ""
    if item is None:
        return "associative list with keys may not have a null element"
    if not isinstance(item, dict):
        return "associative list with keys may not have non-map elements"
    defaults = dict(node.key_defaults)
    for name in node.keys:
        if name not in item and name not in defaults:
            return f'associative list with keys has an element that omits key field "{name}" (and doesn\'t have default value)'
    return ""


def _scalar_fault(value: Any, node: Scalar) -> str:
    if node.kind == "boolean":
        return "" if isinstance(value, bool) else f"expected boolean, got &{{{verb_v(value)}}}"
    if node.kind in _NUMERIC:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if is_number else f"expected numeric (int or float), got {_go_type(value)}"
    if node.kind == "string":
        if isinstance(value, str):
            return ""
        return f"expected string, got &value.valueUnstructured{{Value:{verb_v(value)}}}"
    return f"expected any scalar, got &{{{verb_v(value)}}}" if isinstance(value, dict | list) else ""


def _go_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case list():
            return "[]interface {}"
    return "map[string]interface {}"
