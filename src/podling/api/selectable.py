"""The text of the fields that field selectors compare.

`values(kind, body)` gives, for every field that the kind's row lists, what upstream's strategies put into their field sets: numbers and booleans
as Go prints them, absent ones as their zero value. It is asked once for every write, so paths are resolved to attributes only the first time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from . import kinds
from .kinds import Kind

_ZEROES = {
    "spec.hostNetwork": "false",
    "spec.unschedulable": "false",
    "status.replicas": "0",
    "status.successful": "0",
}
_EVENT_FIELDS = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

STORED_NAMES: Mapping[Kind, Mapping[str, str]] = {
    kinds.EVENT_EVENTS_V1: {
        **{f"regarding.{name}": f"involvedObject.{name}" for name in _EVENT_FIELDS},
        "reportingController": "reportingComponent",
    }
}
"""What the stored version of a kind calls the fields that this version calls otherwise."""


def values(kind: Kind, body: msgspec.Struct | Mapping[str, Any]) -> dict[str, str]:
    """Field by field what a selector compares with, without `metadata.name` and `metadata.namespace`."""
    return {name: _value(name, body) for name in kind.selectable}


def _value(name: str, body: Any) -> str:
    special = _SPECIAL.get(name)
    if special is not None:
        return special(body)
    found = _walk(body, name)
    if found is None:
        return _ZEROES.get(name, "")
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found)


def _event_source(body: Any) -> str:
    found = _walk(body, "source.component") or _walk(body, "reportingComponent")
    return str(found or "")


def _nothing(body: Any) -> str:
    return ""


def _succeeded(body: Any) -> str:
    return str(_walk(body, "status.succeeded") or 0)


_SPECIAL: dict[str, Callable[[Any], str]] = {
    "source": _event_source,
    "status.podIPs": _nothing,
    "status.successful": _succeeded,
}


def _walk(body: Any, path: str) -> Any:
    node = body
    for part in _split(path):
        if node is None:
            return None
        if isinstance(node, Mapping):
            node = node.get(part)
        else:
            struct: type[msgspec.Struct] = type(node)
            attribute = _attributes(struct).get(part)
            node = getattr(node, attribute) if attribute else None
    return node


@functools.cache
def _split(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


@functools.cache
def _attributes(struct: type[msgspec.Struct]) -> dict[str, str]:
    return dict(zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True))
