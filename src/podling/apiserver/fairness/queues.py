"""The queues of one priority level, served in turn (pure; "Fair Queuing for Server Requests" of KEP-1040).

Every queue has a virtual time: how much service it has had. The next request comes from the queue that has had least, so that a flow with few
requests is not behind one with many. While a request runs, how long it will take is a guess; when it ends its queue is charged what it took.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from . import dealing

GUESS_SECONDS = 0.003
"""How long a request is taken to run, in advance (upstream's estimate)."""


@dataclass(slots=True, eq=False)
class Waiter:
    """A request that waits for `width` seats; `grant` is called when it has them, or with False when it needs none."""

    width: int
    grant: Callable[[bool], None] = lambda _: None
    queue: int = 0
    is_gone: bool = False
    """Gave up waiting."""


@dataclass(slots=True)
class _Queue:
    waiting: deque[Waiter] = field(default_factory=deque)
    length: int = 0
    """Of those that wait and have not given up."""
    running: int = 0
    served: float = 0.0
    """Virtual time, seat seconds."""


class Queues:
    """`count` queues of up to `limit` requests, of which each flow has a hand of `hand`."""

    def __init__(self, *, count: int, hand: int, limit: int) -> None:
        self._queues: defaultdict[int, _Queue] = defaultdict(_Queue)
        """Those in use; there may be millions."""
        self._count, self._hand, self._limit = count, hand, limit
        self._busy: set[int] = set()
        """Queues in which somebody waits."""
        self._time = 0.0
        """Virtual time of the queue that was served last: where one that comes back begins."""
        self.waiting = 0

    def put(self, waiter: Waiter, schema: str, flow: str) -> bool:
        """Let a request wait in the shortest queue of its flow's hand; False if that is full."""
        dealt = dealing.hand(schema, flow, self._count, self._hand)
        at = min(dealt, key=lambda number: self._queues[number].length + self._queues[number].running)
        queue = self._queues[at]
        if queue.length >= self._limit:
            return False
        if not queue.length and not queue.running:
            queue.served = max(queue.served, self._time)
        waiter.queue = at
        queue.waiting.append(waiter)
        queue.length += 1
        self.waiting += 1
        self._busy.add(at)
        return True

    def first(self) -> Waiter | None:
        """Whose turn it is."""
        if not self._busy:
            return None
        at = min(self._busy, key=lambda number: (self._queues[number].served, number))
        waiting = self._queues[at].waiting
        while waiting[0].is_gone:
            waiting.popleft()
        return waiting[0]

    def serve(self, waiter: Waiter) -> None:
        """The first of its queue has its seats."""
        queue = self._queues[waiter.queue]
        queue.waiting.popleft()
        self._time = max(self._time, queue.served)
        queue.served += GUESS_SECONDS * waiter.width
        queue.running += 1
        self._one_less(waiter.queue)

    def give_up(self, waiter: Waiter) -> None:
        """One that waits no longer."""
        waiter.is_gone = True
        self._one_less(waiter.queue)

    def end(self, waiter: Waiter, seconds: float) -> None:
        """One that was served is over, after so many seconds."""
        queue = self._queues[waiter.queue]
        queue.running -= 1
        queue.served += (seconds - GUESS_SECONDS) * waiter.width
        self._forget(waiter.queue)

    def _one_less(self, at: int) -> None:
        queue = self._queues[at]
        queue.length -= 1
        self.waiting -= 1
        if not queue.length:
            queue.waiting.clear()
            self._busy.discard(at)
            self._forget(at)

    def _forget(self, at: int) -> None:
        """A queue that has had no more than others is as good as new."""
        queue = self._queues[at]
        if not queue.length and not queue.running and queue.served <= self._time:
            del self._queues[at]
