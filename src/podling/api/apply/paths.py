"""Paths of fields as people read them: `.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"]`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from podling.api.gotext import quote
from podling.api.managedfields import FieldSet


def element_text(element: str) -> str:
    """One path element of FieldsV1 (`f:spec`, `k:{"name":"web"}`, `v:"a"`, `i:0`) in words."""
    mark, rest = element[:2], element[2:]
    if mark == "f:":
        return f".{rest}"
    if mark == "i:":
        return f"[{rest}]"
    value = msgspec.json.decode(rest)
    if mark == "v:" or not isinstance(value, dict):
        return f"[={_value_text(value)}]"
    return f"[{','.join(f'{name}={_value_text(key)}' for name, key in sorted(value.items()))}]"


def members(fields: FieldSet, prefix: str = "") -> Iterator[str]:
    """Every member of a set, in upstream's order: at each level those that end there first."""
    elements = sorted((element for element in fields if element != "."), key=_order)
    for element in elements:
        node = fields[element]
        if not node or "." in node:
            yield prefix + element_text(element)
    for element in elements:
        if fields[element]:
            yield from members(fields[element], prefix + element_text(element))


def _order(element: str) -> tuple[int, str]:
    return "fkvi".index(element[0]), element


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        return quote(value)
    return msgspec.json.encode(value).decode()
