"""The recent changes of one collection, for watchers that resume and for pages of a list that has moved on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from podling.store.interface import Compacted

from .entry import Entry, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class RingLimits:
    """How much of the past one collection keeps in memory."""

    events: int = 10_000
    """At most so many changes."""
    bytes: int = 8 * 1024 * 1024
    """Superseded values together, in bytes; with one Pod of 3 kB changing all the time about 2,700 changes."""
    seconds: float = 300.0
    """Changes older than this go; upstream's watch cache keeps 75 s and more."""
    at_least: int = 100
    """So many are kept even when they are old, so that quiet collections stay resumable."""


class Ring:
    """Changes in the order of their revisions; all of them after `floor`."""

    def __init__(self, limits: RingLimits, floor: int) -> None:
        self._limits = limits
        self._events: deque[Event] = deque()
        self._bytes = 0
        self.floor = floor

    def push(self, event: Event) -> None:
        self._events.append(event)
        self._bytes += _weight(event)
        limits, events = self._limits, self._events
        while (
            len(events) > limits.events
            or self._bytes > limits.bytes
            or (len(events) > limits.at_least and events[0].time < event.time - limits.seconds)
        ):
            oldest = events.popleft()
            self._bytes -= _weight(oldest)
            self.floor = oldest.revision

    def since(self, revision: int) -> list[Event]:
        """Every change after `revision`, oldest first. Raises Compacted."""
        if revision < self.floor:
            raise Compacted(f"too old resource version: {revision} ({self.floor})", compacted=self.floor)
        found: list[Event] = []
        for event in reversed(self._events):
            if event.revision <= revision:
                break
            found.append(event)
        found.reverse()
        return found

    def undo(self, revision: int) -> Iterable[tuple[str, Entry | None]]:
        """For each key changed after `revision`: what it was then. Raises Compacted."""
        then: dict[str, Entry | None] = {}
        for event in self.since(revision):
            then.setdefault(event.entry.key, event.previous)
        return then.items()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def bytes(self) -> int:
        return self._bytes


def _weight(event: Event) -> int:
    return len(event.previous.value) if event.previous is not None else 0
