"""What runs at a CRI runtime, as far as it is ours, and the telling of every change of it once.

CRI of before v1.26 tells of nothing by itself, so states are found by listing: after each verb of ours for its container, and
for everything whenever a ``source`` says that something happened, a few times in growing steps, because a runtime
may tell of an exit before its own records show it.  With no source everything is listed once a second, as kubelet's
PLEG does; with one, once a minute, should a message have been lost.

A listing is only a hint: what differs from what is known is asked for by its full status, and a state never goes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

from podling.aio.tasks import Tasks
from podling.runtime.events import EventHub
from podling.runtime.interface import (
    Container,
    ContainerEvent,
    ContainerState,
    NotFound,
    RuntimeFault,
)

from . import sources, translate
from .api import Cri
from .codec import Message

log = logging.getLogger(__name__)

STEPS = (0.0, 0.02, 0.08, 0.3, 1.0)
"""Seconds after a sign of change at which everything is listed."""
ALONE_SECONDS = 1.0
"""Between two listings where the runtime tells of nothing: kubelet's relist period."""
TOLD_SECONDS = 60.0
"""The same where it does."""

_RANK = {
    ContainerState.CREATED: 0,
    ContainerState.RUNNING: 1,
    ContainerState.UNKNOWN: 2,
    ContainerState.EXITED: 2,
}


@dataclass(slots=True)
class Cell:
    """One container: its last known state, the ``stop_signal`` asked for with it, its process."""

    view: Container
    stop_signal: str
    pid: int


class Containers:
    """All containers of this node by id.  ``start`` lists without telling, ``close`` ends the following."""

    def __init__(self, cri: Cri, *, owner: str, events: EventHub) -> None:
        self._cri = cri
        self._owner = owner
        self._events = events
        self._gone: set[str] = set()
        self._sign = asyncio.Event()
        self._tasks = Tasks("cri-containers")
        self._source = sources.Source(cri.channel, wake=self._sign.set)
        self.cells: dict[str, Cell] = {}

    async def start(self) -> None:
        """Raises ``RuntimeFault``."""
        await self.look()
        self._tasks.start(self._source.follow(), name="events")
        self._tasks.start(self._follow(), name="relist")

    async def close(self) -> None:
        await self._tasks.close()

    def get(self, container_id: str) -> Cell:
        """Raises ``NotFound``."""
        try:
            return self.cells[container_id]
        except KeyError:
            raise NotFound(f"cannot find container {container_id}") from None

    def of(self, sandbox_id: str | None) -> list[Cell]:
        return [c for c in self.cells.values() if sandbox_id is None or c.view.sandbox_id == sandbox_id]

    async def look(self) -> None:
        """List everything and take in what is new.  Raises ``RuntimeFault``."""
        known = set(self.cells)
        wanted = {"label_selector": {translate.OWNER: self._owner}}
        answer = await self._cri.call("ListContainers", what="list containers", filter=wanted)
        listed = {one["id"]: one for one in answer["containers"]}
        for container_id in known - set(listed):
            self.drop(container_id)
        await asyncio.gather(*(self.refresh(one["id"], one["pod_sandbox_id"]) for one in self._news(listed)))

    def _news(self, listed: dict[str, Message]) -> Iterator[Message]:
        for container_id, one in listed.items():
            cell = self.cells.get(container_id)
            if container_id not in self._gone and (cell is None or translate.state(one) != cell.view.state):
                yield one

    async def refresh(self, container_id: str, sandbox_id: str) -> Container | None:
        """Take in the container's status and tell of what changed; None if it is gone."""
        try:
            answer = await self._cri.call(
                "ContainerStatus",
                what=f"tell the state of container {container_id}",
                container_id=container_id,
                verbose=True,
            )
        except NotFound:
            self.drop(container_id)
            return None
        status = answer["status"]
        cell = self.cells.get(container_id)
        pid = int(translate.info_of(answer).get("pid") or 0) or (cell.pid if cell else 0)
        view = translate.container(sandbox_id, status, pid=pid)
        if container_id not in self._gone:
            self._take(cell, view, signal=translate.stop_signal(status), pid=pid)
        return view

    def drop(self, container_id: str) -> None:
        """The container is gone for good."""
        self._gone.add(container_id)
        cell = self.cells.pop(container_id, None)
        if cell is not None:
            self._events.publish(
                ContainerEvent(container_id=container_id, sandbox_id=cell.view.sandbox_id, container=None)
            )

    async def wait_exit(self, container_id: str) -> int:
        """The exit code, when the container has ended.  Raises ``NotFound`` once it is gone."""
        events = self._events.subscribe()
        while (view := self.get(container_id).view).state in (ContainerState.CREATED, ContainerState.RUNNING):
            await anext(events)
        return view.exit_code

    def _take(self, cell: Cell | None, view: Container, *, signal: str, pid: int) -> None:
        if cell is None:
            cell = self.cells[view.id] = Cell(view, signal, pid)
            told = steps(None, view)
        else:
            told, cell.pid = steps(cell.view, view), pid
        for step in told:
            cell.view = step
            self._events.publish(
                ContainerEvent(container_id=step.id, sandbox_id=step.sandbox_id, container=step)
            )

    async def _follow(self) -> None:
        """List when there is a sign, for ever."""
        while True:
            period = TOLD_SECONDS if self._source.tells else ALONE_SECONDS
            pauses: tuple[float, ...] = STEPS
            try:
                async with asyncio.timeout(period):
                    await self._sign.wait()
            except TimeoutError:
                pauses = (0.0,)
            self._sign.clear()
            for pause in pauses:
                await asyncio.sleep(pause)
                await self._try_to_look()

    async def _try_to_look(self) -> None:
        try:
            await self.look()
        except RuntimeFault as fault:
            log.warning("cannot follow containers: %s", fault)


def steps(old: Container | None, new: Container) -> list[Container]:
    """What is to be told between two sights of a container (pure): every state it went through, none twice."""
    before = -1 if old is None else _RANK[old.state]
    if before >= _RANK[new.state]:
        return []
    told = []
    if before < 0 and new.state is not ContainerState.CREATED:
        told.append(_earlier(new, ContainerState.CREATED))
    if before < 1 and _RANK[new.state] > 1 and new.started_at:
        told.append(_earlier(new, ContainerState.RUNNING))
    return [*told, new]


def _earlier(new: Container, state: ContainerState) -> Container:
    started = new.started_at if state is ContainerState.RUNNING else 0
    return replace(
        new, state=state, started_at=started, finished_at=0, exit_code=0, reason="", message="", pid=0
    )
