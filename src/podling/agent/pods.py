"""All Pods of the node: one worker each, for as long as the Pod or anything of it is here.

Told by the API and by files which Pods there should be and by the runtime which there are: what runs and has no object any more is
taken down, what has an object and runs already is adopted as it is.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence

from podling.aio.backoff import Backoff, Streak
from podling.aio.tasks import Tasks
from podling.api import codec
from podling.api import pod as pods
from podling.api.errors import ApiError
from podling.api.types import core_v1, meta_v1
from podling.client.errors import ConnectionFault
from podling.client.informer import Handler, Informer
from podling.runtime.interface import Sandbox

from . import admission, permits
from .errors import VolumeFault
from .eviction import preemption, pressure
from .kit import Kit
from .node.qosgroups import QosGroups
from .podstate import Verdict
from .podworker import PodWorker
from .resize.requests import ResizeRequests
from .staticpods import Keeper, Manifests

log = logging.getLogger(__name__)

_AGAIN = Backoff(first=1.0, cap=60.0, jitter=0.1, reset_after=300.0)


class Pods:
    """``informer`` has the Pods that are bound to this node, ``node()`` is its object as last written; ``manifests`` says
    where static Pods come from, None: from nowhere.
    """

    def __init__(
        self,
        kit: Kit,
        informer: Informer[core_v1.Pod],
        *,
        node_labels: dict[str, str],
        node: Callable[[], core_v1.Node | None],
        manifests: Manifests | None = None,
    ) -> None:
        self._kit = kit
        self._informer = informer
        self._node_labels = node_labels
        self._workers: dict[str, PodWorker] = {}
        self._in_doubt: set[str] = set()
        self._tasks = Tasks("pods")
        self._qos = QosGroups(kit.node.group, tasks=self._tasks)
        self._resizes = ResizeRequests(
            kit, lambda: (worker.memory for worker in self._workers.values()), self._resources_changed
        )
        self._static = Keeper(
            kit, manifests, node=node, begin=self._begin_static, end=self._end, show=self._show
        )

    async def start(self) -> None:
        """Adopt what runs, take down what should not, begin what is missing.  The informer must have synced."""
        self._informer.add_handler(
            Handler(on_add=self._added, on_update=self._updated, on_delete=self._deleted)
        )
        static = self._static.load()
        for uid, sandbox in self._kit.observed.pods().items():
            if uid not in self._workers and uid not in static:
                log.info("Pod %s/%s is no longer wanted here, ending it", sandbox.namespace, sandbox.name)
                leftover = _forgotten(sandbox)
                self._static.occupy(leftover)
                self._look_after(leftover).remove()
        self._static.start(self._tasks)
        await self._sweep()

    async def shut_down(self) -> None:
        """End all containers within their grace; the objects stay."""
        async with asyncio.TaskGroup() as group:
            for worker in [*self._workers.values()]:
                group.create_task(worker.shut_down(), name="shut down")

    async def close(self) -> None:
        """Stop looking after Pods; containers run on."""
        self._static.stop()
        await self._tasks.close()

    def list(self) -> list[core_v1.Pod]:
        """Every Pod on the node with its status as of now."""
        return [
            core_v1.Pod(
                metadata=worker.memory.pod.metadata, spec=worker.memory.pod.spec, status=worker.memory.status
            )
            for worker in self._workers.values()
        ]

    def find(self, namespace: str, name: str) -> PodWorker | None:
        """The worker of the Pod of that name; of two of one name, the one that is not ending."""
        found = [
            w for w in self._workers.values() if (w.memory.namespace, w.memory.name) == (namespace, name)
        ]
        return min(found, key=lambda worker: worker.memory.removed, default=None)

    def wake(self, uid: str) -> None:
        if (worker := self._workers.get(uid)) is not None:
            worker.wake()

    def _resources_changed(self, uid: str) -> None:
        if (worker := self._workers.get(uid)) is not None:
            worker.resources_changed()

    def references_changed(self, uid: str) -> None:
        if (worker := self._workers.get(uid)) is not None:
            worker.references_changed()

    def workers(self) -> Iterable[PodWorker]:
        return self._workers.values()

    def _added(self, pod: core_v1.Pod) -> None:
        if pods.is_mirror(pod):
            self._static.mirrors.seen(pod)
            return
        uid = pod.metadata.uid or ""
        if uid in self._workers or uid in self._in_doubt:
            return
        verdict = self._admit(pod)
        if verdict is not None and verdict.reason == admission.NODE_AFFINITY:
            self._in_doubt.add(uid)
            self._tasks.start(
                self._judge_again(pod), name=f"judge {pod.metadata.namespace}/{pod.metadata.name}"
            )
        elif verdict is not None and (displaced := self._displaced(pod, verdict)):
            self._in_doubt.add(uid)
            name = f"make room for {pod.metadata.namespace}/{pod.metadata.name}"
            newest = functools.partial(self._begin_newest, pod)
            self._tasks.start(self._make_room(displaced, newest), name=name)
        else:
            self._begin(pod, verdict)

    def _displaced(self, pod: core_v1.Pod, verdict: Verdict) -> Sequence[PodWorker]:
        """Whom a critical Pod that finds the node full makes go."""
        if not verdict.reason.startswith("OutOf") or not pods.is_critical(pod):
            return []
        present = {worker.memory.uid: worker for worker in self._workers.values()}
        others = [worker.memory.pod for worker in present.values() if worker.memory.verdict is None]
        missing = admission.shortages(pod, others, self._kit.node.allocatable)
        found = preemption.victims(pod, others, missing) or []
        return [present[victim.metadata.uid or ""] for victim in found]

    async def _make_room(self, displaced: Sequence[PodWorker], then: Callable[[], None]) -> None:
        for worker in displaced:
            gone = preemption.PREEMPTED
            self._kit.tell(worker.memory.pod, "Warning", gone.reason, gone.message)
            worker.evict(gone)
        for worker in displaced:
            await worker.wait_ended()
        then()

    async def _judge_again(self, pod: core_v1.Pod) -> None:
        """The labels known here may be older than those that the scheduler went by: ask for them first."""
        meta = pod.metadata
        try:
            node = await self._kit.client.resource(core_v1.Node).get(self._kit.config.node_name)
            self._node_labels = node.metadata.labels or {}
        except (ApiError, ConnectionFault) as error:
            log.warning("cannot read the node's labels for Pod %s/%s: %s", meta.namespace, meta.name, error)
        finally:
            self._in_doubt.discard(meta.uid or "")
        self._begin_newest(pod)

    def _begin_newest(self, pod: core_v1.Pod) -> None:
        meta = pod.metadata
        self._in_doubt.discard(meta.uid or "")
        newest = self._informer.get(meta.namespace or "", meta.name or "")
        if newest is not None and newest.metadata.uid == meta.uid:
            self._begin(newest, self._admit(newest))

    def _begin(self, pod: core_v1.Pod, verdict: Verdict | None) -> None:
        if verdict is not None:
            self._kit.tell(pod, "Warning", verdict.reason, verdict.message)
        self._look_after(pod, verdict=verdict)

    def _begin_static(self, pod: core_v1.Pod) -> None:
        mirror = self._static.mirrors.of(pod)
        if mirror is not None and mirror.status is not None:
            pod.status = codec.struct_clone(mirror.status)
        verdict = self._admit(pod)
        if verdict is not None and (displaced := self._displaced(pod, verdict)):
            again = functools.partial(self._begin_static_again, pod)
            self._tasks.start(self._make_room(displaced, again), name=f"make room for {pod.metadata.name}")
            return
        if verdict is not None:
            self._kit.tell(pod, "Warning", verdict.reason, verdict.message)
        self._look_after(pod, verdict=verdict, static=True).show_on(mirror)

    def _begin_static_again(self, pod: core_v1.Pod) -> None:
        """There is room for it now; perhaps its file has gone meanwhile."""
        if self._static.wants(pod):
            self._begin_static(pod)
        else:
            self._static.ended(pod)

    def _end(self, uid: str) -> None:
        if (worker := self._workers.get(uid)) is not None:
            worker.remove()

    def _show(self, uid: str, mirror: core_v1.Pod | None) -> None:
        if (worker := self._workers.get(uid)) is not None:
            worker.show_on(mirror)

    def _updated(self, _: core_v1.Pod, pod: core_v1.Pod) -> None:
        worker = self._workers.get(pod.metadata.uid or "")
        if worker is None:
            self._added(pod)
        else:
            worker.update(pod)
            if self._resizes.concerns(worker.memory):
                self._settle()

    def _deleted(self, pod: core_v1.Pod) -> None:
        if pods.is_mirror(pod):
            self._static.mirrors.gone(pod)
        else:
            self._end(pod.metadata.uid or "")

    def _admit(self, pod: core_v1.Pod) -> Verdict | None:
        """Judge a Pod that has not begun on this node; one that has is not turned away any more."""
        phase = pod.status.phase if pod.status else None
        begun = bool(self._kit.observed.sandboxes(pod.metadata.uid or ""))
        if begun or pod.metadata.deletion_timestamp is not None or phase not in (None, "", "Pending"):
            return None
        others = [worker.memory.pod for worker in self._workers.values() if not worker.has_ended()]
        held = pressure.verdict(pod, self._kit.pressure.conditions)
        return (
            held
            or permits.verdict(pod, self._kit.permits)
            or admission.verdict(
                pod,
                others,
                allocatable=self._kit.node.allocatable,
                node=self._kit.config.node_name,
                labels=self._node_labels,
            )
        )

    def _settle(self) -> None:
        """Something on the node is different: who waits for resources may have them now."""
        self._resizes.settle()
        self._qos.weigh(worker.memory.pod for worker in self._workers.values())

    def _look_after(
        self, pod: core_v1.Pod, *, verdict: Verdict | None = None, static: bool = False
    ) -> PodWorker:
        uid = pod.metadata.uid or ""
        worker = self._workers[uid] = PodWorker(self._kit, pod, verdict=verdict, static=static)
        self._tasks.start(self._run(uid, worker), name=f"{pod.metadata.namespace}/{pod.metadata.name}")
        self._qos.weigh(each.memory.pod for each in self._workers.values())
        return worker

    async def _run(self, uid: str, worker: PodWorker) -> None:
        """Until the Pod is gone.  A worker that breaks is followed by a fresh one, which finds everything as it is."""
        streak = Streak(_AGAIN)
        while True:
            try:
                await worker.run()
                break
            except Exception:  # a fault in the agent itself must cost this Pod a moment, not its life
                delay = streak.fail(asyncio.get_running_loop().time(), self._kit.random)
                log.exception("the worker of Pod %s failed, another takes over in %.2g s", uid, delay)
                await asyncio.sleep(delay)
            worker = self._workers[uid] = worker.successor()
        del self._workers[uid]
        self._settle()
        self._static.ended(worker.memory.pod)

    async def _take_down(self, uid: str) -> None:
        """What is left of a Pod that nobody knows; what cannot go before a CSI driver is back is tried again."""
        try:
            await self._kit.volumes.unmount(uid)
        except VolumeFault as fault:
            log.warning("cannot take down volumes of former Pod %s: %s", uid, fault)
            self._tasks.start(self._take_down_later(uid), name=f"take down {uid}")

    async def _take_down_later(self, uid: str) -> None:
        await asyncio.sleep(_AGAIN.cap)
        await self._take_down(uid)

    async def _sweep(self) -> None:
        """Remove what former Pods left on the disk."""
        pods, logs = self._kit.paths.pods, self._kit.paths.all_logs
        for folder in [*pods.iterdir()] if pods.is_dir() else []:
            if folder.name not in self._workers:
                await self._take_down(folder.name)
        for folder in [*logs.iterdir()] if logs.is_dir() else []:
            if folder.name.rpartition("_")[2] not in self._workers:
                await asyncio.to_thread(shutil.rmtree, folder)


def _forgotten(sandbox: Sandbox) -> core_v1.Pod:
    """As much of a Pod as its sandbox tells, for taking it down."""
    meta = meta_v1.ObjectMeta(name=sandbox.name, namespace=sandbox.namespace, uid=sandbox.uid)
    return core_v1.Pod(metadata=meta, spec=core_v1.PodSpec(), status=core_v1.PodStatus())
