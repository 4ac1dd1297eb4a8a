"""Which Events are written, and which only counted (pure: time comes in as an argument).

The rules are client-go's (`tools/record/events_cache.go`), so that a cluster shows the same Events whoever writes them:
- the same Event again raises `count` and `lastTimestamp` of the one that is there;
- from the tenth different message about the same thing for the same reason within ten minutes on, they share one Event;
- one source has a burst of 25 Events on one object and then one every five minutes; more are dropped.
What is remembered is bounded: 4096 entries of each sort, the least recently used goes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from podling.api import times
from podling.api.types import core_v1, meta_v1

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REMEMBERED = 4096
SIMILAR = 10
SIMILAR_SECONDS = 600.0
BURST = 25.0
PER_SECOND = 1 / 300
COMBINED = "(combined from similar events): "


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened to an object, as told to the recorder."""

    regarding: core_v1.ObjectReference
    type: str
    reason: str
    message: str
    at: float
    """Epoch seconds."""


@dataclass(frozen=True, slots=True)
class Write:
    """The Event to be written; with `count` above 1 it should be there already and only be counted up."""

    namespace: str
    name: str
    message: str
    first: str
    count: int
    last: str


@dataclass(slots=True)
class _Similar:
    messages: dict[str, None]
    last: float


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class _Recent(Generic[K, V]):
    """The `REMEMBERED` most recently used entries."""

    def __init__(self) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > REMEMBERED:
            self._entries.popitem(last=False)


Key = tuple[str, ...]


@dataclass(slots=True)
class Correlator:
    """For one source (component and instance)."""

    _similar: _Recent[Key, _Similar] = field(default_factory=_Recent)
    _written: _Recent[Key, Write] = field(default_factory=_Recent)
    _buckets: _Recent[Key, _Bucket] = field(default_factory=_Recent)
    _stamp: int = 0

    def correlate(self, seen: Occurrence) -> Write | None:
        """What to write; None when this source has said too much about the object."""
        message, key = self._combined(seen)
        now = times.rfc3339(seen.at)
        before = self._written.get(key)
        if before is None:
            namespace = seen.regarding.namespace or "default"
            write = Write(namespace, self._name(seen), message, first=now, count=1, last=now)
        else:
            write = Write(
                before.namespace, before.name, message, first=before.first, count=before.count + 1, last=now
            )
        self._written.put(key, write)
        return write if self._may_speak(seen) else None

    def _combined(self, seen: Occurrence) -> tuple[str, Key]:
        """The message to show, and what makes another Event the same as this one."""
        key = (*_subject(seen.regarding), seen.type, seen.reason)
        similar = self._similar.get(key)
        if similar is None or seen.at - similar.last > SIMILAR_SECONDS:
            similar = _Similar({}, seen.at)
            self._similar.put(key, similar)
        similar.messages[seen.message] = None
        similar.last = seen.at
        if len(similar.messages) < SIMILAR:
            return seen.message, (*key, seen.regarding.field_path or "", seen.message)
        similar.messages.pop(next(iter(similar.messages)))
        return COMBINED + seen.message, key

    def _may_speak(self, seen: Occurrence) -> bool:
        key = _subject(seen.regarding)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = _Bucket(BURST, seen.at)
            self._buckets.put(key, bucket)
        bucket.tokens = min(BURST, bucket.tokens + max(0.0, seen.at - bucket.at) * PER_SECOND)
        bucket.at = seen.at
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _name(self, seen: Occurrence) -> str:
        """`web.17a3f0c2b1d4e5f6`: the object and the time in nanoseconds, never the same twice."""
        self._stamp = max(int(seen.at * 1_000_000_000), self._stamp + 1)
        return f"{seen.regarding.name}.{self._stamp:x}"


def new_event(seen: Occurrence, write: Write, *, component: str, instance: str) -> core_v1.Event:
    """The Event to create."""
    return core_v1.Event(
        metadata=meta_v1.ObjectMeta(name=write.name, namespace=write.namespace),
        involved_object=seen.regarding,
        type=seen.type,
        reason=seen.reason,
        message=write.message,
        count=write.count,
        first_timestamp=write.first,
        last_timestamp=write.last,
        source=core_v1.EventSource(component=component, host=instance or None),
        reporting_component=component,
        reporting_instance=instance or None,
    )


def _subject(regarding: core_v1.ObjectReference) -> Key:
    return (
        regarding.api_version or "",
        regarding.kind or "",
        regarding.namespace or "",
        regarding.name or "",
        regarding.uid or "",
    )
