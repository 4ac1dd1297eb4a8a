"""What the runtime runs, by Pod, kept current by its events.

Reads are immediate.  Whoever has just changed something puts the result in (`put_container`), so that nobody plans on what is
out of date while the event is under way; a state never goes back, so late events do no harm.  Should an event be lost
after all, a slow relist heals it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace

from podling.aio import tasks
from podling.aio.backoff import Backoff
from podling.aio.broadcast import Overflow
from podling.runtime.interface import (
    Container,
    ContainerEvent,
    ContainerState,
    Runtime,
    RuntimeFault,
    Sandbox,
    SandboxState,
)

from . import labels

log = logging.getLogger(__name__)

_RANK = {
    ContainerState.CREATED: 0,
    ContainerState.RUNNING: 1,
    ContainerState.UNKNOWN: 2,
    ContainerState.EXITED: 2,
}
_ENDED = 2
_AGAIN = Backoff(first=0.1, cap=10.0, reset_after=60.0)


class Observed:
    """``on_change(uid)`` is called when something of that Pod has changed."""

    def __init__(self, runtime: Runtime, *, resync_seconds: float, on_change: Callable[[str], None]) -> None:
        self._runtime = runtime
        self._resync_seconds = resync_seconds
        self._on_change = on_change
        self._sandboxes: dict[str, Sandbox] = {}
        self._containers: dict[str, Container] = {}
        self._by_pod: dict[str, dict[str, None]] = {}  # uid -> sandbox ids, oldest first
        self._by_sandbox: dict[str, dict[str, None]] = {}  # sandbox id -> container ids
        self._ends: dict[str, asyncio.Event] = {}  # by container id, where somebody waits for its end
        self._tasks = tasks.Tasks("observed")

    async def start(self) -> None:
        """Read everything and follow from there.  Raises ``RuntimeFault``."""
        events = self._runtime.events()
        await self._list()
        self._tasks.start(self._follow(events), name="events")
        self._tasks.start(self._resync(), name="resync")

    async def close(self) -> None:
        await self._tasks.close()

    def pods(self) -> Mapping[str, Sandbox]:
        """The UID of every Pod that the runtime knows something of, with its latest sandbox."""
        return {uid: self._sandboxes[[*ids][-1]] for uid, ids in self._by_pod.items()}

    def sandboxes(self, uid: str) -> tuple[Sandbox, ...]:
        """Newest attempt first."""
        found = [self._sandboxes[sandbox_id] for sandbox_id in self._by_pod.get(uid, ())]
        return tuple(sorted(found, key=lambda sandbox: -sandbox.attempt))

    def containers(self, uid: str) -> tuple[Container, ...]:
        """Newest attempt first."""
        found = [
            self._containers[container_id]
            for sandbox_id in self._by_pod.get(uid, ())
            for container_id in self._by_sandbox.get(sandbox_id, ())
        ]
        return tuple(sorted(found, key=lambda container: -container.attempt))

    def container(self, container_id: str) -> Container | None:
        return self._containers.get(container_id)

    async def wait_ended(self, container_id: str) -> None:
        """Wait until the container does not run any more."""
        event = self._ends.setdefault(container_id, asyncio.Event())
        known = self._containers.get(container_id)
        if known is not None and _RANK[known.state] < _ENDED:
            await event.wait()
        self._ends.pop(container_id, None)

    def put_sandbox(self, sandbox: Sandbox) -> None:
        known = self._sandboxes.get(sandbox.id)
        if (
            known is not None
            and known.state is SandboxState.NOT_READY
            and sandbox.state is SandboxState.READY
        ):
            return
        self._sandboxes[sandbox.id] = sandbox
        self._by_pod.setdefault(sandbox.uid, {})[sandbox.id] = None
        if known != sandbox:
            self._on_change(sandbox.uid)

    def put_container(self, container: Container) -> None:
        known = self._containers.get(container.id)
        if known is not None and _RANK[known.state] > _RANK[container.state]:
            return
        self._containers[container.id] = container
        self._by_sandbox.setdefault(container.sandbox_id, {})[container.id] = None
        if _RANK[container.state] >= _ENDED:
            self._end(container.id)
        if known != container:
            self._tell(container)

    def sandbox_stopped(self, sandbox_id: str) -> None:
        known = self._sandboxes.get(sandbox_id)
        if known is not None:
            self.put_sandbox(replace(known, state=SandboxState.NOT_READY, ips=()))

    def drop_sandbox(self, sandbox_id: str) -> None:
        """It is removed, and its containers with it."""
        known = self._sandboxes.pop(sandbox_id, None)
        for container_id in self._by_sandbox.pop(sandbox_id, {}):
            self._containers.pop(container_id, None)
            self._end(container_id)
        if known is None:
            return
        siblings = self._by_pod[known.uid]
        siblings.pop(sandbox_id, None)
        if not siblings:
            del self._by_pod[known.uid]
        self._on_change(known.uid)

    def drop_container(self, container_id: str) -> None:
        known = self._containers.pop(container_id, None)
        self._end(container_id)
        if known is not None:
            self._by_sandbox.get(known.sandbox_id, {}).pop(container_id, None)
            self._tell(known)

    def _end(self, container_id: str) -> None:
        if (event := self._ends.get(container_id)) is not None:
            event.set()

    def _tell(self, container: Container) -> None:
        sandbox = self._sandboxes.get(container.sandbox_id)
        uid = sandbox.uid if sandbox else container.labels.get(labels.POD_UID, "")
        if uid:
            self._on_change(uid)

    async def _follow(self, events: AsyncIterator[ContainerEvent]) -> None:
        streak = 0
        while True:
            try:
                async for event in events:
                    streak = 0
                    self._apply(event)
            except (RuntimeFault, Overflow) as error:
                log.warning("lost the runtime's events, listing again: %s", error)
            streak += 1
            await asyncio.sleep(_AGAIN.delay(streak))
            events = self._runtime.events()
            await self._relist()

    def _apply(self, event: ContainerEvent) -> None:
        if event.container is None:
            self.drop_container(event.container_id)
        else:
            self.put_container(event.container)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._resync_seconds)
            await self._relist()

    async def _relist(self) -> None:
        try:
            await self._list()
        except RuntimeFault as error:
            log.warning("cannot list the runtime's containers: %s", error)

    async def _list(self) -> None:
        """Take over the runtime's state; what was known before the question and is not in the answer is gone."""
        had_sandboxes, had_containers = [*self._sandboxes], [*self._containers]
        sandboxes = {sandbox.id: sandbox for sandbox in await self._runtime.list_sandboxes()}
        containers = {container.id: container for container in await self._runtime.list_containers()}
        for sandbox in sorted(sandboxes.values(), key=lambda sandbox: sandbox.created_at):
            self.put_sandbox(sandbox)
        for container in containers.values():
            self.put_container(container)
        for container_id in had_containers:
            if container_id not in containers:
                self.drop_container(container_id)
        for sandbox_id in had_sandboxes:
            if sandbox_id not in sandboxes:
                self.drop_sandbox(sandbox_id)
