"""Writers of one object take turns once they have met.

A change is tried without asking; only who lost against another waits for its turn, and for the state that it lost
against, before it tries again.  So an object that many write at once (a counter, a lease, a status) costs each of them
a few tries and none of them a refusal.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from podling.store.interface import Mismatch
from podling.store.watchcache import WatchCache

T = TypeVar("T")
ATTEMPTS = 100
"""Tries of one that has its turn; it loses only to first tries of others."""


class Turns:
    """Locks by key; a lock exists only while somebody holds or wants it."""

    def __init__(self, cache: WatchCache) -> None:
        self._cache = cache
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    async def insist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The first result of `attempt` that is no Mismatch.

        Raises Mismatch when the object was deleted meanwhile (its `revision` is 0) and after very many tries.
        """
        try:
            return await attempt()
        except Mismatch as first:
            lost = first
        async with self._turn(lost.key):
            for _ in range(ATTEMPTS):
                if not lost.revision:
                    break
                await self._cache.wait_revision(lost.revision)
                try:
                    return await attempt()
                except Mismatch as again:
                    lost = again
        raise lost

    @asynccontextmanager
    async def _turn(self, key: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._users[key] = self._users.get(key, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._locks[key]
