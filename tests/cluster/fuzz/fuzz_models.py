"""Patches as their specifications tell them, in the plainest words, to hold the server's own against.

JSON patch (RFC 6902) and merge patch (RFC 7386) work on any document; strategic merge patch and apply look up in the schema how a list merges.
They change what they are given.
"""

from __future__ import annotations

import copy
from typing import Any

from podling.api.levels import LATEST
from podling.api.schema import ANYTHING, Anything, Field, ListOf, MapOf, Record, Schema

Document = Any


class Fails(Exception):
    """The patch does not apply."""


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2, line by line."""
    if not isinstance(patch, dict):
        return patch
    if not isinstance(target, dict):
        target = {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merge_patch(target.get(name), value)
    return target


def json_patch(document: Any, operations: list[dict[str, Any]]) -> Any:
    """RFC 6902, section 4, one operation after the other."""
    holder = {"": copy.deepcopy(document)}
    for operation in operations:
        _operate(holder, operation)
    return holder[""]


def _operate(holder: dict[str, Any], operation: dict[str, Any]) -> None:
    path = operation["path"]
    match operation["op"]:
        case "add":
            _add(holder, path, copy.deepcopy(operation["value"]))
        case "remove":
            _remove(holder, path)
        case "replace":
            _get(holder, path)
            _replace(holder, path, copy.deepcopy(operation["value"]))
        case "move":
            moved = _get(holder, operation["from"])
            if path.startswith(operation["from"] + "/"):
                raise Fails
            _remove(holder, operation["from"])
            _add(holder, path, moved)
        case "copy":
            _add(holder, path, copy.deepcopy(_get(holder, operation["from"])))
        case "test":
            node, last = _parent(holder, path)
            missing = isinstance(node, dict) and last not in node  # null to the library that upstream uses
            if not same(None if missing else _get(holder, path), operation["value"]):
                raise Fails


def same(one: Any, other: Any) -> bool:
    """Equal as JSON; Python takes true for 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")]


def _step(node: Any, part: str) -> Any:
    try:
        return node[int(part)] if isinstance(node, list) else node[part]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise Fails from error


def _get(holder: Any, pointer: str) -> Any:
    for part in _parts(pointer):
        holder = _step(holder, part)
    return holder


def get(document: Any, pointer: str) -> Any:
    """What a pointer points to, None for nothing."""
    try:
        return copy.deepcopy(_get({"": document}, pointer))
    except Fails:
        return None


def _parent(holder: Any, pointer: str) -> tuple[Any, str]:
    *above, last = _parts(pointer)
    for part in above:
        holder = _step(holder, part)
    if not isinstance(holder, dict | list):
        raise Fails
    return holder, last


def _add(holder: Any, pointer: str, value: Any) -> None:
    node, last = _parent(holder, pointer)
    if isinstance(node, dict):
        node[last] = value
    elif last == "-":
        node.append(value)
    elif last.isdecimal() and int(last) <= len(node):
        node.insert(int(last), value)
    else:
        raise Fails


def _remove(holder: Any, pointer: str) -> None:
    node, last = _parent(holder, pointer)
    _step(node, last)
    del node[last if isinstance(node, dict) else int(last)]


def _replace(holder: Any, pointer: str, value: Any) -> None:
    node, last = _parent(holder, pointer)
    _step(node, last)
    node[last if isinstance(node, dict) else int(last)] = value


def strategic(target: Any, patch: Any, shape: Schema) -> Any:
    """What the API conventions say of strategic merge patches without directives: objects merge, null removes, lists that
    merge do so by their key or as sets, and everything else replaces.
    """
    if not isinstance(patch, dict) or not isinstance(target, dict):
        return without_nulls(patch)
    for name, value in patch.items():
        field = _field(shape, name)
        if value is None:
            target.pop(name, None)
        elif (
            "merge" in field.patch_strategy and isinstance(value, list) and isinstance(target.get(name), list)
        ):
            target[name] = _merge_lists(target[name], value, field)
        elif isinstance(value, list):
            target[name] = value if isinstance(target.get(name), list) else without_nulls(value)
        elif "replace" in field.patch_strategy and isinstance(target.get(name), dict):
            target[name] = value
        else:
            target[name] = strategic(target.get(name), value, field.schema)
    return target


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def _merge_lists(old: list[Any], new: list[Any], field: Field) -> list[Any]:
    """In any order: see `in_any_order`."""
    key, item_shape = field.merge_key, _item(field.schema)
    if not key:
        return old + [item for item in new if item not in old]
    for item in new:
        if not isinstance(item, dict) or item.get(key) is None:
            raise Fails
        found = [index for index, other in enumerate(old) if other.get(key) == item[key]]
        if found:
            old[found[0]] = strategic(old[found[0]], item, item_shape)
        else:
            old.append(without_nulls(item))
    return old


def applied(target: Any, wish: Any, shape: Schema) -> Any:
    """What a first apply makes of an object: maps and lists with keys merge, sets unite, everything else replaces."""
    if isinstance(shape, Record | MapOf | Anything) and isinstance(wish, dict):
        whole = isinstance(shape, Record | MapOf) and shape.atomic
        had = target if isinstance(target, dict) and not whole else {}
        if isinstance(shape, Record) and not all(
            LATEST.knows(shape.name, name) and name in shape.fields for name in wish
        ):
            raise Fails
        return had | {name: applied(had.get(name), wish[name], _field(shape, name).schema) for name in wish}
    if isinstance(shape, ListOf) and isinstance(wish, list):
        return _apply_lists(target if isinstance(target, list) else [], wish, shape)
    return wish


def _apply_lists(target: list[Any], wish: list[Any], shape: ListOf) -> list[Any]:
    if shape.list_type == "atomic":
        return [applied(None, item, shape.item) for item in wish]
    defaults = dict(shape.key_defaults)

    def identity(item: Any) -> Any:
        if shape.list_type == "set":
            return item
        if not isinstance(item, dict) or any(item.get(key, defaults.get(key)) is None for key in shape.keys):
            raise Fails
        return [item.get(key, defaults.get(key)) for key in shape.keys]

    wanted = [identity(item) for item in wish]
    if any(wanted.count(each) > 1 for each in wanted):
        raise Fails
    for item, each in zip(wish, wanted, strict=True):
        found = [index for index, other in enumerate(target) if identity(other) == each]
        if found:
            target[found[0]] = applied(target[found[0]], item, shape.item)
        else:
            target.append(applied(None, item, shape.item))
    return target


def _field(shape: Schema, name: str) -> Field:
    if isinstance(shape, Record):
        return shape.fields.get(name) or Field(name, name, ANYTHING)
    return Field(name, name, shape.value if isinstance(shape, MapOf) else ANYTHING)


def _item(shape: Schema) -> Schema:
    return shape.item if isinstance(shape, ListOf) else ANYTHING


def in_any_order(node: Any) -> Any:
    """The same for two documents whose lists hold the same."""
    if isinstance(node, dict):
        return {key: in_any_order(item) for key, item in node.items()}
    if isinstance(node, list):
        return sorted(map(in_any_order, node), key=repr)
    return node
