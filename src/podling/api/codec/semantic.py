"""When two objects mean the same, whatever they look like.

Decides whether a write changes anything at all, whether `generation` rises and whether a template is a new one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from podling.api import schema


def semantic_equal(one: Any, other: Any) -> bool:
    """Whether two records, bodies or values are equal, an absent list or map being the same as an empty one.

    That holds where the type says that it is a list or map, so inside of Structs, and for records that Go holds by value. In a custom resource, which is plain
    JSON, an empty list and no list differ, as they do upstream. Both sides have been through `canonicalise`.
    """
    if one is other or bool(one == other):
        return True
    if isinstance(one, msgspec.Struct):
        return type(one) is type(other) and all(
            semantic_equal(mine := getattr(one, name), its := getattr(other, name))
            or (name in _values(type(one)) and _is_empty(mine) and _is_empty(its))
            for name in one.__struct_fields__
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(semantic_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(semantic_equal(v, other[k]) for k, v in one.items())
    if one is None or other is None:
        present = other if one is None else one
        return isinstance(present, (list, dict)) and not present
    if isinstance(one, msgspec.Raw) and isinstance(other, msgspec.Raw):
        return bool(_raw_value(one) == _raw_value(other))
    return False


@cache
def _values(struct: type[msgspec.Struct]) -> frozenset[str]:
    """The attributes that upstream are never absent, only empty."""
    return frozenset(field.attribute for field in schema.of(struct).fields.values() if field.is_value)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, msgspec.Struct) and semantic_equal(value, type(value)()))


def _raw_value(raw: msgspec.Raw) -> Any:
    text = bytes(raw)
    return msgspec.json.decode(text) if text else None
