"""How each kind is built, in uniform nodes that whoever walks an object generically can follow.

Managed fields, strategic merge patch, the search for unknown fields and OpenAPI all need the same facts: which fields a
record has, how a list merges, what a scalar may hold. This module derives those facts from the generated types and their merge
table, one record at a time and only when it is asked for, and remembers them. Schemas of custom resources are the same
nodes, built elsewhere from OpenAPI.

Nodes say what the JSON looks like; `Field.attribute` and `Record.type` connect it to the Struct types.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin

import msgspec

from .types import _merge

ScalarKind: TypeAlias = Literal["string", "boolean", "integer", "number", "int-or-string", "quantity"]
ListType: TypeAlias = Literal["atomic", "set", "map"]

Schema: TypeAlias = "Scalar | Anything | OneOf | ListOf | MapOf | Record"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `format` is OpenAPI's (`int32`, `date-time`, `byte`, ...), with `date-time-micro` for MicroTime."""

    kind: ScalarKind
    format: str = ""


@dataclass(frozen=True, slots=True)
class Anything:
    """Free-form JSON: raw extensions, or what a custom resource's schema does not describe."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value of one of several JSON types, told apart by that type (the `JSONSchemaPropsOr...` fields)."""

    options: tuple[Schema, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list. `keys` are the JSON names that identify an item of a `map` list; `key_defaults` stand in for absent ones."""

    item: Schema
    list_type: ListType = "atomic"
    keys: tuple[str, ...] = ()
    key_defaults: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from any string. An atomic map is owned and replaced as a whole."""

    value: Schema
    atomic: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record, with what a strategic merge patch does to it (`patchStrategy`, `patchMergeKey`)."""

    name: str
    attribute: str
    schema: Schema
    required: bool = False
    is_value: bool = False
    """Of a record: Go holds it by value, so that upstream it is never absent, only empty (`{}`)."""
    patch_strategy: tuple[str, ...] = ()
    merge_key: str = ""


@dataclass(frozen=True, eq=False)
class Record:
    """An object with known fields; compared by identity."""

    name: str
    """`core_v1.PodSpec`, or whatever a custom schema calls it."""
    type: type[msgspec.Struct] | None = None
    given: Mapping[str, Field] | None = None
    """The fields of a record without a Struct type."""
    atomic: bool = False
    preserve_unknown: bool = False

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """By JSON name, in the order they are written."""
        if self.given is not None:
            return self.given
        assert self.type is not None, f"{self.name} has neither a type nor fields"
        return _fields(self.name, self.type)

    def __repr__(self) -> str:
        return f"<Record {self.name}>"


ANYTHING: Final = Anything()
_SCALARS: Final[dict[Any, Scalar]] = {
    str: Scalar("string"),
    bool: Scalar("boolean"),
    int: Scalar("integer"),
    float: Scalar("number"),
}
_FORMATS: Final = {
    "int-or-string": Scalar("int-or-string"),
    "quantity": Scalar("quantity"),
    "date-time": Scalar("string", "date-time"),
    "date-time-micro": Scalar("string", "date-time-micro"),
    "byte": Scalar("string", "byte"),
}
_INTEGERS: Final = {2**31 - 1: Scalar("integer", "int32"), 2**63 - 1: Scalar("integer", "int64")}


def of(struct: type[msgspec.Struct]) -> Record:
    """The schema of a generated type."""
    return _record(struct, atomic=False)


@cache
def _record(struct: type[msgspec.Struct], *, atomic: bool) -> Record:
    name = f"{struct.__module__.rpartition('.')[2]}.{struct.__name__}"
    return Record(name, struct, atomic=atomic or name in _merge.ATOMIC)


def _fields(record: str, struct: type[msgspec.Struct]) -> dict[str, Field]:
    merging = _merge.FIELDS.get(record, {})
    found = {}
    for info in msgspec.structs.fields(struct):
        name = sys.intern(info.encode_name)
        kind, keys, strategy, merge_key = merging.get(name, ("", (), "", ""))
        found[name] = Field(
            name=name,
            attribute=sys.intern(info.name),
            schema=_node(info.type, kind, keys),
            required=_is_required(info),
            is_value=_is_value(record, struct, info),
            patch_strategy=tuple(strategy.split(",")) if strategy else (),
            merge_key=merge_key,
        )
    return found


def _is_required(info: msgspec.structs.FieldInfo) -> bool:
    """Whether the API demands the field; a kind's own name and metadata are always written but may be left out."""
    if info.encode_name in ("apiVersion", "kind"):
        return info.default_factory is str
    return info.default is msgspec.NODEFAULT and info.encode_name != "metadata"


def _is_value(record: str, struct: type[msgspec.Struct], info: msgspec.structs.FieldInfo) -> bool:
    if info.default is msgspec.NODEFAULT or (record, info.encode_name) in _merge.VALUES:
        return True
    return (
        info.encode_name in ("spec", "status")
        and "metadata" in struct.__struct_fields__
        and "kind" in struct.__struct_fields__
    )


def _node(hint: Any, kind: str = "", keys: tuple[str, ...] = ()) -> Schema:
    """The node for a type hint; `kind` and `keys` are the merge table's words on the field that holds it."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    if hint is msgspec.Raw or hint is Any:
        return ANYTHING
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _scalar(arguments[0], arguments[1])
    if origin is list:
        return _list(arguments[0], kind, keys)
    if origin is dict:
        return MapOf(_node(arguments[1]), atomic=kind == "atomic")
    if origin in (Union, UnionType):
        options = [option for option in arguments if option is not NoneType]
        if len(options) == 1:
            return _node(options[0], kind, keys)
        return OneOf(tuple(_node(option) for option in options))
    return _record(hint, atomic=kind == "atomic")


def _scalar(hint: Any, meta: msgspec.Meta) -> Scalar:
    if meta.extra:
        return _FORMATS[meta.extra["format"]]
    return _INTEGERS[int(meta.le)] if meta.le is not None else _SCALARS[hint]


def _list(item: Any, kind: str, keys: tuple[str, ...]) -> ListOf:
    schema = _node(item)
    if kind != "map" or not isinstance(schema, Record):
        return ListOf(schema, "set" if kind == "set" else "atomic")
    defaults = [
        (key, _merge.KEY_DEFAULTS[schema.name, key])
        for key in keys
        if (schema.name, key) in _merge.KEY_DEFAULTS
    ]
    return ListOf(schema, "map", keys, tuple(defaults))
