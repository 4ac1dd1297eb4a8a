"""The rules of the schemas of custom resources: OpenAPI v3, and structural, so that every field has one type.

(k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation and pkg/apiserver/schema/validation.go.)  CEL rules have to
be there; whether they make sense, and whether defaults fit their schemas, is found by whoever compiles them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import apiextensions_v1

Schema = apiextensions_v1.JSONSchemaProps

TYPES = ("array", "boolean", "integer", "number", "object", "string")
_META = ("apiVersion", "kind", "metadata")
_LIST_TYPES, _MAP_TYPES = ("atomic", "set", "map"), ("atomic", "granular")
_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_WHERE = {"root": "at the root", "item": "for specified array items", "field": "for specified object fields"}
_UNSUPPORTED = (
    ("id", "id"),
    ("additional_items", "additionalItems"),
    ("pattern_properties", "patternProperties"),
    ("definitions", "definitions"),
    ("dependencies", "dependencies"),
    ("ref", "$ref"),
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in an object a schema applies; `no_defaults` says why none may be set there."""

    is_root: bool = False
    is_in_meta: bool = False
    no_defaults: str = ""


def faults(schema: Schema, path: Path) -> Iterator[FieldError]:
    """Everything wrong with the schema of one version."""
    if schema.nullable:
        yield field.forbidden(path / "nullable", "nullable cannot be true at the root")
    yield from _structure(schema, path, "root")
    yield from _openapi(schema, path, _Place(is_root=True))


def _structure(schema: Schema, path: Path, level: str) -> Iterator[FieldError]:
    """Types outside of `allOf` and the like, which only narrow down what is said here."""
    type = schema.type or ""
    embedded = bool(schema.x_kubernetes_embedded_resource)
    if embedded and type != "object":
        why = "must be object if x-kubernetes-embedded-resource is true"
        yield field.invalid(path / "type", type, why) if type else field.required(path / "type", why)
    elif not type and not (schema.x_kubernetes_int_or_string or schema.x_kubernetes_preserve_unknown_fields):
        yield field.required(path / "type", f"must not be empty {_WHERE[level]}")
    if level == "root" and type not in ("", "object"):
        yield field.invalid(path / "type", type, "must be object at the root")
    if type == "array" and schema.items is None:
        yield field.required(path / "items", "must be specified")
    properties = schema.properties or {}
    if level == "root" or embedded:
        yield from _meta_types(properties, path / "properties")
    if isinstance(schema.items, Schema):
        yield from _structure(schema.items, path / "items", "item")
    for name, inner in properties.items():
        yield from _structure(inner, (path / "properties").key(name), "field")
    if isinstance(schema.additional_properties, Schema):
        yield from _structure(schema.additional_properties, path / "additionalProperties", "field")


def _meta_types(properties: dict[str, Schema], path: Path) -> Iterator[FieldError]:
    for name, type in (("kind", "string"), ("apiVersion", "string"), ("metadata", "object")):
        given = properties.get(name)
        if given is not None and given.type != type:
            yield field.invalid(path.key(name) / "type", given.type or "", f"must be {type}")


def _openapi(schema: Schema, path: Path, place: _Place) -> Iterator[FieldError]:
    yield from _supported(schema, path, place)
    if schema.unique_items:
        why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield field.forbidden(path / "uniqueItems", why)
    more = schema.additional_properties
    if schema.properties and more is not None and more is not True:
        why = "additionalProperties and properties are mutual exclusive"
        yield field.forbidden(path / "additionalProperties", why)
    yield from _inner(schema, path, place)
    if schema.x_kubernetes_preserve_unknown_fields is False:
        where = path / "x-kubernetes-preserve-unknown-fields"
        yield field.invalid(where, False, "must be true or undefined")
    yield from _of_type(schema, path, "object", schema.x_kubernetes_map_type, _MAP_TYPES)
    yield from _of_type(schema, path, "array", schema.x_kubernetes_list_type, _LIST_TYPES)
    yield from _list(schema, path)
    for index, rule in enumerate(schema.x_kubernetes_validations or ()):
        yield from _rule(rule, path / "x-kubernetes-validations" / index)


def _supported(schema: Schema, path: Path, place: _Place) -> Iterator[FieldError]:
    """What of OpenAPI v3 custom resources may use."""
    if schema.type and schema.type not in TYPES:
        yield field.not_supported(path / "type", schema.type, TYPES)
    if schema.default and place.no_defaults:
        yield field.forbidden(path / "default", f"must not be set {place.no_defaults}")
    for attribute, name in _UNSUPPORTED:
        if getattr(schema, attribute) not in (None, "", {}):
            yield field.forbidden(path / name, f"{name} is not supported")
    if schema.type == "null":
        why = "type cannot be set to null, use nullable as an alternative"
        yield field.forbidden(path / "type", why)
    if isinstance(schema.items, list) and schema.items:
        yield field.forbidden(path / "items", "items must be a schema object and not an array")
    if place.is_in_meta and schema.x_kubernetes_embedded_resource:
        why = "must not be used inside of resource meta"
        yield field.forbidden(path / "x-kubernetes-embedded-resource", why)


