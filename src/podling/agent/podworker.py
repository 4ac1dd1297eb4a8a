"""Looks after one Pod: takes a view of it, has it planned, carries out the plan, and sleeps until something happens.

    event (API, runtime, probe, operation done, timer) -> wake -> view -> podstate.plan -> operations, status, probes -> sleep

One task a Pod, plus one for each operation under way; so a Pod that waits for a slow pull or a long grace still hears at once that it
is deleted.  Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterator

from podling.aio.tasks import Tasks
from podling.api.types import core_v1
from podling.runtime.interface import Container, ContainerState, SandboxState

from . import lastwords, podstate
from .kit import Kit
from .operations.table import carry_out
from .podmemory import Memory
from .podstate import Action, KillContainer, MountVolumes, Plan, Probed, ResizePod, Verdict, View, Volumes
from .probes.manager import Subject
from .statuswriter import StatusWriter
from .upkeep import Upkeep

log = logging.getLogger(__name__)

QUICK = ("start/", "sandbox", "volumes", "image/")
"""Operations that usually take milliseconds: a status that shows one of them under way is not worth a write of its own."""


class PodWorker:
    """``static``: the Pod comes from a file, and its status goes to the object that `show_on` names."""

    def __init__(
        self, kit: Kit, pod: core_v1.Pod, *, verdict: Verdict | None = None, static: bool = False
    ) -> None:
        self.memory = Memory(pod, pod.status or core_v1.PodStatus(), verdict=verdict, static=static)
        self.plan: Plan | None = None
        self._kit = kit
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._gone = asyncio.Event()
        self._ended = asyncio.Event()
        self._busy: dict[str, Action] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks = Tasks(f"pod {self.memory.namespace}/{self.memory.name}")
        self._earlier = _earlier(pod)
        self.memory.messages = _told_words(pod)
        self._upkeep = Upkeep(kit, self.memory, tasks=self._tasks)
        self.writer = StatusWriter(
            None if static else pod,
            pods=kit.client.resource(core_v1.Pod),
            tasks=self._tasks,
            hold_seconds=kit.config.hold_seconds,
            on_written=self.wake,
        )

    def wake(self) -> None:
        """Something has changed that the next plan should see."""
        self._wake.set()

    def update(self, pod: core_v1.Pod) -> None:
        """The API has a newer object."""
        old = self.memory.pod.metadata
        self.memory.learn(pod)
        self.writer.learn(pod)
        if (old.labels, old.annotations) != (pod.metadata.labels, pod.metadata.annotations):
            self._upkeep.refresh()
        self.wake()

    def show_on(self, mirror: core_v1.Pod | None) -> None:
        """The object in the API that shows this static Pod; None while there is none."""
        self.memory.mirror = mirror
        self.writer.aim(mirror)

    def evict(self, verdict: Verdict) -> None:
        """The node gives the Pod up; the first word counts."""
        if self.memory.verdict is None:
            self.memory.verdict = verdict
            self.wake()

    def has_ended(self) -> bool:
        """Whether the Pod has given back what it used."""
        return self._ended.is_set()

    async def wait_ended(self) -> None:
        """Wait until the Pod has given back what it used: its containers, sandbox and volumes are gone."""
        await self._ended.wait()

    def remove(self) -> None:
        """The object is gone from the API, or a static Pod's file from the node."""
        self.memory.removed = True
        self.wake()

    def resources_changed(self) -> None:
        """The node gives the Pod other resources, or says why not: volumes may show them, too."""
        self._upkeep.refresh()
        self.wake()

    def references_changed(self) -> None:
        """A ConfigMap or Secret that the Pod uses has changed, come or gone."""
        self.memory.things_changed()
        self._upkeep.refresh()
        self.wake()

    def successor(self) -> PodWorker:
        """One that starts afresh from what this one was told."""
        memory = self.memory
        made = PodWorker(self._kit, memory.wanted, verdict=memory.verdict, static=memory.static)
        made.memory.removed, made.memory.shutdown = memory.removed, memory.shutdown
        made.memory.resizing = memory.resizing
        made.memory.grant(memory.allocation)
        if memory.static:
            made.show_on(memory.mirror)
        return made

    async def run(self) -> None:
        """Look after the Pod until it is gone or this task is cancelled; then containers are left as they are."""
        try:
            while True:
                self._wake.clear()
                self.plan = podstate.plan(self._view())
                self._apply(self.plan)
                if self.plan.gone:
                    await self._forget()
                    self._gone.set()
                    return
                await self._sleep(self.plan.wake_at)
        finally:
            self._kit.probes.release(self.memory.uid)
            self._upkeep.stop()
            await self._tasks.close()

    async def shut_down(self) -> None:
        """End the Pod's containers within its grace and wait for that; its object stays."""
        self.memory.shutdown = True
        self.wake()
        await self._settled.wait()
        await self.writer.wait_idle()

    async def wait_idle(self) -> None:
        """Wait until nothing is under way for the Pod and what its status says has been written."""
        while self._busy or self._wake.is_set() or not self.writer.is_told(self.memory.status):
            await asyncio.wait([*self._running.values()]) if self._running else await asyncio.sleep(0)
            await self.writer.wait_idle()

    async def wait_gone(self) -> None:
        """Wait until nothing of the Pod is left, neither here nor in the API."""
        await self._gone.wait()

    def statistics(self) -> dict[str, object]:
        return {
            "pod": f"{self.memory.namespace}/{self.memory.name}",
            "busy": [*self._busy],
            "writes": self.writer.writes,
        }

    def _view(self) -> View:
        memory, kit = self.memory, self._kit
        uid = memory.uid
        containers = kit.observed.containers(uid)
        self._read_last_words(containers)
        memory.resizing.forget_all_but([container.id for container in containers])
        return View(
            pod=memory.pod,
            status=memory.status,
            now=kit.clock.now(),
            runtime=kit.info.name,
            host_ips=kit.node.host_ips,
            sandboxes=kit.observed.sandboxes(uid),
            containers=containers,
            messages=memory.messages,
            probed={**self._earlier, **kit.probes.results(uid)},
            volumes=Volumes(
                ready=memory.volumes_ready,
                present=kit.volumes.is_present(uid),
                retry_at=memory.volumes_retry_at,
                recursive_readonly=kit.info.recursive_readonly,
            ),
            images={name: image.id for name, image in memory.images.items()},
            failures=memory.failures,
            busy=self._busy,
            verdict=memory.verdict,
            written=self.writer.is_told(memory.status),
            static=memory.static,
            removed=memory.removed,
            deleted=memory.deleted,
            shutdown=memory.shutdown,
            ending_at=memory.ending_at,
            resizing=memory.resizing,
        )

    def _apply(self, plan: Plan) -> None:
        memory = self.memory
        memory.status = plan.status
        if plan.ending and memory.ending_at is None:
            memory.ending_at = self._kit.clock.now()
            self._upkeep.stop()
        fresh = [note for note in plan.notes if note.key not in memory.noted]
        memory.noted = dict.fromkeys(note.key for note in plan.notes)
        for note in fresh:
            self._kit.tell(memory.pod, note.type, note.reason, note.message, container=note.container)
        for action in plan.actions:
            self._begin(action)
        self._kit.probes.sync(memory.pod, self._subjects(), ending=plan.ending)
        if not memory.removed or memory.static:
            self.writer.offer(plan.status, urgent=self._is_urgent(plan))
        if plan.ending and self._is_down():
            self._settled.set()
        if plan.ended:
            self._ended.set()

    def _begin(self, action: Action) -> None:
        if (under_way := self._running.get(action.key)) is not None:
            under_way.cancel()
        if isinstance(action, KillContainer) and action.again:
            self.memory.resizing.restart(action.container_id)
        self._busy[action.key] = action
        self._running[action.key] = self._tasks.start(self._carry_out(action), name=action.key)

    async def _carry_out(self, action: Action) -> None:
        try:
            await carry_out(self._kit, self.memory, action)
            if isinstance(action, MountVolumes):
                self._upkeep.schedule()
            if isinstance(action, ResizePod):
                self._upkeep.refresh()
        finally:
            if self._busy.get(action.key) is action:
                del self._busy[action.key], self._running[action.key]
                self.wake()

    def _is_urgent(self, plan: Plan) -> bool:
        passing = any(key.startswith(QUICK) for key in self._busy)
        return not passing or plan.status.phase in ("Succeeded", "Failed")

    def _is_down(self) -> bool:
        """Whether nothing of the Pod runs, or is about to."""
        uid, kit = self.memory.uid, self._kit
        return (
            not self._busy
            and all(c.state is not ContainerState.RUNNING for c in kit.observed.containers(uid))
            and all(sandbox.state is not SandboxState.READY for sandbox in kit.observed.sandboxes(uid))
        )

    def _subjects(self) -> Iterator[Subject]:
        """The running containers that may be asked how they are: not before their postStart hook is through."""
        memory, observed = self.memory, self._kit.observed
        sandboxes = observed.sandboxes(memory.uid)
        ips = sandboxes[0].ips if sandboxes else ()
        on_host = bool(memory.pod.spec and memory.pod.spec.host_network)
        address = next(iter(self._kit.node.host_ips if on_host else ips), "")
        for record in observed.containers(memory.uid):
            if record.state is not ContainerState.RUNNING or f"start/{record.name}" in self._busy:
                continue
            container = memory.container(record.name)
            if container is not None:
                yield Subject(
                    container=container,
                    container_id=record.id,
                    address=address,
                    started_at=record.started_at / 1e9,
                    earlier=self._earlier.pop(record.id, None),
                )

    def _read_last_words(self, containers: tuple[Container, ...]) -> None:
        """Once a container that has ended."""
        known = self.memory.messages
        messages = self.memory.messages = {c.id: known[c.id] for c in containers if c.id in known}
        for record in containers:
            if record.state is ContainerState.EXITED and record.id not in messages:
                log_file = self._kit.paths.log(self.memory.pod, record.name, record.attempt)
                messages[record.id] = lastwords.read(record, log_file)

    async def _sleep(self, until: float | None) -> None:
        timer = None
        if until is not None:
            delay = max(0.0, until - self._kit.clock.now())
            timer = asyncio.get_running_loop().call_later(delay, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _forget(self) -> None:
        """Nothing of the Pod is left but its logs."""
        logs = self._kit.paths.logs(self.memory.pod)
        if logs.exists():
            await asyncio.to_thread(shutil.rmtree, logs)


def _earlier(pod: core_v1.Pod) -> dict[str, Probed]:
    """Probe results that the Pod's status shows, by container id: they hold until the first answers of this process."""
    status = pod.status or core_v1.PodStatus()
    known = [*(status.container_statuses or []), *(status.init_container_statuses or [])]
    return {
        _plain_id(one.container_id): Probed(started=bool(one.started), ready=bool(one.ready))
        for one in known
        if one.container_id and one.state is not None and one.state.running is not None
    }


def _told_words(pod: core_v1.Pod) -> dict[str, str]:
    """The last words that the Pod's status shows, by container id: their files may have gone with the Pod's folder."""
    status = pod.status or core_v1.PodStatus()
    known = [
        *(status.container_statuses or []),
        *(status.init_container_statuses or []),
        *(status.ephemeral_container_statuses or []),
    ]
    ends = [state.terminated for one in known for state in (one.state, one.last_state) if state is not None]
    return {_plain_id(end.container_id): end.message or "" for end in ends if end and end.container_id}


def _plain_id(container_id: str) -> str:
    """Of ``oci://ID``."""
    return container_id.partition("://")[2]
