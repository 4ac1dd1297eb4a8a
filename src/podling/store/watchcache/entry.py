"""What the cache holds of one object, and what it tells watchers of a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

Indexed = tuple[Mapping[str, str] | None, Mapping[str, str]]
"""Labels (None: none) and the values of selectable fields, as selectors compare them."""

Index = Callable[[str, bytes], Indexed]
"""Reads `Indexed` out of a stored value (key, value); asked only where a writer did not hand it over."""

NO_FIELDS: Mapping[str, str] = {}

ADDED = "ADDED"
MODIFIED = "MODIFIED"
DELETED = "DELETED"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One object as it is served. `value` carries its revision, so it goes to clients as it is."""

    key: str
    value: bytes
    revision: int
    create_revision: int
    labels: Mapping[str, str] | None
    fields: Mapping[str, str]


class Event(msgspec.Struct, gc=False):
    """One change of the collection: what the key became, and what it was before (None: it was not there).

    For a deletion `entry` is the last state under the revision of the deletion.
    """

    entry: Entry
    previous: Entry | None
    deleted: bool
    time: float
    """Loop time of its arrival."""
    parting: Entry | None = None
    """Cached by `Collection.parting`: the previous state under the revision of this change."""

    @property
    def revision(self) -> int:
        return self.entry.revision


class View(msgspec.Struct, frozen=True, gc=False):
    """A change as watchers of one selection see it: an object that begins to match is ADDED to them, one that stops
    to match is DELETED (shown as it was when it still matched)."""

    type: str
    entry: Entry
