"""OpenAPI v2 (Swagger): everything in one document, for clients from before OpenAPI v3.

kubectl up to v1.28 asks for nothing else, and in protobuf only (`gnostic`). The document is made from the parts of the v3 ones: paths are turned
down, and definitions are written with what v2 can say. Descriptions are left out; those clients show them from v3.
"""

from __future__ import annotations

from collections.abc import Iterable

from podling.api.kinds import Kind
from podling.api.levels import Level

from . import naming, paths
from .descriptions import NO_DESCRIPTIONS
from .schemas import Components, Json

_PREFIX = "#/definitions/"
_SHARED: dict[str, Json] = {
    naming.QUANTITY: {"type": "string"},
    naming.INT_OR_STRING: {"type": "string", "format": "int-or-string"},
}
_METHODS = frozenset(("get", "put", "post", "delete", "options", "head", "patch"))


def build(rows: Iterable[Kind], *, level: Level, version: str) -> Json:
    """The document for all rows."""
    components = Components(level, NO_DESCRIPTIONS, prefix=_PREFIX, shared=_SHARED)
    found = paths.build(rows, components)
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": {path: _item(item) for path, item in found.items()},
        "definitions": {
            name: _schema(components.definitions[name]) for name in sorted(components.definitions)
        },
    }


def _item(item: Json) -> Json:
    return {
        key: _operation(value) if key in _METHODS else [_parameter(parameter) for parameter in value]
        for key, value in item.items()
    }


def _operation(operation: Json) -> Json:
    found = {
        key: value
        for key, value in operation.items()
        if key not in ("requestBody", "responses", "parameters")
    }
    parameters = [_parameter(parameter) for parameter in operation.get("parameters", ())]
    body = operation.get("requestBody")
    if body is not None:
        found["consumes"] = list(body["content"])
        schema = next(iter(body["content"].values()))["schema"]
        parameters.append({"name": "body", "in": "body", "required": True, "schema": schema})
    found["parameters"] = parameters
    answers = operation["responses"]
    found["produces"] = list(answers["200"].get("content", ()))
    found["responses"] = {code: _response(answer) for code, answer in answers.items()}
    return found


def _parameter(parameter: Json) -> Json:
    return {**{key: value for key, value in parameter.items() if key != "schema"}, **parameter["schema"]}


def _response(answer: Json) -> Json:
    content = answer.get("content")
    found = {"description": answer["description"]}
    return {**found, "schema": next(iter(content.values()))["schema"]} if content else found


def _schema(schema: Json) -> Json:
    """A schema in v2's words: references stand alone, alternatives cannot be said."""
    found = {key: value for key, value in schema.items() if key not in ("allOf", "oneOf")}
    for part in schema.get("allOf", ()):
        found |= part
    for key in ("items", "additionalProperties"):
        if key in found:
            found[key] = _schema(found[key])
    if "properties" in found:
        found["properties"] = {name: _schema(item) for name, item in found["properties"].items()}
    return found
