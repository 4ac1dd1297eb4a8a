"""The shell: informers feed the queue and the snapshot, one task runs cycles, bindings run beside it.

Nothing is decided here.  A placed Pod is *assumed* in the snapshot at once, so the next cycle sees it; the binding is
written in the background and taken back if the API refuses it.  A Pod whose volumes are bound with it waits for them first.  The loop sleeps until there is something to do: a Pod
became active, or the queue's next deadline has come.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable

from podling.aio.service import Service
from podling.api import errors
from podling.api.types import core_v1, meta_v1
from podling.client import Client, ConnectionFault, PatchType
from podling.client.events import EventRecorder
from podling.client.informer import Handler
from podling.client.informers import Informers

from . import cycle, profile
from .changes import node_causes, pod_left, wants_node
from .framework import Cause, Plugin, Query
from .plugins import volume_binding
from .queue import SchedulingQueue, Statistics, Waiting
from .snapshot import Snapshot, demand_of
from .storage import Plan
from .volumes import Unfulfilled, VolumeBinder

log = logging.getLogger(__name__)

BINDINGS_AT_ONCE = 64
CYCLES_PER_TURN = 16


class Scheduler(Service):
    """Gives a node to every Pod that names this scheduler.  ``chance`` breaks ties between equal nodes."""

    def __init__(
        self,
        client: Client,
        informers: Informers,
        events: EventRecorder,
        *,
        chance: random.Random,
        plugins: tuple[Plugin, ...] = profile.DEFAULT,
        scheduler_name: str = profile.SCHEDULER_NAME,
    ) -> None:
        super().__init__("scheduler")
        self._pods = client.resource(core_v1.Pod)
        self._informers = informers
        self._events = events
        self._chance = chance
        self._plugins = plugins
        self._scheduler_name = scheduler_name
        self._retry_on = {plugin.name: plugin.retry_on for plugin in plugins}
        self._snapshot = Snapshot()
        self._queue = SchedulingQueue(self._interested)
        self._wakeup = asyncio.Event()
        self._volumes = VolumeBinder(
            client, informers, self._snapshot.storage, wake=self._wake, is_wanted=self._queue.holds
        )
        self._bindings = asyncio.Semaphore(BINDINGS_AT_ONCE)

    def statistics(self) -> Statistics:
        """How many Pods wait, and where in the queue."""
        return self._queue.statistics()

    async def _start(self) -> None:
        nodes = self._informers.get(core_v1.Node)
        pods = self._informers.get(core_v1.Pod)
        nodes.add_handler(
            Handler(on_add=self._node_added, on_update=self._node_updated, on_delete=self._node_deleted)
        )
        pods.add_handler(
            Handler(on_add=self._pod_added, on_update=self._pod_updated, on_delete=self._pod_deleted)
        )
        await nodes.wait_synced()
        await pods.wait_synced()
        await self._volumes.wait_synced()
        self.tasks.start(self._run(), name="cycles")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wakeup.clear()
            for _ in range(CYCLES_PER_TURN):
                entry = self._queue.pop(now=loop.time())
                if entry is None:
                    break
                await self._bindings.acquire()
                self._cycle(entry, now=loop.time())
            else:
                await asyncio.sleep(0)
                continue
            deadline = self._queue.next_deadline()
            await _event_or_time(self._wakeup.wait(), None if deadline is None else deadline - loop.time())

    def _cycle(self, entry: Waiting, *, now: float) -> None:
        """One decision; the slot for a binding was taken before and is given back here or after the binding."""
        query = Query.of(entry.pod)
        outcome = cycle.schedule(query, self._snapshot, self._plugins, chance=self._chance)
        if isinstance(outcome, cycle.Placement):
            plan = volume_binding.plan(query, self._snapshot, outcome.node)
            self._snapshot.place(entry.uid, outcome.node, query.demand)
            if plan:
                self._bindings.release()
                self._snapshot.storage.promise(plan)
                self.tasks.start(self._bind_with_volumes(entry, plan), name=f"volumes-{entry.uid}")
            else:
                self.tasks.start(self._bind(entry, outcome.node), name=f"bind-{entry.uid}")
            return
        self._bindings.release()
        self._queue.reject(entry, outcome.plugins, now=now)
        self.tasks.start(
            self._tell_unschedulable(entry.pod, outcome.message), name=f"unschedulable-{entry.uid}"
        )

    async def _bind_with_volumes(self, entry: Waiting, plan: Plan) -> None:
        """Others may be bound while this Pod's volumes are bound or made."""
        try:
            await self._volumes.fulfil(entry.uid, plan)
        except (Unfulfilled, errors.ApiError, ConnectionFault) as error:
            self._give_back(entry)
            if not isinstance(error, errors.Conflict) and self._queue.holds(entry.uid):
                message = f'running PreBind plugin "VolumeBinding": {error}'
                self._events.event(entry.pod, "Warning", "FailedScheduling", message)
            return
        finally:
            self._snapshot.storage.release(plan)
        await self._bindings.acquire()
        await self._bind(entry, plan.node)

    async def _bind(self, entry: Waiting, node: str) -> None:
        pod = entry.pod
        meta = pod.metadata or meta_v1.ObjectMeta()
        binding = core_v1.Binding(
            api_version="v1",
            kind="Binding",
            metadata=meta_v1.ObjectMeta(name=meta.name, namespace=meta.namespace, uid=meta.uid),
            target=core_v1.ObjectReference(kind="Node", name=node),
        )
        try:
            await self._pods.create_subresource(meta.name or "", "binding", binding, namespace=meta.namespace)
        except (errors.ApiError, ConnectionFault) as error:
            if not isinstance(error, (errors.NotFound, errors.Conflict)):
                log.warning("cannot bind %s/%s to %s: %s", meta.namespace, meta.name, node, error)
            self._give_back(entry)
            return
        finally:
            self._bindings.release()
        message = f"Successfully assigned {meta.namespace}/{meta.name} to {node}"
        self._events.event(pod, "Normal", "Scheduled", message)

    def _give_back(self, entry: Waiting) -> None:
        """The Pod did not get its node after all."""
        self._snapshot.displace(entry.uid)
        self._queue.retry(entry, now=asyncio.get_running_loop().time())
        self._wakeup.set()

    async def _tell_unschedulable(self, pod: core_v1.Pod, message: str) -> None:
        """Say why in an Event and in the PodScheduled condition, which is written only when it changed."""
        self._events.event(pod, "Warning", "FailedScheduling", message)
        meta = pod.metadata or meta_v1.ObjectMeta()
        known = next(
            (c for c in (pod.status and pod.status.conditions) or () if c.type == "PodScheduled"), None
        )
        if known is not None and (known.status, known.reason, known.message) == (
            "False",
            "Unschedulable",
            message,
        ):
            return
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        try:
            await self._pods.patch(
                meta.name or "",
                {"metadata": {"uid": meta.uid}, "status": {"conditions": [condition]}},
                namespace=meta.namespace,
                type=PatchType.STRATEGIC,
                subresource="status",
            )
        except (errors.ApiError, ConnectionFault) as error:
            log.info("cannot update the condition of %s/%s: %s", meta.namespace, meta.name, error)

    def _interested(self, plugins: frozenset[str], cause: Cause) -> bool:
        return any(cause in self._retry_on.get(plugin, ()) for plugin in plugins)

    def _wake(self, cause: Cause) -> None:
        self._queue.wake(cause, now=asyncio.get_running_loop().time())
        self._wakeup.set()

    def _node_added(self, node: core_v1.Node) -> None:
        self._snapshot.set_node(node)
        self._wake(Cause.NODE_ADDED)

    def _node_updated(self, old: core_v1.Node, new: core_v1.Node) -> None:
        causes = node_causes(old, new)
        if causes:
            self._snapshot.set_node(new)
        for cause in causes:
            self._wake(cause)

    def _node_deleted(self, node: core_v1.Node) -> None:
        self._snapshot.remove_node((node.metadata and node.metadata.name) or "")

    def _pod_added(self, pod: core_v1.Pod) -> None:
        uid = (pod.metadata and pod.metadata.uid) or ""
        if pod_left(pod):
            self._pod_gone(uid)
        elif pod.spec and pod.spec.node_name:
            self._queue.remove(uid)
            if self._snapshot.place(uid, pod.spec.node_name, demand_of(pod)):
                self._wake(Cause.POD_REMOVED)
        elif wants_node(pod, self._scheduler_name):
            self._queue.add(pod, now=asyncio.get_running_loop().time())
            self._wakeup.set()
        else:
            self._queue.remove(uid)

    def _pod_updated(self, old: core_v1.Pod, new: core_v1.Pod) -> None:
        if old.metadata and new.metadata and old.metadata.uid != new.metadata.uid:
            self._pod_deleted(old)
        if old.spec != new.spec or old.metadata != new.metadata or pod_left(new):
            self._pod_added(new)

    def _pod_deleted(self, pod: core_v1.Pod) -> None:
        self._pod_gone((pod.metadata and pod.metadata.uid) or "")

    def _pod_gone(self, uid: str) -> None:
        self._queue.remove(uid)
        self._volumes.nudge()
        if self._snapshot.displace(uid):
            self._wake(Cause.POD_REMOVED)


async def _event_or_time(event: Awaitable[object], seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event
    except TimeoutError:
        pass
