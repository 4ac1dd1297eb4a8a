"""Nodes without machines: one task plays the agents of any number of them, and of each Pod what its node would report.

Each node registers, renews its Lease and reports its Pods as the user that its agent would be. A Pod's `Course` says how it fares: when its
containers run, whether and how they end, how long they take to stop. A node that is `lose`d says and hears nothing, while its Pods go on; once
it is `restore`d it reports what has happened. Whoever wants an agent's own behaviour takes `podling.agent` over the simulated runtime; here
controllers and scheduler have something to look at, thousands of Pods at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from podling.aio.clock import Clock
from podling.aio.service import Service
from podling.api import times
from podling.api.errors import AlreadyExists, ApiError, NotFound
from podling.api.pod.conditions import is_ready
from podling.api.types import core_v1, meta_v1
from podling.client.client import Client
from podling.client.errors import ClientError
from podling.client.informer import Handler
from podling.client.informers import Informers
from podling.client.leases import Heartbeat
from podling.client.resource import PatchType

AGAIN_SECONDS = 1.0
CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "250", "ephemeral-storage": "1Ti"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a Pod fares; seconds. `lasts` None: until it is stopped. `code`: what its containers then exit with."""

    starts: float = 0.0
    lasts: float | None = None
    code: int = 0
    stops: float = 0.0


Director = Callable[[core_v1.Pod], Course]


@dataclass(slots=True, eq=False)
class _Life:
    pod: core_v1.Pod
    course: Course
    phase: str = "Pending"
    leaving: asyncio.Event = field(default_factory=asyncio.Event)


class _Node:
    def __init__(self, name: str, client: Client, clock: Clock) -> None:
        self.name = name
        self.nodes = client.resource(core_v1.Node)
        self.pods = client.resource(core_v1.Pod)
        self.heard = asyncio.Event()
        self.heard.set()
        self.lives: dict[str, _Life] = {}
        self.heartbeat = Heartbeat(client, name=name, owner=lambda: None, clock=clock)
        self.beating: asyncio.Task[None] | None = None


