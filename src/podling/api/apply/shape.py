"""What an apply has to know of a kind's schema, over and above `podling.api.schema`.

Values that no schema describes are deduced, as everywhere in managed fields: objects key by key, lists as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from podling.api import schema
from podling.api.kinds import Kind
from podling.api.managedfields import item_element
from podling.api.schema import ANYTHING, Anything, Field, ListOf, MapOf, OneOf, Record, Scalar, Schema
from podling.api.types.meta_v1 import ObjectMeta

DEDUCED_MAP: Final = MapOf(ANYTHING)
DEDUCED_LIST: Final = ListOf(ANYTHING)
_DEDUCED_SCALAR: Final = Scalar("int-or-string")


def root(kind: Kind, node: Schema = ANYTHING) -> Record:
    """The schema of whole objects of a kind; `node` describes the body of a custom resource, without its metadata."""
    return schema.of(kind.struct) if kind.type else _custom(kind.qualified_kind, node)


@cache
def _custom(name: str, node: Schema) -> Record:
    given = dict(node.fields) if isinstance(node, Record) else {}
    for head in ("apiVersion", "kind"):
        given[head] = Field(head, head, Scalar("string"))
    given["metadata"] = Field("metadata", "metadata", schema.of(ObjectMeta))
    is_open = node.preserve_unknown if isinstance(node, Record) else True
    return Record(name, given=given, preserve_unknown=is_open)


def resolved(node: Schema, value: Any) -> Schema:
    """The node itself or, where the schema says nothing, what is deduced from a value."""
    if isinstance(node, Anything | OneOf):
        if isinstance(value, dict):
            return DEDUCED_MAP
        return DEDUCED_LIST if isinstance(value, list) else _DEDUCED_SCALAR
    return node


def is_leaf(node: Schema) -> bool:
    """Whether a value of this node is owned and replaced as a whole."""
    match node:
        case Record(atomic=False) | MapOf(atomic=False) | Anything() | OneOf():
            return False
        case ListOf(list_type="map" | "set"):
            return False
    return True


def field_node(node: Record | MapOf, name: str) -> Schema:
    """The schema of one entry of an object."""
    if isinstance(node, MapOf):
        return node.value
    known = node.fields.get(name)
    return ANYTHING if known is None else known.schema


def is_named(node: Schema, name: str) -> bool:
    """Whether the schema names the field, other than the key of a map."""
    return isinstance(node, Record) and name in node.fields


def items(node: ListOf, value: list[Any]) -> Iterator[tuple[str, Any]]:
    """The items of a `map` or `set` list, each with its path element."""
    element_of = item_element(node)
    for item in value:
        yield element_of(item), item
