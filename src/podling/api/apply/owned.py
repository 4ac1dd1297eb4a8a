"""Which fields a configuration names, and so its manager comes to own.

Scalars and whatever is atomic, every key of a map and every item of a list with keys or values of their own; records only by what
they hold, unless they are empty or null. (structured-merge-diff, typed/tofieldset.go)
"""

from __future__ import annotations

from typing import Any

from podling.api.managedfields import FieldSet
from podling.api.schema import ANYTHING, ListOf, MapOf, Record, Schema

from . import shape

_MEMBER: FieldSet = {}


def owned(value: Any, node: Schema) -> FieldSet:
    """The fields below a value."""
    node = shape.resolved(node, value)
    found: FieldSet = {}
    if shape.is_leaf(node):
        return found
    if isinstance(value, dict) and isinstance(node, Record | MapOf):
        for name, sub in value.items():
            below = shape.field_node(node, name)
            is_member = sub is None or sub == {} or shape.is_leaf(shape.resolved(below, sub))
            _add(found, f"f:{name}", owned(sub, below), member=is_member or not shape.is_named(node, name))
    elif isinstance(value, list) and isinstance(node, ListOf):
        for element, item in shape.items(node, value):
            _add(found, element, _MEMBER if element in found else owned(item, node.item), member=True)
    return found


def nulls(value: Any, node: Schema) -> FieldSet:
    """The fields that a configuration sets to null."""
    node = shape.resolved(node, value)
    found: FieldSet = {}
    if isinstance(value, dict) and isinstance(node, Record | MapOf) and not shape.is_leaf(node):
        for name, sub in value.items():
            _add(found, f"f:{name}", nulls(sub, shape.field_node(node, name)), member=sub is None)
    elif isinstance(value, list) and isinstance(node, ListOf) and not shape.is_leaf(node):
        for element, item in shape.items(node, value):
            _add(found, element, nulls(item, node.item), member=False)
    return found


def with_named(fields: FieldSet, node: Schema) -> FieldSet:
    """The set with every field of a record in it that has a member below (`EnsureNamedFieldsAreMembers` upstream)."""
    found: FieldSet = {}
    for element, below in fields.items():
        if element == ".":
            found["."] = _MEMBER
            continue
        inner, is_field = _below(element, node)
        named = with_named(below, inner) if below else below
        found[element] = {".": _MEMBER, **named} if named and is_field else named
    return found


def _below(element: str, node: Schema) -> tuple[Schema, bool]:
    """The schema under a path element, and whether that is a field which the schema names."""
    if element.startswith("f:"):
        name = element[2:]
        if isinstance(node, Record | MapOf):
            return shape.field_node(node, name), shape.is_named(node, name)
        return ANYTHING, False
    return (node.item if isinstance(node, ListOf) else ANYTHING), False


def _add(found: FieldSet, element: str, below: FieldSet, *, member: bool) -> None:
    if below:
        found[element] = {".": _MEMBER, **below} if member else below
    elif member:
        found[element] = _MEMBER
