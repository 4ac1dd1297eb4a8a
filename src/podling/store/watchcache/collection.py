"""All objects under one prefix, as bytes ready to be served: get, select, go back a little, watch.

It is changed by the cache only, in the order of revisions, and read without waiting. What is read in one turn of
the loop is one consistent state, that of `revision`. Stored values carry no resourceVersion; here the store's
revision is spliced into them once, and the same bytes answer gets, lists and every watcher.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from podling.store.interface import Change, Compacted, FutureRevision, StoreError

from .entry import Entry, Event, Index
from .index import Indexes
from .records import Records
from .ring import Ring, RingLimits
from .selection import Matcher, Selects, compiled
from .watchers import Subscription, Watchers

Splice = Callable[[bytes, int], bytes]
"""`splice(value, revision)`: the value with the revision in it. Must be plain insertion: `unsplice` is its inverse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionConfig:
    """What the cache must know of the objects under one prefix."""

    prefix: str
    """With a slash at both ends: `/registry/pods/`."""
    index: Index
    history: bool = True
    """Whether the store keeps their past; see `store.interface`."""
    ring: RingLimits = field(default_factory=RingLimits)
    watcher_bytes: int = 16 * 1024 * 1024
    """A watcher with more than that unread is closed."""


class Listing(msgspec.Struct, frozen=True):
    """Part of a list, all of one state."""

    entries: list[Entry]
    revision: int
    more: bool
    remaining: int
    """Objects after these, where it is known without matching each of them; else 0."""


@dataclass(frozen=True, slots=True)
class CollectionStatistics:
    objects: int
    bytes: int
    ring_events: int
    ring_bytes: int
    ring_floor: int
    watchers: int
    indexes: tuple[str, ...]


