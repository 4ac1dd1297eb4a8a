"""What runs at a CRI runtime, as far as it is ours, and the telling of every change of it once.

CRI of before v1.26 tells of nothing by itself, and of later versions containerd tells before its own records show it.  So after each
verb of ours its container is asked for, and ends are seen where they happen: the kernel tells of the death of a container's first
process (a pidfd), and the runtime is asked until it knows too.  Everything is listed once a minute, for what others did there; once a
second, as kubelet's PLEG does, while a container runs whose process is not to be seen (in a virtual machine).

A listing is only a hint: what differs from what is known is asked for by its full status, and a state never goes back.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from podling.aio.tasks import Tasks
from podling.runtime import cgroups
from podling.runtime.events import EventHub
from podling.runtime.interface import (
    Container,
    ContainerEvent,
    ContainerState,
    NotFound,
    Resources,
    RuntimeFault,
)

from . import reports, requests, usage
from .api import Cri
from .codec import Message

log = logging.getLogger(__name__)

SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.5
"""Seconds between two questions for an end that was told, growing by half."""
PATIENCE = 30.0
"""Seconds for such an end to show."""
LIST_SECONDS = 60.0
"""Between two listings of everything."""
BLIND_SECONDS = 1.0
"""The same while something runs that the kernel here knows nothing of: kubelet's relist period."""

_REMEMBERED = 1024
"""Containers that are gone, of which an answer may still be under way."""

_RANK = {
    ContainerState.CREATED: 0,
    ContainerState.RUNNING: 1,
    ContainerState.UNKNOWN: 2,
    ContainerState.EXITED: 2,
}
_ENDED = 2


@dataclass(slots=True)
class Cell:
    """One container: its last known state, the ``stop_signal`` and limits asked for, its process, watched by ``pidfd``."""

    view: Container
    stop_signal: str
    asked: Resources
    pid: int
    pidfd: int = -1