class SimulatedNodes(Service):
    """`client_of` gives each node's client by the node's name; `informers` must be able to see all Pods; `beats`: Leases are renewed."""

    def __init__(
        self,
        names: Iterable[str],
        *,
        client_of: Callable[[str], Client],
        informers: Informers,
        clock: Clock,
        direct: Director = lambda pod: Course(),
        beats: bool = True,
        labels: Callable[[str], dict[str, str]] = lambda name: {},
    ) -> None:
        super().__init__("simulated nodes")
        self._nodes = {name: _Node(name, client_of(name), clock) for name in names}
        self._pods = informers.get(core_v1.Pod)
        self._clock = clock
        self._direct = direct
        self._beats = beats
        self._labels = labels

    def lose(self, name: str) -> None:
        """Cut the node off."""
        node = self._nodes[name]
        node.heard.clear()
        if node.beating is not None:
            node.beating.cancel()

    async def restore(self, name: str) -> None:
        """Connect it again: it registers if it must, and says that it is well."""
        node = self._nodes[name]
        node.heard.set()
        await self._join(node)
        for life in [*node.lives.values()]:
            self._look(life.pod)

    def is_lost(self, name: str) -> bool:
        return not self._nodes[name].heard.is_set()

    async def _start(self) -> None:
        for node in self._nodes.values():
            await self._join(node)
        self._pods.add_handler(
            Handler(on_add=self._seen, on_update=lambda old, new: self._seen(new), on_delete=self._gone)
        )

    async def _join(self, node: _Node) -> None:
        wanted = core_v1.Node(metadata=meta_v1.ObjectMeta(name=node.name, labels=self._labels_of(node.name)))
        while True:
            try:
                with contextlib.suppress(AlreadyExists):
                    await node.nodes.create(wanted)
                await node.nodes.patch(
                    node.name, {"status": self._status()}, type=PatchType.STRATEGIC, subresource="status"
                )
            except (ApiError, ClientError):
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                break
        if self._beats:
            node.beating = self.tasks.start(node.heartbeat.run(), name=f"lease of {node.name}")

    def _labels_of(self, name: str) -> dict[str, str]:
        return {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **self._labels(name)}

    def _status(self) -> dict[str, object]:
        now = times.rfc3339(self._clock.now())
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "simulated",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        return {"capacity": CAPACITY, "allocatable": CAPACITY, "conditions": [ready]}

    def _seen(self, pod: core_v1.Pod) -> None:
        node = self._nodes.get((pod.spec and pod.spec.node_name) or "")
        if node is None:
            return
        uid = pod.metadata.uid or ""
        life = node.lives.get(uid)
        if life is None:
            phase = pod.status.phase if pod.status else None
            life = node.lives[uid] = _Life(pod, self._direct(pod), phase or "Pending")
            self.tasks.start(self._live(node, life), name=f"Pod {pod.metadata.name}")
        life.pod = pod
        self._look(pod)

    def _look(self, pod: core_v1.Pod) -> None:
        """Bring the Pod's task to see that it is to stop, or that others say something else of it than its node."""
        node = self._nodes[(pod.spec and pod.spec.node_name) or ""]
        life = node.lives[pod.metadata.uid or ""]
        if pod.metadata.deletion_timestamp is not None:
            life.leaving.set()
        elif life.phase == "Running" and pod.status and pod.status.phase == "Running" and not is_ready(pod):
            self.tasks.start(self._report(node, life), name=f"report of {pod.metadata.name}")

    def _gone(self, pod: core_v1.Pod) -> None:
        node = self._nodes.get((pod.spec and pod.spec.node_name) or "")
        life = node.lives.get(pod.metadata.uid or "") if node is not None else None
        if life is not None:
            life.leaving.set()

    async def _live(self, node: _Node, life: _Life) -> None:
        """From its start to its end, by its course or because it is told to leave."""
        await node.heard.wait()
        if life.phase == "Pending" and not await _left(life, life.course.starts):
            life.phase = "Running"
            await self._report(node, life)
        if life.phase == "Running" and not await _left(life, life.course.lasts):
            life.phase = "Succeeded" if life.course.code == 0 else "Failed"
            await self._report(node, life)
        await life.leaving.wait()
        await node.heard.wait()
        if life.phase == "Running":
            await asyncio.sleep(life.course.stops)
            life.phase = "Failed" if life.course.code or life.course.lasts is None else "Succeeded"
            await self._report(node, life)
        await self._remove(node, life)
        del node.lives[life.pod.metadata.uid or ""]

    async def _report(self, node: _Node, life: _Life) -> None:
        meta = life.pod.metadata
        patch = {"metadata": {"uid": meta.uid}, "status": self._pod_status(life)}
        await self._insist(node, lambda: self._patch_status(node, life, patch))

    async def _patch_status(self, node: _Node, life: _Life, patch: dict[str, object]) -> None:
        meta = life.pod.metadata
        await node.pods.patch(
            meta.name or "", patch, namespace=meta.namespace, type=PatchType.STRATEGIC, subresource="status"
        )

    async def _remove(self, node: _Node, life: _Life) -> None:
        meta = life.pod.metadata

        async def delete() -> None:
            await node.pods.delete(
                meta.name or "", namespace=meta.namespace, uid=meta.uid, grace_period_seconds=0
            )

        await self._insist(node, delete)

    async def _insist(self, node: _Node, act: Callable[[], object]) -> None:
        """Until it is done, or there is nothing left to do it to."""
        while True:
            await node.heard.wait()
            try:
                await act()  # type: ignore[misc]
            except NotFound:
                return
            except ApiError as error:
                if error.code in (403, 409, 422):
                    return  # another Pod of the name, or one that is over: nothing of ours
                await asyncio.sleep(AGAIN_SECONDS)
            except ClientError:
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return

    def _pod_status(self, life: _Life) -> dict[str, object]:
        now = times.rfc3339(self._clock.now())
        running = life.phase == "Running"
        truth = "True" if running else "False"
        conditions = [
            {"type": type, "status": truth, "lastTransitionTime": now}
            for type in ("Initialized", "Ready", "ContainersReady")
        ]
        state = (
            {"running": {"startedAt": now}}
            if running
            else {"terminated": {"exitCode": life.course.code, "reason": "Ended", "finishedAt": now}}
        )
        spec = life.pod.spec
        containers = [
            {
                "name": each.name,
                "image": each.image,
                "imageID": "",
                "ready": running,
                "restartCount": 0,
                "state": state,
            }
            for each in (spec.containers if spec else ())
        ]
        return {"phase": life.phase, "conditions": conditions, "containerStatuses": containers}


async def _left(life: _Life, seconds: float | None) -> bool:
    """Wait so long, or until the Pod is told to leave; whether it was."""
    if life.leaving.is_set() or (seconds is not None and seconds <= 0):
        return life.leaving.is_set()
    try:
        async with asyncio.timeout(seconds):
            await life.leaving.wait()
    except TimeoutError:
        return False
    return True
