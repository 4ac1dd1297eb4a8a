"""OpenAPI schemas of the generated types.

`Components` collects the definitions that one document needs: asking for a type adds it and everything that it leads to, once. What is
not known at the level that the cluster serves is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podling.api import schema
from podling.api.kinds import GroupVersionKind
from podling.api.levels import Level
from podling.api.schema import Anything, Field, ListOf, MapOf, OneOf, Record, Scalar, Schema

from . import naming
from .descriptions import Descriptions

Json = dict[str, Any]

GVK = "x-kubernetes-group-version-kind"
_SHARED: dict[str, Json] = {
    naming.QUANTITY: {"oneOf": [{"type": "string"}, {"type": "number"}]},
    naming.INT_OR_STRING: {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    naming.PATCH: {"type": "object"},
    naming.FIELDS_V1: {"type": "object"},
    naming.RAW_EXTENSION: {"type": "object"},
    naming.JSON: {},
    naming.PROPS_OR_ARRAY: {},
    naming.PROPS_OR_BOOL: {},
    naming.PROPS_OR_STRINGS: {},
}
_PROPS = {
    "additionalItems": naming.PROPS_OR_BOOL,
    "additionalProperties": naming.PROPS_OR_BOOL,
    "dependencies": naming.PROPS_OR_STRINGS,
    "items": naming.PROPS_OR_ARRAY,
}
"""What the fields of JSONSchemaProps hold that may be one of several things."""
_SHARED_SCALARS = {"quantity": naming.QUANTITY, "int-or-string": naming.INT_OR_STRING}
_SCALARS: dict[str, Json] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "number": {"type": "number", "format": "double"},
}
_FORMATS = {"date-time-micro": "date-time"}


class Components:
    """The definitions of one document, as they come to be needed."""

    def __init__(
        self,
        level: Level,
        descriptions: Descriptions,
        *,
        prefix: str = "#/components/schemas/",
        shared: dict[str, Json] | None = None,
    ) -> None:
        """`prefix` is where references point; `shared` how types are written otherwise that stand for several JSON types."""
        self.definitions: dict[str, Json] = {}
        self.level = level
        self._descriptions = descriptions
        self._prefix = prefix
        self._shared = {**_SHARED, **(shared or {})}
        self._waiting: list[Callable[[], None]] = []

    def reference(self, struct: type[Any], *kinds: GroupVersionKind) -> Json:
        """A reference to a generated type; `kinds` are what it is the record of."""
        found = self._record(schema.of(struct))
        if kinds:
            name = found["$ref"].removeprefix(self._prefix)
            self.definitions[name][GVK] = [item._asdict() for item in kinds]
        return found

    def patch(self) -> Json:
        """A reference to the type of patches, which can be anything."""
        return self._common(naming.PATCH)

    def _record(self, record: Record) -> Json:
        """A reference to a record, which is defined now if it is not yet; recursion ends at what is being defined."""
        name = naming.definition(record.name)
        if name not in self.definitions:
            self.definitions[name] = {}
            self._waiting.append(lambda: self.definitions[name].update(self._definition(name, record)))
            if len(self._waiting) == 1:
                self._drain()
        return {"$ref": self._prefix + name}

    def _drain(self) -> None:
        """Define what waits, one after another, so that long chains of types do not nest calls."""
        while self._waiting:
            self._waiting[0]()
            self._waiting.pop(0)

    def _common(self, name: str) -> Json:
        if name not in self.definitions:
            description = self._descriptions.of(name)
            told = {"description": description} if description else {}
            self.definitions[name] = {**told, **self._shared[name]}
        return {"$ref": self._prefix + name}

    def _definition(self, name: str, record: Record) -> Json:
        fields = [field for field in record.fields.values() if self.level.knows(record.name, field.name)]
        found: Json = {"type": "object"}
        description = self._descriptions.of(name)
        if description:
            found["description"] = description
        if fields:
            found["properties"] = {field.name: self._field(name, field) for field in fields}
        required = [field.name for field in fields if field.required]
        if required:
            found["required"] = required
        return found

    def _field(self, owner: str, field: Field) -> Json:
        free = _free(owner, field)
        found = dict(self._node(field.schema, self._common(free) if free else None))
        description = self._descriptions.of(owner, field.name)
        extensions = _merging(field)
        if (description or extensions) and "$ref" in found:
            found = {"allOf": [found]}
        if description:
            found["description"] = description
        return {**found, **extensions}

    def _node(self, node: Schema, free: Json | None = None) -> Json:
        """How a value is written; `free` is what stands for parts of it that nothing more is known of."""
        match node:
            case Scalar():
                return self._scalar(node)
            case ListOf():
                return {"type": "array", "items": self._node(node.item, free)}
            case MapOf():
                return {"type": "object", "additionalProperties": self._node(node.value, free)}
            case Record():
                return self._record(node)
            case OneOf():
                return free or {"oneOf": [self._node(option) for option in node.options]}
            case Anything():
                return free or {"type": "object"}

    def _scalar(self, node: Scalar) -> Json:
        shared = _SHARED_SCALARS.get(node.kind)
        if shared is not None:
            return self._common(shared)
        found = _SCALARS[node.kind]
        return {**found, "format": _FORMATS.get(node.format, node.format)} if node.format else found


def _free(owner: str, field: Field) -> str:
    """The official name of what a field holds that has no type of its own; "" for all other fields."""
    node = field.schema
    while isinstance(node, ListOf | MapOf):
        node = node.item if isinstance(node, ListOf) else node.value
    if not isinstance(node, Anything | OneOf):
        return ""
    if owner.endswith(".JSONSchemaProps"):
        return _PROPS.get(field.name, naming.JSON)
    return naming.FIELDS_V1 if field.name == "fieldsV1" else naming.RAW_EXTENSION


def _merging(field: Field) -> Json:
    """How apply and strategic merge patch treat the field."""
    found: Json = {}
    node = field.schema
    if isinstance(node, ListOf) and node.list_type != "atomic":
        found["x-kubernetes-list-type"] = node.list_type
        if node.keys:
            found["x-kubernetes-list-map-keys"] = list(node.keys)
    if (isinstance(node, MapOf) and node.atomic) or (isinstance(node, Record) and node.atomic):
        found["x-kubernetes-map-type"] = "atomic"
    if field.patch_strategy:
        found["x-kubernetes-patch-strategy"] = ",".join(field.patch_strategy)
    if field.merge_key:
        found["x-kubernetes-patch-merge-key"] = field.merge_key
    return found
