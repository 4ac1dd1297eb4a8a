"""Pods that wait for a node.

                    add                      pop
    (new Pod) ─────────────> active ─────────────────> (a cycle)
                               ▲  ▲                        │ rejected
                     time over │  │ event, no back-off     ▼
                            backoff <──── event ──── unschedulable
    gated: has scheduling gates; enters when the last gate goes

Synchronous and clock-free: ``now`` is given in seconds of any monotonic clock.  Back-off is 1 s doubling to 10 s by
attempt; a Pod that nothing woke is tried again after five minutes (upstream: scheduling_queue.go).  Who came a moment before the
claim that was made for it is tried again at once when that is there.  A Pod that an
event concerned *while* it was in a cycle does not miss it: such events are remembered until the cycle ends.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable
from dataclasses import dataclass

from podling.api.types import core_v1

from .framework import Cause

INITIAL_BACKOFF = 1.0
MAX_BACKOFF = 10.0
LONGEST_WAIT = 300.0

Interested = Callable[[frozenset[str], Cause], bool]


class Place(enum.Enum):
    """Where in the drawing above a Pod is; CYCLE is between ``pop`` and what became of it."""

    NEW = "new"
    GATED = "gated"
    ACTIVE = "active"
    CYCLE = "cycle"
    UNSCHEDULABLE = "unschedulable"
    BACKOFF = "backoff"


@dataclass(slots=True)
class Waiting:
    """A Pod in the queue and what its attempts taught; ``plugins`` rejected it last time."""

    pod: core_v1.Pod
    since: float
    order: int = 0
    attempts: int = 0
    plugins: frozenset[str] = frozenset()
    failed_at: float = 0.0
    place: Place = Place.NEW

    @property
    def uid(self) -> str:
        return (self.pod.metadata.uid if self.pod.metadata else None) or ""

    @property
    def backoff_until(self) -> float:
        if self.attempts == 0:
            return 0.0
        return self.failed_at + min(INITIAL_BACKOFF * 2.0 ** min(self.attempts - 1, 10), MAX_BACKOFF)

    @property
    def deadline(self) -> float | None:
        """When time alone brings the Pod back; None where time does not."""
        if self.place is Place.BACKOFF:
            return self.backoff_until
        return self.failed_at + LONGEST_WAIT if self.place is Place.UNSCHEDULABLE else None


@dataclass(slots=True)
class Statistics:
    """How many Pods wait where."""

    active: int
    backoff: int
    unschedulable: int
    gated: int


class SchedulingQueue:
    """The queue.  ``interested`` says whether a rejection by those plugins may be undone by an event."""

    def __init__(self, interested: Interested) -> None:
        self._interested = interested
        self._entries: dict[str, Waiting] = {}
        self._active: list[tuple[int, int, str]] = []
        self._timers: list[tuple[float, str]] = []
        self._parked: dict[str, Waiting] = {}
        self._in_cycle: dict[str, set[Cause]] = {}
        self._count = 0

    def add(self, pod: core_v1.Pod, *, now: float) -> None:
        """A Pod that wants a node; again with a newer version when it changed."""
        uid = (pod.metadata.uid if pod.metadata else None) or ""
        known = self._entries.get(uid)
        gated = bool(pod.spec and pod.spec.scheduling_gates)
        if known is None:
            entry = self._entries[uid] = Waiting(pod, now)
            if gated:
                entry.place = Place.GATED
            else:
                self._activate(entry)
            return
        changed = known.pod.spec != pod.spec or _labels(known.pod) != _labels(pod)
        known.pod = pod
        if known.place is Place.GATED:
            if not gated:
                self._activate(known)
        elif changed:
            self._wake(known, Cause.POD_CHANGED, now=now)

    def remove(self, uid: str) -> None:
        """The Pod is bound, deleted, or somebody else's."""
        self._entries.pop(uid, None)
        self._parked.pop(uid, None)
        self._in_cycle.pop(uid, None)

    def holds(self, uid: str) -> bool:
        """Whether the Pod still wants a node, waiting or in a cycle that has not ended."""
        return uid in self._entries

    def pop(self, *, now: float) -> Waiting | None:
        """The next Pod: highest priority first, then the one that has waited longest.  Its cycle has begun."""
        self._promote(now)
        while self._active:
            _, order, uid = heapq.heappop(self._active)
            entry = self._entries.get(uid)
            if entry is not None and entry.place is Place.ACTIVE and entry.order == order:
                entry.place = Place.CYCLE
                entry.attempts += 1
                self._in_cycle[uid] = set()
                return entry
        return None

    def reject(self, entry: Waiting, plugins: frozenset[str], *, now: float) -> None:
        """The cycle found no node; the Pod waits for an event that concerns ``plugins``."""
        if self._entries.get(entry.uid) is not entry:
            return
        entry.plugins, entry.failed_at, entry.place = plugins, now, Place.UNSCHEDULABLE
        self._parked[entry.uid] = entry
        self._set_timer(entry)
        for cause in sorted(self._in_cycle.pop(entry.uid, ()), key=lambda cause: cause.name):
            self._wake(entry, cause, now=now)

    def retry(self, entry: Waiting, *, now: float) -> None:
        """The cycle ended in an error of ours (a binding that failed): again after its back-off."""
        if self._entries.get(entry.uid) is entry:
            self._in_cycle.pop(entry.uid, None)
            entry.failed_at, entry.place = now, Place.BACKOFF
            self._set_timer(entry)

    def wake(self, cause: Cause, *, now: float) -> None:
        """Something changed in the cluster: Pods whose rejection it may undo get another cycle."""
        for uid in [*self._parked, *self._in_cycle]:
            self._wake(self._entries[uid], cause, now=now)

    def next_deadline(self) -> float | None:
        """When ``pop`` may have something that it has not now, if nothing else happens."""
        while self._timers and self._stale(*self._timers[0]):
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def statistics(self) -> Statistics:
        places = [entry.place for entry in self._entries.values()]
        counted = (Place.ACTIVE, Place.BACKOFF, Place.UNSCHEDULABLE, Place.GATED)
        return Statistics(*(places.count(place) for place in counted))

    def _wake(self, entry: Waiting, cause: Cause, *, now: float) -> None:
        if entry.place is Place.CYCLE:
            self._in_cycle[entry.uid].add(cause)
        elif entry.place is Place.UNSCHEDULABLE and (
            not entry.plugins or self._interested(entry.plugins, cause)
        ):
            self._parked.pop(entry.uid, None)
            came_early = entry.attempts == 1 and cause is Cause.CLAIM_CHANGED
            if entry.backoff_until > now and not came_early:
                entry.place = Place.BACKOFF
                self._set_timer(entry)
            else:
                self._activate(entry)

    def _promote(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            deadline, uid = heapq.heappop(self._timers)
            if not self._stale(deadline, uid):
                self._parked.pop(uid, None)
                self._activate(self._entries[uid])

    def _stale(self, deadline: float, uid: str) -> bool:
        entry = self._entries.get(uid)
        return entry is None or entry.deadline != deadline

    def _set_timer(self, entry: Waiting) -> None:
        if entry.deadline is not None:
            heapq.heappush(self._timers, (entry.deadline, entry.uid))

    def _activate(self, entry: Waiting) -> None:
        self._count += 1
        entry.place, entry.order = Place.ACTIVE, self._count
        priority = (entry.pod.spec.priority if entry.pod.spec else None) or 0
        heapq.heappush(self._active, (-priority, entry.order, entry.uid))


def _labels(pod: core_v1.Pod) -> dict[str, str]:
    return (pod.metadata.labels if pod.metadata else None) or {}
