"""A small world for `podstate`: a Pod, a runtime made of lists, a clock that is set by hand; carries out plans at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from podling.agent import labels
from podling.agent.podstate import (
    Action,
    CreateSandbox,
    DeleteObject,
    Failure,
    KillContainer,
    MountVolumes,
    Note,
    Plan,
    PrepareImage,
    Probed,
    RemoveContainer,
    RemoveSandbox,
    StartContainer,
    StopSandbox,
    UnmountVolumes,
    Verdict,
    View,
    Volumes,
    plan,
)
from podling.agent.resize.allocation import Resizing
from podling.api import times
from podling.api.types import core_v1, meta_v1
from podling.runtime.interface import Container, ContainerState, Sandbox, SandboxState

START = 1_700_000_000.0


def container(name: str = "main", **fields: Any) -> core_v1.Container:
    return msgspec.convert({"name": name, "image": "busybox", **fields}, core_v1.Container)


def pod(*containers: core_v1.Container, **spec: Any) -> core_v1.Pod:
    """A bound Pod; keyword arguments are fields of its spec in their JSON names."""
    inits = spec.pop("initContainers", None)
    made = msgspec.convert({"restartPolicy": "Always", "nodeName": "node", **spec}, core_v1.PodSpec)
    made.containers = list(containers) or [container()]
    made.init_containers = inits
    meta = meta_v1.ObjectMeta(name="pod", namespace="default", uid="uid-1", generation=1)
    return core_v1.Pod(metadata=meta, spec=made, status=core_v1.PodStatus(phase="Pending"))


@dataclass
class World:
    pod: core_v1.Pod
    now: float = START
    sandboxes: list[Sandbox] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    probed: dict[str, Probed] = field(default_factory=dict)
    volumes: Volumes = field(default_factory=Volumes)
    verdict: Verdict | None = None
    removed: bool = False
    shutdown: bool = False
    written: bool = True
    ending_at: float | None = None
    status: core_v1.PodStatus = field(default_factory=core_v1.PodStatus)
    resizing: Resizing = field(default_factory=Resizing)
    done: list[Action] = field(default_factory=list)
    notes: dict[str, Note] = field(default_factory=dict)
    busy: dict[str, Action] = field(default_factory=dict)
    stubborn: bool = False
    """Containers do not heed the stop signal: their kills stay under way until `finish_kills`."""
    _made: int = 0

    def view(self) -> View:
        return View(
            pod=self.pod,
            status=self.status,
            now=self.now,
            host_ips=("10.0.0.1",),
            sandboxes=tuple(sorted(self.sandboxes, key=lambda s: -s.attempt)),
            containers=tuple(sorted(self.containers, key=lambda c: -c.attempt)),
            images=self.images,
            failures=self.failures,
            probed=self.probed,
            volumes=self.volumes,
            busy=dict(self.busy),
            verdict=self.verdict,
            removed=self.removed,
            shutdown=self.shutdown,
            written=self.written,
            ending_at=self.ending_at,
            resizing=self.resizing,
        )

    def plan(self) -> Plan:
        made = plan(self.view())
        self.status = made.status
        if made.ending and self.ending_at is None:
            self.ending_at = self.now
        for note in made.notes:
            self.notes.setdefault(note.key, note)
        return made

    def settle(self) -> Plan:
        """Carry out what is planned until nothing more is to be done at this time."""
        for _ in range(100):
            before = self.status
            made = self.plan()
            if not made.actions and made.status == before:
                return made
            for action in made.actions:
                self.carry_out(action)
        raise AssertionError(f"no end to the actions: {made.actions}")

    def advance(self, seconds: float) -> Plan:
        """Let time pass, waking as often as the plans ask."""
        end = self.now + seconds
        made = self.settle()
        while made.wake_at is not None and made.wake_at <= end:
            assert made.wake_at > self.now, "woken for something that is due already"
            self.now = made.wake_at
            made = self.settle()
        self.now = end
        return self.settle()

    def carry_out(self, action: Action) -> None:
        self.done.append(action)
        match action:
            case MountVolumes():
                self.volumes = Volumes(ready=True, present=True)
            case UnmountVolumes():
                self.volumes = Volumes()
            case CreateSandbox(attempt):
                self.sandboxes.append(self._sandbox(attempt))
            case StopSandbox(sandbox_id):
                self._change_sandbox(sandbox_id, state=SandboxState.NOT_READY, ips=())
            case RemoveSandbox(sandbox_id):
                self.sandboxes = [s for s in self.sandboxes if s.id != sandbox_id]
                self.containers = [c for c in self.containers if c.sandbox_id != sandbox_id]
            case PrepareImage(name):
                self.images[name] = "sha256:image"
            case StartContainer():
                self._start(action)
            case KillContainer(container_id):
                if action.again:
                    self.resizing.restart(container_id)
                if self.stubborn:
                    self.busy[action.key] = action
                elif self.by_id(container_id).state is ContainerState.RUNNING:
                    self.exit(self.by_id(container_id).name, 143)
            case RemoveContainer(container_id):
                self.containers = [c for c in self.containers if c.id != container_id]
            case DeleteObject():
                self.removed = True

    def finish_kills(self) -> None:
        for key in [key for key, action in self.busy.items() if isinstance(action, KillContainer)]:
            action = self.busy.pop(key)
            assert isinstance(action, KillContainer)
            self.exit(self.by_id(action.container_id).name, 137)

    def exit(self, name: str, code: int, **fields: Any) -> None:
        """The running container ``name`` ends now."""
        record = self.newest(name)
        ended = replace(
            record,
            state=ContainerState.EXITED,
            exit_code=code,
            finished_at=int(self.now * 1e9),
            reason=fields.pop("reason", "Completed" if code == 0 else "Error"),
            **fields,
        )
        self.containers[self.containers.index(record)] = ended

    def newest(self, name: str = "main") -> Container:
        return max((c for c in self.containers if c.name == name), key=lambda c: c.attempt)

    def by_id(self, container_id: str) -> Container:
        return next(c for c in self.containers if c.id == container_id)

    def lose_sandbox(self) -> None:
        """The Pod's sandbox and its containers die, as when the node restarts."""
        for record in list(self.containers):
            if record.state is ContainerState.RUNNING:
                self.exit(record.name, 137)
        for sandbox in list(self.sandboxes):
            self._change_sandbox(sandbox.id, state=SandboxState.NOT_READY, ips=())

    def delete(self, grace: int | None = None) -> None:
        """What the API server does to the object when somebody asks for its deletion."""
        spec_grace = self.pod.spec.termination_grace_period_seconds if self.pod.spec else None
        seconds = grace if grace is not None else (spec_grace if spec_grace is not None else 30)
        meta = self.pod.metadata
        meta.deletion_grace_period_seconds = seconds
        meta.deletion_timestamp = times.rfc3339(self.now + seconds)

    def shown(self, name: str = "main") -> core_v1.ContainerStatus:
        known = self.view().known_status(name)
        assert known is not None
        return known

    def condition(self, type_: str) -> core_v1.PodCondition:
        return next(c for c in self.status.conditions or [] if c.type == type_)

    def done_of(self, kind: type[Action]) -> list[Action]:
        return [action for action in self.done if isinstance(action, kind)]

    def _start(self, action: StartContainer) -> None:
        if action.existing:
            made = self.by_id(action.existing)
            begun = replace(made, state=ContainerState.RUNNING, started_at=int(self.now * 1e9))
            self.containers[self.containers.index(made)] = begun
            return
        view = self.view()
        everything = [*view.inits, *view.spec.containers, *view.ephemerals]
        made_from = next(c for c in everything if c.name == action.name)
        self._made += 1
        self.images.pop(action.name, None)
        self.containers.append(
            Container(
                id=f"c{self._made}",
                sandbox_id=action.sandbox_id,
                name=action.name,
                attempt=action.attempt,
                state=ContainerState.RUNNING,
                image=made_from.image or "",
                image_id=action.image_id,
                created_at=int(self.now * 1e9),
                started_at=int(self.now * 1e9),
                annotations={
                    labels.CRASHES: str(action.crashes),
                    labels.HASH: labels.container_hash(made_from),
                },
            )
        )

    def _sandbox(self, attempt: int) -> Sandbox:
        return Sandbox(
            id=f"s{attempt}",
            name="pod",
            namespace="default",
            uid="uid-1",
            attempt=attempt,
            state=SandboxState.READY,
            created_at=int(self.now * 1e9),
            ips=(f"10.42.0.{attempt + 2}",),
        )

    def _change_sandbox(self, sandbox_id: str, **changes: Any) -> None:
        self.sandboxes = [replace(s, **changes) if s.id == sandbox_id else s for s in self.sandboxes]