class Containers:
    """All containers of this node by id.  ``start`` lists without telling, ``close`` ends the following."""

    def __init__(self, cri: Cri, *, owner: str, events: EventHub, groups: cgroups.CgroupTree | None) -> None:
        self._cri = cri
        self._groups = groups
        self._owner = owner
        self._events = events
        self._gone: dict[str, None] = {}
        self._sign = asyncio.Event()
        self._ending: set[str] = set()
        self._tasks = Tasks("cri-containers")
        self.cells: dict[str, Cell] = {}

    async def start(self) -> None:
        """Raises ``RuntimeFault``."""
        await self.look()
        self._tasks.start(self._follow(), name="relist")

    async def close(self) -> None:
        await self._tasks.close()
        for cell in self.cells.values():
            _unguard(cell)

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
        wanted = {"label_selector": {requests.OWNER: self._owner}}
        answer = await self._cri.call("ListContainers", what="list containers", filter=wanted)
        listed = {one["id"]: one for one in answer["containers"]}
        for container_id in known - set(listed):
            self.drop(container_id)
        await asyncio.gather(*(self.refresh(one["id"], one["pod_sandbox_id"]) for one in self._news(listed)))

    def _news(self, listed: dict[str, Message]) -> Iterator[Message]:
        for container_id, one in listed.items():
            cell = self.cells.get(container_id)
            if container_id not in self._gone and (cell is None or reports.state(one) != cell.view.state):
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
        told = int(reports.info_of(answer).get("pid") or 0)
        pid = told if usage.is_of(told, container_id) else 0
        view = reports.container(sandbox_id, status, pid=pid)
        if view.pid and self._groups is not None:
            asked = cell.asked if cell is not None else reports.asked(status)
            found = await asyncio.to_thread(usage.limits, view.pid, self._groups, asked)
            view = replace(view, resources=found)
        if container_id not in self._gone:
            fresh = Cell(view, reports.stop_signal(status), reports.asked(status), pid)
            cell = self._take(self.cells.get(container_id), fresh)
            self._guard(cell, has_ended=not pid and usage.is_dead(told))
        return view

    def drop(self, container_id: str) -> None:
        """The container is gone for good."""
        self._gone[container_id] = None
        if len(self._gone) > _REMEMBERED:
            self._gone.pop(next(iter(self._gone)))
        cell = self.cells.pop(container_id, None)
        if cell is not None:
            _unguard(cell)
            self._events.publish(
                ContainerEvent(container_id=container_id, sandbox_id=cell.view.sandbox_id, container=None)
            )

    async def wait_exit(self, container_id: str) -> int:
        """The exit code, when the container has ended.  Raises ``NotFound`` once it is gone."""
        events = self._events.subscribe()
        if _RANK[self.get(container_id).view.state] < _ENDED:
            async for _ in events:
                if _RANK[self.get(container_id).view.state] >= _ENDED:
                    break
        return self.get(container_id).view.exit_code

    def _take(self, cell: Cell | None, fresh: Cell) -> Cell:
        """The cell with what is new of it, told step by step."""
        view = fresh.view
        if cell is None:
            cell = self.cells[view.id] = fresh
            told = steps(None, view)
        else:
            told, cell.pid = steps(cell.view, view), fresh.pid
            has_other_limits = view.resources not in (None, cell.view.resources)
            if view.state is cell.view.state and has_other_limits:
                told = [view]
        for step in told:
            cell.view = step
            self._events.publish(
                ContainerEvent(container_id=step.id, sandbox_id=step.sandbox_id, container=step)
            )
        return cell

    def _guard(self, cell: Cell, *, has_ended: bool) -> None:
        """Have the kernel tell of the end of the container's first process, which it may have come to already."""
        if cell.view.state is not ContainerState.RUNNING:
            _unguard(cell)
        elif has_ended:
            self._died(cell)
        elif not cell.pid:
            self._sign.set()  # from now on there is something to be listed for
        elif cell.pidfd < 0:
            try:
                cell.pidfd = os.pidfd_open(cell.pid)
            except ProcessLookupError:
                self._died(cell)
            else:
                asyncio.get_running_loop().add_reader(cell.pidfd, self._died, cell)

    def _died(self, cell: Cell) -> None:
        _unguard(cell)
        self._ending.add(cell.view.id)
        self._sign.set()

    @property
    def _is_blind(self) -> bool:
        return any(c.view.state is ContainerState.RUNNING and not c.pid for c in self.cells.values())

    async def _follow(self) -> None:
        """See ends when they are told, and list from time to time, for ever; each second while the runtime is away."""
        has_failed = False
        while True:
            period = BLIND_SECONDS if self._is_blind or has_failed else LIST_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(period):
                    await self._sign.wait()
            is_told = self._sign.is_set()
            self._sign.clear()
            try:
                await self._see_ends()
                if not is_told:
                    await self.look()
                has_failed = False
            except RuntimeFault as fault:
                if not has_failed:
                    log.warning("cannot follow containers: %s", fault)
                has_failed = True

    async def _see_ends(self) -> None:
        """Until all ends that were told have shown."""
        loop, pause = asyncio.get_running_loop(), SHORTEST_PAUSE
        latest = loop.time() + PATIENCE
        while waiting := self._still_running():
            await asyncio.gather(*(self.refresh(one, self.cells[one].view.sandbox_id) for one in waiting))
            if loop.time() > latest:
                log.warning("the runtime does not know of ends: %s", ", ".join(waiting))
                self._ending.clear()
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _still_running(self) -> list[str]:
        """Those that were told to have ended and are not known to; others are forgotten."""
        self._ending = {
            one for one in self._ending if one in self.cells and _RANK[self.cells[one].view.state] < _ENDED
        }
        return sorted(self._ending)


def _unguard(cell: Cell) -> None:
    if cell.pidfd >= 0:
        asyncio.get_running_loop().remove_reader(cell.pidfd)
        os.close(cell.pidfd)
        cell.pidfd = -1


def steps(old: Container | None, new: Container) -> list[Container]:
    """What is to be told between two sights of a container (pure): every state it went through, none twice."""
    before = -1 if old is None else _RANK[old.state]
    if before >= _RANK[new.state]:
        return []
    told = []
    if before < 0 and new.state is not ContainerState.CREATED:
        told.append(_earlier(new, ContainerState.CREATED))
    if before < 1 and _RANK[new.state] >= _ENDED and new.started_at:
        told.append(_earlier(new, ContainerState.RUNNING))
    return [*told, new]


def _earlier(new: Container, state: ContainerState) -> Container:
    started = new.started_at if state is ContainerState.RUNNING else 0
    return replace(
        new, state=state, started_at=started, finished_at=0, exit_code=0, reason="", message="", pid=0
    )
