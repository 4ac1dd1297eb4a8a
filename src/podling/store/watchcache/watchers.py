"""Handing changes to watchers: once for each selection, not once for each watcher.

Watchers with the same selection form a group. A change is looked at once for each group that may care, and all its
watchers get the same `Batch` object, which also keeps the bytes made of it, so that fifty watchers cost one
encoding. Groups that ask for one value of a field or label (`spec.nodeName=n1`) are found by that value, so
that a thousand nodes do not look at each other's Pods.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from podling.store.interface import Closed, Compacted, Lagging, StoreError

from .entry import ADDED, DELETED, MODIFIED, Entry, Event, View
from .selection import Matcher, Pair

_TICK = 0.001
"""Seconds by which timers ring early: uvloop's are whole milliseconds."""

Encode = Callable[[Sequence[View]], bytes]
Parting = Callable[[Event], Entry]
"""The previous state of a change under the revision of the change."""


class Batch:
    """Changes that one group sees in one turn of the loop. Shared by watchers: not to be changed."""

    __slots__ = ("_encoded", "revision", "views", "weight")

    def __init__(self, views: tuple[View, ...], revision: int) -> None:
        self.views = views
        self.revision = revision
        """Of the newest change in it."""
        self.weight = sum(len(view.entry.value) for view in views)
        self._encoded: dict[Encode, bytes] = {}

    def encoded(self, encode: Encode) -> bytes:
        """`encode(views)`, made once however many watchers ask with the same function."""
        made = self._encoded.get(encode)
        if made is None:
            made = self._encoded[encode] = encode(self.views)
        return made


