"""What Go's decoder does with JSON that our types refuse: the slow path behind `struct_decode`.

Go takes null for the zero value of whatever it stands for, a Quantity may be written as a number, and integers have bounds.
`coerce_json` follows the schema through the document, puts zero values for nulls and text for Quantities, and where a value
truly does not fit, says so in Go's words: `json: cannot unmarshal string into Go struct field
Container.spec.containers.ports.containerPort of type int32`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from podling.api import schema
from podling.api.schema import Anything, ListOf, MapOf, OneOf, Record, Scalar, Schema

from .malformed import Malformed, NotJson

_BOUNDS = {"int32": 2**31, "int64": 2**63}
_ZEROS: dict[str, Any] = {
    "string": "",
    "boolean": False,
    "integer": 0,
    "number": 0,
    "int-or-string": 0,
    "quantity": "0",
}
_GO_TYPES = {
    "string": "string",
    "boolean": "bool",
    "number": "float64",
    "int-or-string": "intstr.IntOrString",
    "quantity": "resource.Quantity",
}
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class _Where:
    """A place as Go's errors name it: the innermost struct, and the fields (not keys or indices) that lead there."""

    struct: str = ""
    path: str = ""

    def enter(self, record: Record, name: str) -> _Where:
        return _Where(record.name.rpartition(".")[2], f"{self.path}.{name}" if self.path else name)

    def refuse(self, value: Any, target: str, *, exact: bool = False) -> NoReturn:
        """`exact`: the kind of value would do, this one does not."""
        given = f"number {value}" if exact else _json_type(value)
        place = f"struct field {self.struct}.{self.path} of" if self.path else "value of"
        raise Malformed(f"json: cannot unmarshal {given} into Go {place} type {target}")


def coerce_json(struct: type[msgspec.Struct], data: bytes) -> bytes:
    """`data` with everything in it that Go would take and our types would not put right. Raises Malformed."""
    try:
        value = json.loads(data, parse_float=Decimal, parse_constant=_no_constant)
    except ValueError as error:
        raise NotJson(str(error)) from error
    if not isinstance(value, dict):
        shape = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
        raise NotJson(f"json: cannot unmarshal {_json_type(value)} into Go value of type {shape}")
    return _ENCODER.encode(_coerce(schema.of(struct), value, _Where()))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"invalid character {name[0]!r} looking for beginning of value")


def _coerce(node: Schema, value: Any, where: _Where) -> Any:
    match node:
        case Record():
            return _coerce_record(node, value, where)
        case ListOf(item):
            if not isinstance(value, list):
                where.refuse(value, _go_type(node))
            return [_zero(item) if v is None else _coerce(item, v, where) for v in value]
        case MapOf(item):
            if not isinstance(value, dict):
                where.refuse(value, _go_type(node))
            return {k: _zero(item) if v is None else _coerce(item, v, where) for k, v in value.items()}
        case OneOf(options):
            fitting = next((option for option in options if _fits(option, value)), options[0])
            return _coerce(fitting, value, where)
        case Anything():
            return value
    return _coerce_scalar(node, value, where)


def _coerce_record(node: Record, value: Any, where: _Where) -> dict[str, Any]:
    """A null field is left out: decoding gives it None or, where it is required, its zero value."""
    if not isinstance(value, dict):
        where.refuse(value, _go_type(node))
    found = {}
    for name, sub in value.items():
        known = node.fields.get(name)
        if known is not None and sub is not None:
            found[name] = _coerce(known.schema, sub, where.enter(node, name))
    return found


def _coerce_scalar(node: Scalar, value: Any, where: _Where) -> Any:
    if node.kind == "quantity":
        return value if isinstance(value, str) else _json_text(value)
    if node.kind == "int-or-string":
        return value if isinstance(value, str) else _integer(value, "int32", _Where())
    if node.kind == "integer":
        return _integer(value, node.format or "int64", where)
    if _is_of(node.kind, value):
        return value
    if node.format.startswith("date-time"):
        # Times read their text by themselves, so Go's error does not know the field.
        where = _Where()
    where.refuse(value, _go_type(node))


def _is_of(kind: str, value: Any) -> bool:
    if kind == "number":
        return isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    return isinstance(value, bool if kind == "boolean" else str)


def _integer(value: Any, size: str, where: _Where) -> int:
    if isinstance(value, Decimal):
        where.refuse(value, size, exact=True)
    if not isinstance(value, int) or isinstance(value, bool):
        where.refuse(value, size)
    if not -_BOUNDS[size] <= value < _BOUNDS[size]:
        where.refuse(value, size, exact=True)
    return value


def _fits(option: Schema, value: Any) -> bool:
    if isinstance(option, Record):
        return isinstance(value, dict)
    if isinstance(option, ListOf):
        return isinstance(value, list)
    return isinstance(value, bool)


def _zero(node: Schema) -> Any:
    """What null stands for inside a list or map."""
    match node:
        case Scalar(kind):
            return _ZEROS[kind]
        case ListOf():
            return []
        case Anything():
            return None
    return {}


def _go_type(node: Schema) -> str:
    match node:
        case Record(name):
            module, _, cls = name.rpartition(".")
            return f"{module.rpartition('_')[2]}.{cls}"
        case ListOf(item):
            return f"[]{_go_type(item)}"
        case MapOf(item):
            return f"map[string]{_go_type(item)}"
        case Scalar("integer", form):
            return form or "int64"
        case Scalar(_, "byte"):
            return "[]uint8"
        case Scalar(kind):
            return _GO_TYPES[kind]
    return "interface {}"


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, Decimal)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "null"


def _json_text(value: Any) -> str:
    """The value as it stood in the document, near enough for a Quantity to be read from or refused."""
    return str(value) if isinstance(value, Decimal) else json.dumps(value, default=str)
