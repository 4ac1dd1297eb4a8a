"""JSON patch (RFC 6902): a list of add, remove, replace, move, copy and test.

Each operation rebuilds only the containers on its way, so neither the document nor an earlier state is ever altered. Negative indices count from
the end, as in the library that upstream uses. Limits are upstream's: 10,000 operations, and copies that add up to no more than a
request body may hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from podling.api import errors
from podling.api.gotext import quote

MAX_OPERATIONS = 10_000
MAX_COPIED_BYTES = 3 * 1024 * 1024

_MISSING: Any = object()
_WHOLE: Any = object()


class _Failure(Exception):
    """One operation does not apply; becomes an UnprocessablePatch."""


def apply(document: dict[str, Any], operations: Any) -> dict[str, Any]:
    """The document after all operations, or none: the first that fails raises UnprocessablePatch.

    Raises BadRequest where the patch is no list of operations, RequestEntityTooLarge where it is too long a one.
    """
    if not isinstance(operations, list) or not all(isinstance(item, dict) for item in operations):
        raise errors.BadRequest("Invalid JSON Patch")
    if len(operations) > MAX_OPERATIONS:
        raise errors.RequestEntityTooLarge(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        )
    state = _State(document)
    for operation in operations:
        try:
            state.perform(operation)
        except _Failure as failure:
            raise errors.UnprocessablePatch(str(failure)) from failure
    if not isinstance(state.document, dict):
        raise errors.UnprocessablePatch("the patch leaves no object")
    return state.document


class _State:
    """The document so far."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self._copied = 0

    def perform(self, operation: dict[str, Any]) -> None:
        name = operation.get("op")
        action = _ACTIONS.get(name) if isinstance(name, str) else None
        if action is None:
            raise _Failure(f"Unexpected kind: {name}")
        action(self, operation)

    def add(self, operation: dict[str, Any]) -> None:
        self._put("add", _pointer(operation, "path"), operation.get("value"))

    def remove(self, operation: dict[str, Any]) -> None:
        self._take("remove", _pointer(operation, "path"))

    def replace(self, operation: dict[str, Any]) -> None:
        path = _pointer(operation, "path")
        if path and self._find(path) is _MISSING:
            raise _Failure(
                f"replace operation does not apply: doc is missing key: {_text(path)}: missing value"
            )
        value = operation.get("value")
        self.document = _rebuild(self.document, path, "replace", lambda parent, key: _set(parent, key, value))

    def move(self, operation: dict[str, Any]) -> None:
        source, path = _pointer(operation, "from"), _pointer(operation, "path")
        value = self._existing("move", source)
        if path[: len(source)] == source and len(path) > len(source):
            raise _Failure(f"move operation does not apply: {_text(path)} lies within {_text(source)}")
        self._take("move", source)
        self._put("move", path, value)

    def copy(self, operation: dict[str, Any]) -> None:
        value = self._existing("copy", _pointer(operation, "from"))
        self._copied += len(msgspec.json.encode(value))
        if self._copied > MAX_COPIED_BYTES:
            raise _Failure(
                f"Unable to complete the copy, the accumulated size increase of copy is {self._copied}, "
                f"exceeding the limit {MAX_COPIED_BYTES}"
            )
        self._put("copy", _pointer(operation, "path"), value)

    def test(self, operation: dict[str, Any]) -> None:
        path = _pointer(operation, "path")
        found = self._find(path)
        if found is _MISSING and isinstance(self._find(path[:-1]), dict):
            found = None  # a member that is not there is null; nothing else is
        if found is _MISSING or not _equal(found, operation.get("value")):
            raise _Failure(f"testing value {_text(path)} failed: test failed")

    def _put(self, name: str, path: list[str], value: Any) -> None:
        self.document = _rebuild(self.document, path, name, lambda parent, key: _insert(parent, key, value))

    def _take(self, name: str, path: list[str]) -> None:
        if not path:
            raise _Failure(f"{name} operation does not apply: the whole document cannot be removed")
        self.document = _rebuild(self.document, path, name, _delete)

    def _existing(self, name: str, path: list[str]) -> Any:
        value = self._find(path)
        if value is _MISSING:
            raise _Failure(
                f"{name} operation does not apply: doc is missing from path: {_text(path)}: missing value"
            )
        return value

    def _find(self, path: list[str]) -> Any:
        node = self.document
        for part in path:
            node = _child(node, part)
            if node is _MISSING:
                return _MISSING
        return node


_ACTIONS: dict[str, Callable[[_State, dict[str, Any]], None]] = {
    "add": _State.add,
    "remove": _State.remove,
    "replace": _State.replace,
    "move": _State.move,
    "copy": _State.copy,
    "test": _State.test,
}


def _pointer(operation: dict[str, Any], member: str) -> list[str]:
    text = operation.get(member)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise _Failure(f"{operation['op']} operation failed to decode {member}: missing value")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _text(path: list[str]) -> str:
    return quote("".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path))


def _index(part: str, length: int) -> int:
    """The place that a part of a pointer names in a list of that length; -1 for none."""
    try:
        index = int(part)
    except ValueError:
        return -1
    if index < 0:
        index += length
    return index if 0 <= index < length else -1


def _child(node: Any, part: str) -> Any:
    if isinstance(node, dict):
        return node.get(part, _MISSING)
    if isinstance(node, list):
        index = _index(part, len(node))
        return node[index] if index >= 0 else _MISSING
    return _MISSING


Change = Callable[[Any, str], Any]
"""Makes the changed copy of the container that the last part of a pointer lies in; of `_WHOLE` the document itself."""


def _rebuild(node: Any, path: list[str], name: str, change: Change) -> Any:
    if not path:
        return change(_WHOLE, "")
    if len(path) == 1:
        return change(node, path[0])
    part, rest = path[0], path[1:]
    child = _child(node, part)
    if not isinstance(child, dict | list):
        raise _Failure(f"{name} operation does not apply: doc is missing path: {_text(path)}: missing value")
    return _set(node, part, _rebuild(child, rest, name, change))


def _set(parent: Any, key: str, value: Any) -> Any:
    """The container with another value in a place that is there already."""
    if parent is _WHOLE:
        return value
    if isinstance(parent, dict):
        return {**parent, key: value}
    index = _index(key, len(parent))
    return [*parent[:index], value, *parent[index + 1 :]]


def _insert(parent: Any, key: str, value: Any) -> Any:
    if parent is _WHOLE:
        return value
    if isinstance(parent, dict):
        return {**parent, key: value}
    if not isinstance(parent, list):
        raise _Failure("add operation does not apply: neither an object nor a list is there: missing value")
    index = len(parent) if key == "-" else _index(key, len(parent) + 1)
    if index < 0:
        raise _Failure(f"Unable to access invalid index: {key}: invalid index referenced")
    return [*parent[:index], value, *parent[index:]]


def _delete(parent: Any, key: str) -> Any:
    if isinstance(parent, dict):
        if key not in parent:
            raise _Failure(f"Unable to remove nonexistent key: {key}: missing value")
        return {name: value for name, value in parent.items() if name != key}
    if not isinstance(parent, list):
        raise _Failure(
            "remove operation does not apply: neither an object nor a list is there: missing value"
        )
    index = _index(key, len(parent))
    if index < 0:
        raise _Failure(f"Unable to access invalid index: {key}: invalid index referenced")
    return [*parent[:index], *parent[index + 1 :]]


def _equal(left: Any, right: Any) -> bool:
    """JSON equality: `true` is not 1, and 1 is not 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)
