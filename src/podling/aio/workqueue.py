"""The queue of keys that reconcilers and the scheduler's shell work off, with client-go's semantics.

Decided here (as in client-go `util/workqueue`):
- a key that is added while it waits is queued once;
- a key that is added while it is being processed is not given to a second worker: it is queued again when the
  worker calls `done(key)`; so one key is never worked on twice at the same time;
- `add_after` keeps the earliest time asked for; `add_rate_limited` is `add_after` with a delay that grows with
  each call until `forget(key)`;
- after `shutdown()` nothing new is taken, what is queued is still handed out, then `get` raises `Shutdown`.

What a key means and what happens on an error is left to the reconcile loop. All methods but `get` and
`wait_drained` return at once and must be called on the event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from .backoff import Backoff
from .metrics import Histogram

K = TypeVar("K", bound=Hashable)


SECONDS = tuple(10.0**power for power in range(-6, 4))
"""Bounds of the histograms of a queue: client-go's, from a microsecond to a quarter of an hour."""


class Shutdown(Exception):
    """The queue is shut down and empty: the worker should end."""


@dataclass(frozen=True, slots=True)
class WorkQueueStatistics:
    queued: int
    delayed: int
    processing: int
    adds: int
    retries: int
    longest_wait: float
    """Seconds from `add` to `get`, the longest seen."""


class WorkQueue(Generic[K]):
    """A deduplicating queue of hashable keys, first in, first out."""

    def __init__(self, name: str, *, backoff: Backoff | None = None, random: Random | None = None) -> None:
        self.name = name
        self._backoff = backoff or Backoff()
        self._random = random
        self._queue: deque[K] = deque()
        self._dirty: dict[K, float] = {}  # queued, or to be queued at done(); value: loop time of the add
        self._processing: dict[K, float] = {}  # value: loop time of the get
        self._delayed: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._getters: deque[asyncio.Future[None]] = deque()
        self._drained: list[asyncio.Future[None]] = []
        self._shut = False
        self._adds = 0
        self._retries = 0
        self._longest_wait = 0.0
        self.waited = Histogram(SECONDS)
        """Seconds that keys were queued."""
        self.worked = Histogram(SECONDS)
        """Seconds that their processing took."""

    def add(self, key: K) -> None:
        """Queue `key` now, unless it is queued already. Ignored after `shutdown()`."""
        if self._shut:
            return
        if (handle := self._delayed.pop(key, None)) is not None:
            handle.cancel()
        if key in self._dirty:
            return
        self._adds += 1
        self._dirty[key] = asyncio.get_running_loop().time()
        if key not in self._processing:
            self._enqueue(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Queue `key` when `seconds` have passed; of several such wishes the earliest holds."""
        if self._shut:
            return
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        waiting = self._delayed.get(key)
        if waiting is not None:
            if waiting.when() <= when:
                return
            waiting.cancel()
        self._delayed[key] = loop.call_at(when, self._due, key)

    def add_rate_limited(self, key: K) -> None:
        """Queue `key` after its backoff, which grows with each call until `forget(key)`."""
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        self._retries += 1
        self.add_after(key, self._backoff.delay(failures, self._random))

    def forget(self, key: K) -> None:
        """`key` succeeded: its backoff starts from the beginning. Does not take it out of the queue."""
        self._failures.pop(key, None)

    def retries(self, key: K) -> int:
        """How often `key` was added rate-limited since it was last forgotten."""
        return self._failures.get(key, 0)

    async def get(self) -> K:
        """Wait for the next key and mark it as being processed; `done(key)` must follow in every case.

        Raises Shutdown once the queue is shut down and empty. Cancelling loses no key.
        """
        while not self._queue:
            if self._shut:
                raise Shutdown(f"work queue {self.name} is shut down")
            await self._wait_for_key()
        return self._take()

    def get_nowait(self) -> K | None:
        """As `get`, but None when nothing is queued."""
        return self._take() if self._queue else None

    def done(self, key: K) -> None:
        """The worker has finished with `key`; if it was added meanwhile, it is queued again now."""
        if key not in self._processing:
            raise KeyError(f"cannot finish {key!r}: it is not being processed by {self.name}")
        self.worked.observe(SECONDS, asyncio.get_running_loop().time() - self._processing.pop(key))
        if key in self._dirty:
            self._enqueue(key)
        elif not self._processing and not self._queue:
            self._settle()

    def shutdown(self) -> None:
        """Take no new keys, drop delayed ones; workers get what is queued and then Shutdown. Safe to repeat."""
        self._shut = True
        for handle in self._delayed.values():
            handle.cancel()
        self._delayed.clear()
        while self._getters:
            self._wake_one()
        if not self._processing and not self._queue:
            self._settle()

    async def wait_drained(self) -> None:
        """Wait until nothing is queued and nothing is being processed (delayed keys do not count)."""
        while self._queue or self._processing:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._drained.append(waiter)
            await waiter

    def statistics(self) -> WorkQueueStatistics:
        return WorkQueueStatistics(
            queued=len(self._queue),
            delayed=len(self._delayed),
            processing=len(self._processing),
            adds=self._adds,
            retries=self._retries,
            longest_wait=self._longest_wait,
        )

    def unfinished(self, now: float) -> list[float]:
        """Seconds that each key that is being processed has taken so far."""
        return [now - since for since in self._processing.values()]

    def __len__(self) -> int:
        """Keys that are ready to be handed out."""
        return len(self._queue)

    def __repr__(self) -> str:
        return (
            f"<WorkQueue {self.name} queued={len(self._queue)} delayed={len(self._delayed)} "
            f"processing={len(self._processing)}{' shut' if self._shut else ''}>"
        )

    def _take(self) -> K:
        key = self._queue.popleft()
        added = self._dirty.pop(key)
        now = asyncio.get_running_loop().time()
        self._processing[key] = now
        self._longest_wait = max(self._longest_wait, now - added)
        self.waited.observe(SECONDS, now - added)
        return key

    def _due(self, key: K) -> None:
        self._delayed.pop(key, None)
        self.add(key)

    def _enqueue(self, key: K) -> None:
        self._queue.append(key)
        self._wake_one()

    async def _wait_for_key(self) -> None:
        getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._getters.append(getter)
        try:
            await getter
        except asyncio.CancelledError:
            with suppress(ValueError):
                self._getters.remove(getter)
            if self._queue and not getter.cancelled():
                self._wake_one()  # the key that woke us goes to the next worker
            raise

    def _wake_one(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    def _settle(self) -> None:
        waiters, self._drained = self._drained, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
