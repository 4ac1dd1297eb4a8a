"""The rules of ConfigMaps."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from .metadata import each

MAX_SIZE = 1024 * 1024
_IMMUTABLE = "field is immutable when `immutable` is set"


def create(config: core_v1.ConfigMap) -> Iterator[FieldError]:
    data, binary = config.data or {}, config.binary_data or {}
    size = 0
    for key, value in data.items():
        yield from each(names.config_key, key, Path("data").key(key))
        if key in binary:
            yield field.invalid(Path("data").key(key), key, "duplicate of key present in binaryData")
        size += len(value)
    for key, value in binary.items():
        yield from each(names.config_key, key, Path("binaryData").key(key))
        size += len(value) * 3 // 4
    if size > MAX_SIZE:
        yield field.too_long(Path(""), MAX_SIZE)


def update(config: core_v1.ConfigMap, old: core_v1.ConfigMap) -> Iterator[FieldError]:
    if old.immutable:
        if not config.immutable:
            yield field.forbidden(Path("immutable"), _IMMUTABLE)
        if (config.data or {}) != (old.data or {}):
            yield field.forbidden(Path("data"), _IMMUTABLE)
        if (config.binary_data or {}) != (old.binary_data or {}):
            yield field.forbidden(Path("binaryData"), _IMMUTABLE)
    yield from create(config)
