"""Events end: each is deleted some time after it was last written.

One timer waits for the event that is due next; an event that is written again goes to the end of the queue.  After a
restart the time of an event's last write is read from the event itself.
"""

from __future__ import annotations

import asyncio

from podling.aio.clock import Clock
from podling.api import codec, kinds, times
from podling.api.types import core_v1
from podling.store.interface import Compacted, Lagging, Mismatch
from podling.store.watchcache import DELETED, Collection, Selection, WatchCache


class Expiry:
    """Deletes events in time."""

    def __init__(self, cache: WatchCache, collection: Collection, clock: Clock, *, seconds: float) -> None:
        self._cache = cache
        self._collection = collection
        self._clock = clock
        self._seconds = seconds
        self._due: dict[str, float] = {}
        """Keys in the order in which they are due, with the wall time of it."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            since = self._load()
            try:
                with self._collection.subscribe(Selection(), since=since) as changes:
                    while True:
                        for batch in await changes.next(await self._sweep()):
                            for view in batch.views:
                                self._due.pop(view.entry.key, None)
                                if view.type != DELETED:
                                    self._due[view.entry.key] = self._clock.now() + self._seconds
            except (Compacted, Lagging):
                continue

    def _load(self) -> int:
        entries = self._collection.select(Selection())
        last = {entry.key: _written(codec.decode(kinds.EVENT, entry.value).body) for entry in entries}
        self._due = {key: last[key] + self._seconds for key in sorted(last, key=lambda key: last[key])}
        return self._collection.revision

    async def _sweep(self) -> float | None:
        """Delete what is due; returns the seconds until the next one is (None: there is none)."""
        async with asyncio.TaskGroup() as group:
            for key, due in list(self._due.items()):
                if due > self._clock.now():
                    return due - self._clock.now()
                del self._due[key]
                group.create_task(self._delete(key), name=f"expire {key}")
        return None

    async def _delete(self, key: str) -> None:
        entry = self._collection.get(key)
        if entry is None:
            return
        try:
            await self._cache.delete(self._collection, key, expected=entry.revision)
        except Mismatch:
            return  # written again meanwhile: it is back in the queue


def _written(event: core_v1.Event) -> float:
    """When an event was last written, in epoch seconds."""
    for text in (
        event.series.last_observed_time if event.series is not None else None,
        event.last_timestamp,
        event.event_time,
        event.first_timestamp,
        event.metadata.creation_timestamp,
    ):
        if text:
            return times.parse(text)
    return 0.0
