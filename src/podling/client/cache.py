"""The objects an informer holds: by namespace and name, and by whatever indexes were asked for.

Memory is what counts here. Objects lie in one dict per namespace, so that no key is built for them and the index by namespace is free;
an index holds, under each value, the objects by UID, a string that they carry anyway. Which values an object has in an index is not
remembered but computed again when it goes: objects are read-only, so the answer is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from .wire import Head

T = TypeVar("T")
IndexFunction = Callable[[T], Iterable[str]]
"""The values under which an object is found in an index."""


class Cache(Generic[T]):
    """Plain and synchronous; `head` tells an object's identity."""

    def __init__(self, head: Callable[[T], Head]) -> None:
        self._head = head
        self._objects: dict[str, dict[str, T]] = {}
        self._functions: dict[str, IndexFunction[T]] = {}
        self._indexes: dict[str, dict[str, dict[str, T]]] = {}
        self._size = 0

    def get(self, namespace: str, name: str) -> T | None:
        held = self._objects.get(namespace)
        return None if held is None else held.get(name)

    def list(self, namespace: str | None = None) -> list[T]:
        if namespace is not None:
            return [*self._objects.get(namespace, {}).values()]
        return [*self]

    def by_index(self, index: str, value: str) -> Mapping[str, T]:
        """Objects by UID. A live view: copy it before anything else happens."""
        return self._indexes[index].get(value, {})

    def index_values(self, index: str) -> Iterable[str]:
        return self._indexes[index].keys()

    def add_index(self, index: str, function: IndexFunction[T]) -> None:
        """Objects that are here already are indexed too. The same name again with another function is an error."""
        known = self._functions.get(index)
        if known is function:
            return
        if known is not None:
            raise ValueError(f"cannot add index {index!r}: there is another one of that name")
        self._functions[index] = function
        self._indexes[index] = {}
        for obj in self:
            self._enter(index, function, obj)

    def put(self, obj: T) -> T | None:
        """Keep it; the object that it replaces, if any."""
        head = self._head(obj)
        held = self._objects.setdefault(head.namespace, {})
        old = held.get(head.name)
        held[head.name] = obj
        if old is None:
            self._size += 1
        for index, function in self._functions.items():
            if old is not None:
                self._leave(index, function, old)
            self._enter(index, function, obj)
        return old

    def drop(self, namespace: str, name: str) -> T | None:
        """Forget it; what was held, if anything."""
        held = self._objects.get(namespace)
        old = None if held is None else held.pop(name, None)
        if held is None or old is None:
            return None
        if not held:
            del self._objects[namespace]
        self._size -= 1
        for index, function in self._functions.items():
            self._leave(index, function, old)
        return old

    def __iter__(self) -> Iterator[T]:
        for held in self._objects.values():
            yield from held.values()

    def __len__(self) -> int:
        return self._size

    def _enter(self, index: str, function: IndexFunction[T], obj: T) -> None:
        uid = self._head(obj).uid
        values = self._indexes[index]
        for value in function(obj):
            values.setdefault(value, {})[uid] = obj

    def _leave(self, index: str, function: IndexFunction[T], obj: T) -> None:
        uid = self._head(obj).uid
        values = self._indexes[index]
        for value in function(obj):
            under = values.get(value)
            if under is None:
                continue
            under.pop(uid, None)
            if not under:
                del values[value]
