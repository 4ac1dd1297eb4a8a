"""One publisher, many bounded readers; a reader that falls behind is told so and never slows the others.

Publishing never waits. Each `Subscription` has a queue of its own of at most `limit` items. When it would
overflow, the subscription is closed: the reader still gets nothing of what was dropped and sees `Overflow`
(after what it had queued is discarded), so that it knows it must look at the whole state again. What items
mean, and whether somebody resumes from a revision, is left to the layers above.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Overflow(Exception):
    """This subscriber did not read in time and lost items; start over from the current state."""


@dataclass(frozen=True, slots=True)
class BroadcastStatistics:
    subscribers: int
    published: int
    overflowed: int
    longest_queue: int


class Broadcast(Generic[T]):
    """Hands each published item to every subscription that exists at that moment, in order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._subscriptions: dict[Subscription[T], None] = {}
        self._closed = False
        self._published = 0
        self._overflowed = 0

    def subscribe(self, *, limit: int = 1000) -> Subscription[T]:
        """A new reader, from the next published item on. After `close()`: one that is at its end."""
        subscription = Subscription(self, limit)
        if self._closed:
            subscription._end(None)
        else:
            self._subscriptions[subscription] = None
        return subscription

    def publish(self, item: T) -> None:
        """Queue `item` for all subscribers. Never waits; publishing after `close()` is an error."""
        if self._closed:
            raise RuntimeError(f"cannot publish: broadcast {self.name} is closed")
        self._published += 1
        for subscription in tuple(self._subscriptions):
            if not subscription._offer(item):
                self._overflowed += 1
                del self._subscriptions[subscription]

    def close(self) -> None:
        """No more items: readers get what they have queued and then end. Safe to repeat."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription._end(None)
        self._subscriptions.clear()

    def statistics(self) -> BroadcastStatistics:
        return BroadcastStatistics(
            subscribers=len(self._subscriptions),
            published=self._published,
            overflowed=self._overflowed,
            longest_queue=max((len(s) for s in self._subscriptions), default=0),
        )

    def __repr__(self) -> str:
        return f"<Broadcast {self.name} subscribers={len(self._subscriptions)} published={self._published}>"

    def _forget(self, subscription: Subscription[T]) -> None:
        self._subscriptions.pop(subscription, None)


class Subscription(Generic[T]):
    """One reader's queue: an async iterator and a context manager that unsubscribes on leaving.

    One task reads at a time. Iteration ends when the broadcast or the subscription is closed and the queue
    is empty; it raises Overflow when items were lost.
    """

    def __init__(self, broadcast: Broadcast[T], limit: int) -> None:
        self._broadcast = broadcast
        self._limit = limit
        self._queue: deque[T] = deque()
        self._wake = asyncio.Event()
        self._ended = False
        self._error: Overflow | None = None

    async def get(self) -> T:
        """The next item. Raises Overflow, or EOFError when there will be none."""
        while not self._queue:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise EOFError(f"broadcast {self._broadcast.name} is closed")
            self._wake.clear()
            await self._wake.wait()
        return self._queue.popleft()

    def take_nowait(self) -> list[T]:
        """All that is queued, perhaps nothing. Raises Overflow."""
        if self._error is not None:
            raise self._error
        items = list(self._queue)
        self._queue.clear()
        return items

    def close(self) -> None:
        """Unsubscribe. Queued items can still be read. Safe to repeat."""
        self._broadcast._forget(self)
        self._end(None)

    def __len__(self) -> int:
        return len(self._queue)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.get()
        except EOFError:
            raise StopAsyncIteration from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _offer(self, item: T) -> bool:
        if len(self._queue) >= self._limit:
            self._queue.clear()
            self._end(
                Overflow(f"subscriber of {self._broadcast.name} fell more than {self._limit} items behind")
            )
            return False
        self._queue.append(item)
        self._wake.set()
        return True

    def _end(self, error: Overflow | None) -> None:
        self._ended = True
        self._error = self._error or error
        self._wake.set()
