"""Telling users what happened to their objects: Events, written in the background.

`event()` never waits and never fails: what is said is put in a bounded queue, correlated (`event_correlation`) and written by one task.
A server that cannot be reached is tried again for a while; one that refuses an Event (say, as its namespace is going away) has the last
word. `stop()` gives what is queued a chance to be written.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal, cast

import msgspec

from podling.aio.backoff import Backoff
from podling.aio.clock import Clock
from podling.aio.service import Service
from podling.api.errors import ApiError, NotFound
from podling.api.types import core_v1

from .client import Client
from .errors import ClientError
from .event_correlation import Correlator, Occurrence, Write, new_event
from .watch import heals_by_itself

log = logging.getLogger(__name__)

Type = Literal["Normal", "Warning"]
QUEUE = 1000
"""Events waiting to be written; more are dropped and counted (client-go's bound)."""
TRIES = 12
RETRY = Backoff(first=0.1, cap=10.0)


@dataclass(frozen=True, slots=True)
class EventStatistics:
    queued: int
    written: int
    dropped: int
    refused: int


class EventRecorder(Service):
    """Events of one component. `instance` is where it runs: the node's name for an agent, "" for a cluster-wide program."""

    def __init__(self, client: Client, *, component: str, instance: str = "", clock: Clock) -> None:
        super().__init__(f"events-{component}")
        self.component = component
        self.instance = instance
        self._events = client.resource(core_v1.Event)
        self._clock = clock
        self._correlator = Correlator()
        self._queue: deque[Occurrence] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._written = self._dropped = self._refused = 0

    def event(
        self, regarding: msgspec.Struct, type: Type, reason: str, message: str, *, field_path: str = ""
    ) -> None:
        """Say it. `regarding` is an object as read from the API, or an ObjectReference.

        `field_path` names a part of it: `spec.containers{web}`. Messages are cut at 1024 characters, as the API demands.
        """
        if len(self._queue) >= QUEUE:
            self._dropped += 1
            return
        about = reference(regarding, field_path=field_path)
        self._queue.append(Occurrence(about, type, reason, message[:1024], self._clock.now()))
        self._idle.clear()
        self._wake.set()

    async def wait_written(self) -> None:
        """Wait until everything said so far has been written or given up."""
        await self._idle.wait()

    def statistics(self) -> EventStatistics:
        return EventStatistics(len(self._queue), self._written, self._dropped, self._refused)

    async def _start(self) -> None:
        self.tasks.start(self._write_all(), name="writer")

    async def _drain(self) -> None:
        await self.wait_written()

    async def _write_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                seen = self._queue.popleft()
                write = self._correlator.correlate(seen)
                if write is None:
                    self._dropped += 1
                else:
                    await self._persist(seen, write)
            self._idle.set()

    async def _persist(self, seen: Occurrence, write: Write) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                await self._write(seen, write)
            except (ApiError, ClientError) as error:
                if not heals_by_itself(error) or attempt == TRIES:
                    self._refused += 1
                    log.info(
                        "cannot write the event %s about %s: %s", seen.reason, seen.regarding.name, error
                    )
                    return
                await asyncio.sleep(RETRY.delay(attempt))
            else:
                self._written += 1
                return

    async def _write(self, seen: Occurrence, write: Write) -> None:
        if write.count > 1:
            change = {"count": write.count, "lastTimestamp": write.last, "message": write.message}
            try:
                await self._events.patch(write.name, change, namespace=write.namespace)
            except NotFound:
                log.debug("event %s is gone, written anew", write.name)
            else:
                return
        await self._events.create(new_event(seen, write, component=self.component, instance=self.instance))


def reference(regarding: msgspec.Struct, *, field_path: str = "") -> core_v1.ObjectReference:
    """What an Event says of the object it is about."""
    if isinstance(regarding, core_v1.ObjectReference):
        return msgspec.structs.replace(regarding, field_path=field_path) if field_path else regarding
    obj = cast(Any, regarding)
    metadata = obj.metadata
    return core_v1.ObjectReference(
        kind=obj.kind,
        api_version=obj.api_version,
        name=metadata.name,
        namespace=metadata.namespace,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        field_path=field_path or None,
    )