class Collection:
    """See the module."""

    def __init__(self, config: CollectionConfig, splice: Splice, position: Callable[[], int]) -> None:
        self.config = config
        self.prefix = config.prefix
        self._splice = splice
        self._position = position
        self._records = Records()
        self._indexes = Indexes()
        self._ring = Ring(config.ring, 0)
        self._watchers = Watchers(self.parting, limit_bytes=config.watcher_bytes, position=position)
        self._fresh: list[Event] = []
        self.changed_at = 0
        """Revision of the newest change in this collection: its state has been the same since."""

    # Reading

    @property
    def revision(self) -> int:
        """The state shown: every change of the store up to this revision is in."""
        return self._position()

    def key(self, namespace: str, name: str) -> str:
        """Namespace "" is for objects that have none."""
        return f"{self.prefix}{namespace}/{name}" if namespace else self.prefix + name

    def get(self, key: str) -> Entry | None:
        return self._records.by_key.get(key)

    def count(self, namespace: str = "") -> int:
        """How many objects there are, in one namespace or ("") in all."""
        return self._records.count(f"{self.prefix}{namespace}/" if namespace else self.prefix)

    def select(self, selection: Selects) -> list[Entry]:
        """Every entry that matches now, in the order of keys."""
        return self._select(compiled(self.prefix, selection), "", 0)

    def page(self, selection: Selects, *, start: str = "", limit: int = 0, revision: int = 0) -> Listing:
        """Entries that match and whose key is not below `start`, at most `limit` (0: all).

        `revision` 0 is now; another one shows the state after it, as long as the ring reaches back to it. Raises
        Compacted, FutureRevision.
        """
        matcher = compiled(self.prefix, selection)
        revision = revision or self.revision
        if revision < self.changed_at:
            found = self._select_past(matcher, start, revision)
        elif revision > self.revision:
            raise FutureRevision(f"cannot list at revision {revision}: the newest is {self.revision}")
        else:
            found = self._select(matcher, start, limit + 1 if limit else 0)
        more = bool(limit) and len(found) > limit
        remaining = 0
        if more and matcher.is_everything:
            remaining = self._remaining(matcher, start, found, limit, revision)
        return Listing(found[:limit] if more else found, revision, more, remaining)

    def subscribe(self, selection: Selects, *, since: int) -> Subscription:
        """Changes after revision `since` as that selection sees them. Raises Compacted, FutureRevision.

        Subscribing since `revision` in the same turn as `select` joins both without a gap.
        """
        if since > self.revision:
            raise FutureRevision(f"cannot watch since revision {since}: the newest is {self.revision}")
        missed = self._ring.since(since) if since < self.changed_at else ()
        return self._watchers.subscribe(compiled(self.prefix, selection), missed)

    def parting(self, event: Event) -> Entry:
        """The previous state of a change under the revision of the change, made once."""
        if event.parting is None:
            if event.previous is None:
                raise AssertionError(f"{event.entry.key} has no previous state at {event.revision}")
            event.parting = self._restamp(event.previous, event.revision)
        return event.parting

    def statistics(self) -> CollectionStatistics:
        return CollectionStatistics(
            objects=len(self._records),
            bytes=sum(len(entry.value) for entry in self._records.by_key.values()),
            ring_events=len(self._ring),
            ring_bytes=self._ring.bytes,
            ring_floor=self._ring.floor,
            watchers=len(self._watchers),
            indexes=tuple(self._indexes.names()),
        )

    # Changing, by the cache only

    def load(self, entries: list[Entry], revision: int) -> None:
        """Begin (again) from a state of the store; whoever watched must start over."""
        self.end(Compacted(f"the cache was loaded anew at revision {revision}", compacted=revision))
        self._records = Records()
        self._indexes = Indexes()
        for entry in entries:
            self._records.put(entry)
        self._ring = Ring(self.config.ring, revision)
        self._fresh = []
        self.changed_at = revision

    def stamped(self, key: str, value: bytes, revision: int, create_revision: int) -> Entry:
        """An entry of a stored value that nobody has read yet."""
        labels, fields = self.config.index(key, value)
        return Entry(key, self._splice(value, revision), revision, create_revision, labels, fields)

    def apply(self, change: Change, entry: Entry | None, now: float) -> Entry | None:
        """Take in one change; `entry` is what its writer has prepared. Returns what was entered or removed, or None
        when the change is older than what is here. Watchers hear of it at `tell`."""
        if change.revision <= self.changed_at:
            return None
        old = self._records.by_key.get(change.key)
        if change.value is None:
            if old is None:
                return None
            entry = self._restamp(old, change.revision)
            self._records.remove(change.key)
            self._indexes.replace(old, None)
        else:
            if entry is None:
                entry = self.stamped(change.key, change.value, change.revision, change.create_revision)
            self._records.put(entry)
            self._indexes.replace(old, entry)
        event = Event(entry, old, change.value is None, now)
        self._ring.push(event)
        self._fresh.append(event)
        self.changed_at = change.revision
        return entry

    def tell(self) -> None:
        """Queue what was applied since the last call for all watchers."""
        fresh, self._fresh = self._fresh, []
        self._watchers.tell(fresh)

    def end(self, error: StoreError) -> None:
        """End all subscriptions."""
        self._watchers.end(error)

    def _select(self, matcher: Matcher, start: str, limit: int) -> list[Entry]:
        candidates = self._indexed(matcher)
        if candidates is not None:
            found = [entry for entry in candidates if entry.key >= start and matcher(entry)]
            return found[:limit] if limit else found
        walk = self._records.walk(matcher.directory, start)
        if not limit:
            return list(walk) if matcher.is_everything else [entry for entry in walk if matcher(entry)]
        found = []
        for entry in walk:
            if matcher(entry):
                found.append(entry)
                if len(found) == limit:
                    break
        return found

    def _indexed(self, matcher: Matcher) -> list[Entry] | None:
        """A superset of the matches, in order, found by name or by the most telling index; None: look at all."""
        by_key = self._records.by_key
        if matcher.name is not None and (
            matcher.directory != self.prefix or matcher.directory + matcher.name in by_key
        ):
            entry = by_key.get(matcher.directory + matcher.name)
            return [entry] if entry is not None else []
        best = None
        for pair in matcher.pairs:
            keys = self._indexes.find(pair, by_key)
            if keys is not None and (best is None or len(keys) < len(best)):
                best = keys
        return [by_key[key] for key in sorted(best)] if best is not None else None

    def _select_past(self, matcher: Matcher, start: str, revision: int) -> list[Entry]:
        state = dict(self._records.by_key)
        for key, entry in self._ring.undo(revision):
            if entry is None:
                state.pop(key, None)
            else:
                state[key] = entry
        return [state[key] for key in sorted(state) if key >= start and matcher(state[key])]

    def _remaining(self, matcher: Matcher, start: str, found: list[Entry], limit: int, revision: int) -> int:
        if revision < self.changed_at:
            return len(found) - limit
        if start:
            return sum(1 for _ in self._records.walk(matcher.directory, found[limit].key))
        return self._records.count(matcher.directory) - limit

    def _restamp(self, entry: Entry, revision: int) -> Entry:
        value = self._splice(unsplice(entry.value, entry.revision), revision)
        return Entry(entry.key, value, revision, entry.create_revision, entry.labels, entry.fields)


def unsplice(value: bytes, revision: int) -> bytes:
    """Take the revision out again: it is the first thing in the metadata."""
    stamp = b'"resourceVersion":"%d"' % revision
    at = value.index(stamp)
    end = at + len(stamp)
    return value[:at] + value[end + 1 if value[end] == 0x2C else end :]
