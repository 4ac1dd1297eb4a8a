"""Events end: each is deleted some time after it was last written, as those of upstream's `--event-ttl` are.

There an etcd lease does it; watchers see the same here: DELETED, with the last state under the deletion's revision.

`Deadlines` knows what is due when.  `Expiry` follows the collection and waits for the event that is due next; an event
that is written again goes to the end of the queue.  What is due at once, say after a night in which the server was
down, is deleted `AT_ONCE` events at a time, so that the requests of others come between.  After a restart the time of
an event's last write is read from the event: the times that this server put there, or its author's, but none to come.

A store that fails (a full disk) ends nothing: what is due is tried again `RETRY_SECONDS` later.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable

from podling.aio.clock import Clock
from podling.api import codec, kinds, times
from podling.api.types import core_v1
from podling.store.interface import Compacted, Lagging, Mismatch, StoreFault
from podling.store.watchcache import DELETED, Batch, Collection, Selection, WatchCache

AT_ONCE = 128
RETRY_SECONDS = 30.0

log = logging.getLogger(__name__)


class Deadlines:
    """Keys in the order in which they are due; setting, dropping and taking one costs the same however many there are."""

    def __init__(self) -> None:
        self._due: OrderedDict[str, float] = OrderedDict()

    def set(self, key: str, due: float) -> None:
        """Put a key at the end; `due` is wall time in seconds, not before that of any other key."""
        self._due[key] = due
        self._due.move_to_end(key)

    def drop(self, key: str) -> None:
        self._due.pop(key, None)

    def put_back(self, keys: Iterable[str], due: float) -> None:
        """Keys that were taken are first again."""
        for key in keys:
            self._due[key] = due
            self._due.move_to_end(key, last=False)

    def take(self, now: float, limit: int) -> list[str]:
        """Remove and return up to `limit` keys that are due at `now`, the oldest first."""
        taken: list[str] = []
        while self._due and len(taken) < limit and self._first()[1] <= now:
            taken.append(self._due.popitem(last=False)[0])
        return taken

    def wait(self, now: float) -> float | None:
        """Seconds from `now` until the next key is due, None where there is none."""
        return max(0.0, self._first()[1] - now) if self._due else None

    def _first(self) -> tuple[str, float]:
        return next(iter(self._due.items()))

    def __len__(self) -> int:
        return len(self._due)


class Expiry:
    """Deletes events in time."""

    def __init__(self, cache: WatchCache, collection: Collection, clock: Clock, *, seconds: float) -> None:
        self._cache = cache
        self._collection = collection
        self._clock = clock
        self._seconds = seconds
        self._deadlines = Deadlines()
        self._is_failing = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            since = self._load()
            try:
                with self._collection.subscribe(Selection(), since=since) as changes:
                    while True:
                        for batch in await changes.next(await self._sweep()):
                            self._note(batch)
            except (Compacted, Lagging):
                continue

    def _load(self) -> int:
        """Begin with the events that are there; returns the revision from which to follow."""
        entries = self._collection.select(Selection())
        now = self._clock.now()
        last = {entry.key: written(codec.decode(kinds.EVENT, entry.value).body, now=now) for entry in entries}
        self._deadlines = Deadlines()
        for key in sorted(last, key=last.__getitem__):
            self._deadlines.set(key, last[key] + self._seconds)
        return self._collection.revision

    def _note(self, batch: Batch) -> None:
        due = self._clock.now() + self._seconds
        for view in batch.views:
            if view.type == DELETED:
                self._deadlines.drop(view.entry.key)
            else:
                self._deadlines.set(view.entry.key, due)

    async def _sweep(self) -> float | None:
        """Delete a part of what is due; returns the seconds until there is more to do (None: there is nothing)."""
        taken = self._deadlines.take(self._clock.now(), AT_ONCE)
        faults = [fault for fault in await asyncio.gather(*map(self._delete, taken)) if fault is not None]
        if faults:
            self._deadlines.put_back(reversed(taken), self._clock.now())
            if not self._is_failing:
                log.warning("events stay longer than they should: %s", faults[0])
            self._is_failing = True
            return RETRY_SECONDS
        self._is_failing = self._is_failing and not taken
        return self._deadlines.wait(self._clock.now())

    async def _delete(self, key: str) -> StoreFault | None:
        entry = self._collection.get(key)
        if entry is None:
            return None
        try:
            await self._cache.delete(self._collection, key, expected=entry.revision)
        except Mismatch:
            return None  # written again meanwhile: it is back in the queue
        except StoreFault as fault:
            return fault
        return None


def written(event: core_v1.Event, *, now: float) -> float:
    """When an event was last written, in epoch seconds, as far as the event itself tells; not after `now`."""
    told = [
        event.metadata.creation_timestamp,
        *(entry.time for entry in event.metadata.managed_fields or ()),
        event.series.last_observed_time if event.series is not None else None,
        event.last_timestamp,
        event.event_time,
    ]
    return min(now, max((times.parse(text) for text in told if text), default=0.0))
