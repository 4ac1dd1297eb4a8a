"""Telling subscribers of container events: each gets every event once, in order, from the moment it subscribed.

Shared by the runtimes.  A subscriber that is dropped or closed is forgotten; one that is slow keeps its backlog, which
is bounded by what containers can do.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator

from .interface import ContainerEvent


class EventHub:
    """``publish`` never waits; ``subscribe`` counts from the call on, not from the first read."""

    def __init__(self) -> None:
        self._subscribers: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._closed = False

    def publish(self, event: ContainerEvent) -> None:
        for subscriber in list(self._subscribers):
            subscriber.put(event)

    def subscribe(self) -> Subscription:
        subscriber = Subscription()
        if self._closed:
            subscriber.end()
        self._subscribers.add(subscriber)
        return subscriber

    def close(self) -> None:
        """Subscribers read what is left and then end."""
        self._closed = True
        for subscriber in list(self._subscribers):
            subscriber.end()


class Subscription(AsyncIterator[ContainerEvent]):
    """An async iterator with a backlog."""

    def __init__(self) -> None:
        self._backlog: deque[ContainerEvent] = deque()
        self._changed = asyncio.Event()
        self._ended = False

    def put(self, event: ContainerEvent) -> None:
        self._backlog.append(event)
        self._changed.set()

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    async def __anext__(self) -> ContainerEvent:
        while not self._backlog:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._backlog.popleft()

    async def aclose(self) -> None:
        self.end()
        self._backlog.clear()
