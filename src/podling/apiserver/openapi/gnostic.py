"""Swagger documents in protobuf, as kubectl up to v1.28 wants them: `application/com.github.proto-openapi.spec.v2@v1.0+protobuf`.

The messages are those of github.com/google/gnostic-models/openapiv2/OpenAPIv2.proto; only what `swagger` produces is written. The wire format
needs two rules: a varint of field number and type before each value, and a length before everything that is not a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .schemas import Json

MEDIA_TYPES = (
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
)
"""The second is what clients ask for; being no legal media type (`@`) it is answered by the first, as upstream does."""

_VARINT, _BYTES = 0, 2
_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "options": 6, "head": 7, "patch": 8}


def encode(document: Json) -> bytes:
    """A Document message."""
    info = document["info"]
    paths = b"".join(_message(2, _named(path, _path(item))) for path, item in document["paths"].items())
    definitions = b"".join(
        _message(1, _named(name, _schema(item))) for name, item in document["definitions"].items()
    )
    return b"".join(
        (
            _text(1, document["swagger"]),
            _message(2, _text(1, info["title"]) + _text(2, info["version"])),
            _message(8, paths),
            _message(9, definitions),
        )
    )


def _path(item: Json) -> bytes:
    operations = (
        _message(number, _operation(item[method])) for method, number in _METHODS.items() if method in item
    )
    return b"".join(operations) + _parameters(9, item.get("parameters", ()))


def _operation(operation: Json) -> bytes:
    answers = b"".join(
        _message(1, _named(code, _message(1, _response(answer))))
        for code, answer in operation["responses"].items()
    )
    return b"".join(
        (
            _texts(1, operation["tags"]),
            _text(5, operation["operationId"]),
            _texts(6, operation["produces"]),
            _texts(7, operation.get("consumes", ())),
            _parameters(8, operation["parameters"]),
            _message(9, answers),
            _extensions(13, operation),
        )
    )


def _response(answer: Json) -> bytes:
    schema = answer.get("schema")
    return _text(1, answer["description"]) + (_message(2, _message(1, _schema(schema))) if schema else b"")


def _parameters(number: int, parameters: Iterable[Json]) -> bytes:
    return b"".join(_message(number, _message(1, _parameter(parameter))) for parameter in parameters)


def _parameter(parameter: Json) -> bytes:
    if parameter["in"] == "body":
        body = _text(2, parameter["name"]) + _text(3, "body") + _flag(4, parameter["required"])
        return _message(1, body + _message(5, _schema(parameter["schema"])))
    shape = (
        _flag(1, parameter.get("required", False)) + _text(2, parameter["in"]) + _text(4, parameter["name"])
    )
    if parameter["in"] == "query":
        return _message(2, _message(3, shape + _text(6, parameter["type"]) + _flag(20, True)))
    return _message(2, _message(4, shape + _text(5, parameter["type"]) + _flag(19, True)))


def _schema(schema: Json) -> bytes:
    parts = [_text(1, schema.get("$ref", "")), _text(2, schema.get("format", ""))]
    parts.append(_texts(19, schema.get("required", ())))
    if "additionalProperties" in schema:
        parts.append(_message(21, _message(1, _schema(schema["additionalProperties"]))))
    if "type" in schema:
        parts.append(_message(22, _text(1, schema["type"])))
    if "items" in schema:
        parts.append(_message(23, _message(1, _schema(schema["items"]))))
    if "properties" in schema:
        properties = (_message(1, _named(name, _schema(item))) for name, item in schema["properties"].items())
        parts.append(_message(25, b"".join(properties)))
    parts.append(_extensions(31, schema))
    return b"".join(parts)


def _extensions(number: int, holder: Mapping[str, Any]) -> bytes:
    """Everything that begins with `x-`, as YAML (of which JSON is a part) in an Any."""
    return b"".join(
        _message(number, _named(name, _text(2, msgspec.json.encode(value).decode())))
        for name, value in holder.items()
        if name.startswith("x-")
    )


# Wire format


def _named(name: str, value: bytes) -> bytes:
    return _text(1, name) + _message(2, value)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode()) if text else b""


def _texts(number: int, texts: Iterable[str]) -> bytes:
    return b"".join(_message(number, text.encode()) for text in texts)


def _flag(number: int, value: bool) -> bytes:
    return _varint(number << 3 | _VARINT) + b"\x01" if value else b""


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