class Subscription:
    """One watcher's queue; `with` gives it back.

    One task reads. What is queued is bounded; a watcher that leaves more than that unread is closed with Lagging and
    its queue dropped. Others are unharmed.
    """

    def __init__(self, group: _Group, *, limit_bytes: int, position: Callable[[], int]) -> None:
        self._group = group
        self._limit = limit_bytes
        self._position = position
        self._queue: deque[Batch] = deque()
        self._weight = 0
        self._wake: asyncio.Future[None] | None = None
        self._patience = _Patience(self._stir)
        self._end: StoreError | None = None

    @property
    def revision(self) -> int:
        """Every matching change up to this revision has been taken: what a bookmark may say."""
        return self._queue[0].views[0].entry.revision - 1 if self._queue else self._position()

    async def next(self, seconds: float | None = None) -> tuple[Batch, ...]:
        """Wait for changes and take all there are; empty when none came within `seconds`.

        Raises Lagging, Compacted (the cache had to start over) or Closed.
        """
        if not self._queue and self._end is None:
            wake = self._wake = asyncio.get_running_loop().create_future()
            self._patience.begin(seconds)
            try:
                await wake
            finally:
                self._wake = None
        return self.take_nowait()

    def take_nowait(self) -> tuple[Batch, ...]:
        """All that is queued, perhaps nothing. Raises as `next`."""
        if not self._queue and self._end is not None:
            raise self._end
        taken = tuple(self._queue)
        self._queue.clear()
        self._weight = 0
        return taken

    def close(self) -> None:
        """Give it back. Safe to repeat."""
        self._group.leave(self)
        self._patience.close()
        self.end(Closed("cannot go on watching: the subscription was closed"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def offer(self, batch: Batch, *, bounded: bool = True) -> bool:
        """Queue a batch; false when that is too much and the watcher was closed."""
        self._weight += batch.weight
        if bounded and self._weight > self._limit and self._queue:
            self._queue.clear()
            self.end(Lagging(f"cannot go on watching: more than {self._limit} bytes were left unread"))
            return False
        self._queue.append(batch)
        self._stir()
        return True

    def end(self, error: StoreError) -> None:
        """Nothing more will come; what is queued can still be taken."""
        self._end = self._end or error
        self._stir()

    def _stir(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class _Patience:
    """Calls `over` when a wait has lasted too long.

    A busy watcher waits thousands of times a second, and setting and taking back a timer for each costs as much as the
    rest of waiting. One timer serves them all: when it rings before the end of the wait of the moment, it is set again.
    """

    __slots__ = ("_due", "_over", "_rings", "_timer")

    def __init__(self, over: Callable[[], None]) -> None:
        self._over = over
        self._due = math.inf
        self._rings = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float | None) -> None:
        """A wait begins that may last so long (None: for ever); one that has begun is forgotten."""
        if seconds is None:
            self._due = math.inf
            return
        loop = asyncio.get_running_loop()
        self._due = loop.time() + seconds
        if self._due < self._rings:
            self._set(loop)

    def close(self) -> None:
        self._due = self._rings = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings = self._due
        self._timer = loop.call_at(self._due, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._rings = math.inf
        if self._due <= loop.time() + _TICK:
            self._over()
        elif self._due < math.inf:
            self._set(loop)


class _Group:
    """The watchers of one selection."""

    def __init__(self, watchers: Watchers, matcher: Matcher) -> None:
        self._watchers = watchers
        self.matcher = matcher
        self.trigger: Pair | None = matcher.pairs[-1] if matcher.pairs and matcher.pairs[-1][2] else None
        """One equality that every match fulfils; fields come last and are the more telling ones."""
        self.members: dict[Subscription, None] = {}
        self.pending: list[View] = []

    def see(self, event: Event, parting: Parting) -> View | None:
        """The change as this group sees it, or None."""
        matcher, previous = self.matcher, event.previous
        before = previous is not None and matcher(previous)
        if event.deleted:
            return View(DELETED, event.entry) if before else None
        if matcher(event.entry):
            return View(MODIFIED if before else ADDED, event.entry)
        return View(DELETED, parting(event)) if before else None

    def leave(self, subscription: Subscription) -> None:
        self.members.pop(subscription, None)
        if not self.members:
            self._watchers.drop(self)


class Watchers:
    """All subscriptions of one collection."""

    def __init__(self, parting: Parting, *, limit_bytes: int, position: Callable[[], int]) -> None:
        self._parting = parting
        self._limit_bytes = limit_bytes
        self._position = position
        self._groups: dict[tuple[object, ...], _Group] = {}
        self._general: dict[_Group, None] = {}
        self._triggered: dict[tuple[str, str], dict[str, list[_Group]]] = {}

    def subscribe(self, matcher: Matcher, missed: Iterable[Event]) -> Subscription:
        """A watcher that first gets what of `missed` it would have seen."""
        group = self._groups.get(matcher.identity)
        if group is None:
            group = self._groups[matcher.identity] = _Group(self, matcher)
            self._place(group)
        subscription = Subscription(group, limit_bytes=self._limit_bytes, position=self._position)
        group.members[subscription] = None
        views = [view for event in missed if (view := group.see(event, self._parting)) is not None]
        if views:
            subscription.offer(Batch(tuple(views), views[-1].entry.revision), bounded=False)
        return subscription

    def tell(self, events: Sequence[Event]) -> None:
        """Queue changes that became visible together for everyone who sees them."""
        if not self._groups:
            return
        touched: dict[_Group, None] = {}
        for event in events:
            for group in self._candidates(event):
                view = group.see(event, self._parting)
                if view is not None:
                    group.pending.append(view)
                    touched[group] = None
        for group in touched:
            batch = Batch(tuple(group.pending), group.pending[-1].entry.revision)
            group.pending = []
            lost = [member for member in group.members if not member.offer(batch)]
            for member in lost:
                group.leave(member)

    def end(self, error: StoreError) -> None:
        """End every subscription."""
        for group in list(self._groups.values()):
            for member in list(group.members):
                member.end(_copy(error))
                group.leave(member)

    def drop(self, group: _Group) -> None:
        """A group has no members left."""
        if self._groups.pop(group.matcher.identity, None) is None:
            return
        if group.trigger is None:
            del self._general[group]
            return
        kind, name, value = group.trigger
        by_value = self._triggered[kind, name]
        by_value[value].remove(group)
        if not by_value[value]:
            del by_value[value]
        if not by_value:
            del self._triggered[kind, name]

    def __len__(self) -> int:
        return sum(len(group.members) for group in self._groups.values())

    def _place(self, group: _Group) -> None:
        if group.trigger is None:
            self._general[group] = None
        else:
            kind, name, value = group.trigger
            self._triggered.setdefault((kind, name), {}).setdefault(value, []).append(group)

    def _candidates(self, event: Event) -> list[_Group]:
        found = list(self._general)
        previous, entry = event.previous, event.entry
        for (kind, name), by_value in self._triggered.items():
            now = _value(entry, kind, name)
            if now is not None:
                found += by_value.get(now, ())
            before = _value(previous, kind, name) if previous is not None else None
            if before is not None and before != now:
                found += by_value.get(before, ())
        return found


def _value(entry: Entry, kind: str, name: str) -> str | None:
    if kind == "field":
        return entry.fields.get(name)
    return entry.labels.get(name) if entry.labels else None


def _copy(error: StoreError) -> StoreError:
    """One exception for each watcher: a shared one would collect all their tracebacks."""
    if isinstance(error, Compacted):
        return Compacted(str(error), compacted=error.compacted)
    return type(error)(*error.args)