def _inner(schema: Schema, path: Path, place: _Place) -> Iterator[FieldError]:
    """The schemas within a schema."""
    below = replace(place, is_root=False)
    if isinstance(schema.additional_properties, Schema):
        inner = below
        if place.is_in_meta:
            inner = replace(below, no_defaults="inside additionalProperties applying to object metadata")
        yield from _openapi(schema.additional_properties, path / "additionalProperties", inner)
    for name, given in (schema.properties or {}).items():
        inner = below
        if name in _META and (place.is_root or schema.x_kubernetes_embedded_resource):
            why = f"in top-level {name}" if place.is_root else below.no_defaults
            inner = replace(below, is_in_meta=True, no_defaults=why)
        yield from _openapi(given, (path / "properties").key(name), inner)
    if schema.not_ is not None:
        yield from _openapi(schema.not_, path / "not", below)
    for schemas, name in ((schema.all_of, "allOf"), (schema.one_of, "oneOf"), (schema.any_of, "anyOf")):
        for index, given in enumerate(schemas or ()):
            yield from _openapi(given, path / name / index, below)
    if isinstance(schema.items, Schema):
        yield from _openapi(schema.items, path / "items", below)


def _of_type(
    schema: Schema, path: Path, type: str, given: str | None, values: tuple[str, ...]
) -> Iterator[FieldError]:
    """How maps and lists are merged is said of nothing else."""
    if given is None:
        return
    name = "x-kubernetes-map-type" if type == "object" else "x-kubernetes-list-type"
    why = f"must be {type} if {name} is specified"
    if not schema.type:
        yield field.required(path / "type", why)
    elif schema.type != type:
        yield field.invalid(path / "type", schema.type, why)
    if given not in values:
        yield field.not_supported(path / name, given, values)


def _list(schema: Schema, path: Path) -> Iterator[FieldError]:
    kind, keys = schema.x_kubernetes_list_type, schema.x_kubernetes_list_map_keys or []
    if keys and kind != "map":
        where, why = path / "x-kubernetes-list-type", "must be map if x-kubernetes-list-map-keys is non-empty"
        yield field.required(where, why) if kind is None else field.invalid(where, kind, why)
    items = schema.items
    if kind == "set" and isinstance(items, Schema):
        yield from _set_items(items, path / "items")
    if kind == "map":
        if not keys:
            why = "must not be empty if x-kubernetes-list-type is map"
            yield field.required(path / "x-kubernetes-list-map-keys", why)
        if items is None:
            yield field.required(path / "items", "must have a schema if x-kubernetes-list-type is map")
        elif isinstance(items, Schema):
            yield from _map_items(items, keys, path)
    if kind in ("set", "map") and isinstance(items, Schema) and items.nullable:
        why = f"cannot be nullable when x-kubernetes-list-type is {kind}"
        yield field.forbidden(path / "items" / "nullable", why)


def _set_items(items: Schema, path: Path) -> Iterator[FieldError]:
    why = "must be atomic as item of a list with x-kubernetes-list-type=set"
    if items.type == "array" and items.x_kubernetes_list_type not in (None, "atomic"):
        yield field.invalid(path / "x-kubernetes-list-type", items.x_kubernetes_list_type, why)
    if items.type == "object" and items.x_kubernetes_map_type != "atomic":
        yield field.invalid(path / "x-kubernetes-map-type", items.x_kubernetes_list_type, why)


def _map_items(items: Schema, keys: list[str], path: Path) -> Iterator[FieldError]:
    if items.type != "object":
        why = "must be object if parent array's x-kubernetes-list-type is map"
        yield field.invalid(path / "items" / "type", items.type or "", why)
        return
    where, properties = path / "x-kubernetes-list-map-keys", items.properties or {}
    for index, key in enumerate(keys):
        here, given = (path / "items" / "properties").key(key), properties.get(key)
        if given is None:
            yield field.invalid(where, keys, "entries must all be names of item properties")
        elif given.type in ("array", "object"):
            why = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            yield field.invalid(here / "type", items.type, why)
        if key in keys[:index]:
            yield field.invalid(where, keys, "must not contain duplicate entries")
        if given is not None:
            yield from _map_key(given, here, is_required=key in (items.required or ()))


def _map_key(given: Schema, path: Path, *, is_required: bool) -> Iterator[FieldError]:
    which = "this property is in x-kubernetes-list-map-keys, so it"
    if not is_required and not given.default:
        yield field.required(path / "default", f"{which} must have a default or be a required property")
    if given.nullable:
        yield field.forbidden(path / "nullable", f"{which} cannot be nullable")


def _rule(rule: apiextensions_v1.ValidationRule, path: Path) -> Iterator[FieldError]:
    text, message = rule.rule.strip(), rule.message or ""
    if not text:
        yield field.required(path / "rule", "rule is not specified")
    elif message and not message.strip():
        yield field.invalid(path / "message", message, "message must be non-empty if specified")
    elif _has_lines(message.strip()):
        yield field.invalid(path / "message", message, "message must not contain line breaks")
    elif _has_lines(text) and not message:
        yield field.required(path / "message", "message must be specified if rule contains line breaks")
    if rule.message_expression and not rule.message_expression.strip():
        yield field.required(path / "messageExpression", "messageExpression must be non-empty if specified")
    if rule.reason is not None and rule.reason not in _REASONS:
        yield field.not_supported(path / "reason", rule.reason, _REASONS)
    where = rule.field_path or ""
    if where and not where.strip():
        yield field.invalid(path / "fieldPath", where, "fieldPath must be non-empty if specified")
    if _has_lines(where):
        yield field.invalid(path / "fieldPath", where, "fieldPath must not contain line breaks")


def _has_lines(text: str) -> bool:
    return "\n" in text or "\r" in text
