"""Secondary indexes: label or field name -> value -> keys.

An index of one name is built when somebody first asks for an equality on it, and from then on kept at every write:
writes do not pay for labels that nobody selects by. Beyond `MOST` names questions are answered by looking at
all entries, so that no client can make the server index without bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from .entry import Entry
from .selection import Pair

MOST = 32

_Name = tuple[str, str]
_NOBODY: frozenset[str] = frozenset()


class Indexes:
    """The indexes of one collection."""

    def __init__(self) -> None:
        self._keys: dict[_Name, dict[str, set[str]]] = {}

    def find(self, pair: Pair, entries: Mapping[str, Entry]) -> Set[str] | None:
        """Keys of the entries for which `pair` holds; None when that is not indexed. Not to be changed."""
        kind, name, value = pair
        if not value:
            return None  # an absent field counts as empty, and absent ones are not indexed
        by_value = self._keys.get((kind, name))
        if by_value is None:
            if len(self._keys) >= MOST:
                return None
            by_value = self._keys[kind, name] = _build(kind, name, entries.values())
        return by_value.get(value, _NOBODY)

    def replace(self, old: Entry | None, new: Entry | None) -> None:
        """An entry was put, changed or removed."""
        for (kind, name), by_value in self._keys.items():
            before = _value(old, kind, name) if old is not None else None
            after = _value(new, kind, name) if new is not None else None
            if before == after:
                continue
            if before and old is not None:
                _remove(by_value, before, old.key)
            if after and new is not None:
                by_value.setdefault(after, set()).add(new.key)

    def names(self) -> list[str]:
        return [f"{kind} {name}" for kind, name in self._keys]


def _value(entry: Entry, kind: str, name: str) -> str | None:
    if kind == "field":
        return entry.fields.get(name)
    return entry.labels.get(name) if entry.labels else None


def _build(kind: str, name: str, entries: Iterable[Entry]) -> dict[str, set[str]]:
    by_value: dict[str, set[str]] = {}
    for entry in entries:
        value = _value(entry, kind, name)
        if value:
            by_value.setdefault(value, set()).add(entry.key)
    return by_value


def _remove(by_value: dict[str, set[str]], value: str, key: str) -> None:
    keys = by_value[value]
    keys.discard(key)
    if not keys:
        del by_value[value]
