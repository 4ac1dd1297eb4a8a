"""Looks at a node when it changes, and when it has been silent for too long.

A key is a node. Renewals of Leases, the many, wake nobody while their node is ready: that one was seen is only noted, and looked up when
the grace is over. Everything that is decided about a node goes into at most two writes, each for the very state that was judged.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterable

import msgspec

from podling.api import kinds, times
from podling.api.errors import NotFound
from podling.api.pod import is_ready
from podling.api.types import coordination_v1, core_v1
from podling.client.events import EventRecorder
from podling.client.indexes import NODE_NAME, by_node_name
from podling.client.leases import NODE_LEASES
from podling.client.resource import PatchType
from podling.controllers.reconcile import (
    DONE,
    Again,
    Context,
    Controller,
    Enqueue,
    Key,
    Outcome,
    Watch,
    own_key,
)

from . import health, taints
from .health import Health
from .zones import EXCLUDED, Turn, Zones, zone_of

NAME = "node-lifecycle-controller"
_AT_ONCE = 20
"""Pods that are marked at the same time."""


class NodeLifecycle:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        self.watches = (
            Watch(kind=kinds.NODE, keys=own_key),
            Watch(kind=kinds.LEASE, keys=self._keys_of_lease, namespace=NODE_LEASES),
            Watch(kind=kinds.POD, keys=self._keys_of_pod, indexers={NODE_NAME: by_node_name}),
        )
        self._nodes, _, self._pods = (watch.informer(context.informers) for watch in self.watches)
        client = context.clients(NAME)
        self._writes = client.resource(core_v1.Node)
        self._pod_writes = client.resource(core_v1.Pod)
        self._events = events
        self._clock = context.clock
        self._settings = context.settings
        self._zones = Zones(context.settings)
        self._health: dict[str, Health] = {}
        self._renewals: dict[str, tuple[float, float]] = {}
        """By node: the latest time in its Lease, and when that was seen."""
        self._all_changed = asyncio.Event()
        self._room = asyncio.Semaphore(_AT_ONCE)

    def _keys_of_lease(self, lease: coordination_v1.Lease) -> Iterable[Key]:
        name = lease.metadata.name or ""
        renewed = lease.spec.renew_time if lease.spec else None
        if renewed is None:
            return
        at = times.parse(renewed)
        if at > self._renewals.get(name, (-math.inf, 0.0))[0]:
            self._renewals[name] = (at, asyncio.get_running_loop().time())
        node = self._nodes.get("", name)
        if node is not None and health.readiness(node) is None:
            yield Key("", name)

    def _keys_of_pod(self, pod: core_v1.Pod) -> Iterable[Key]:
        """The node, if it is lost and the Pod still counts as ready."""
        name = pod.spec.node_name if pod.spec else None
        node = self._nodes.get("", name) if name else None
        if node is not None and is_ready(pod) and health.readiness(node) == "Unknown":
            yield Key("", name or "")

    async def feed(self, enqueue: Enqueue) -> None:
        """Bring up all nodes whenever what holds for all has changed."""
        while True:
            await self._all_changed.wait()
            self._all_changed.clear()
            for node in self._nodes.list():
                enqueue(*own_key(node))

    async def reconcile(self, key: Key) -> Outcome:
        now = asyncio.get_running_loop().time()
        node = self._nodes.get("", key.name)
        if node is None:
            self._forget(key.name, now)
            return DONE
        seen = self._look(node, now)
        left = health.grace_left(seen, node, now=now, settings=self._settings)
        if left <= 0:
            node = await self._declare_lost(node, seen)
            if node is None:
                return DONE
        self._judge_zone(node, now)
        waits = [left if left > 0 else math.inf, await self._taint(node, seen, now)]
        if health.readiness(node) == "Unknown":
            await self._mark_pods(node, seen)
        wait = min(waits)
        return DONE if math.isinf(wait) else Again(wait)

    def _look(self, node: core_v1.Node, now: float) -> Health:
        name = node.metadata.name or ""
        seen = self._health.get(name)
        if seen is None:
            seen = self._health[name] = health.first_sight(node, now=now, wall=self._clock.now())
            self._tell(node, "RegisteredNode", f"Node {name} event: Registered Node {name} in Controller")
        _, renewed_at = self._renewals.get(name, (0.0, None))
        health.observe(seen, node, renewed_at=renewed_at, now=now)
        return seen

    def _forget(self, name: str, now: float) -> None:
        if self._health.pop(name, None) is None:
            return
        self._renewals.pop(name, None)
        gone = core_v1.ObjectReference(api_version="v1", kind="Node", name=name)
        message = f"Node {name} event: Removing Node {name} from Controller"
        self._events.event(gone, "Normal", "RemovingNode", message)
        self._zones.drop(name)
        self._settle(now)

    async def _declare_lost(self, node: core_v1.Node, seen: Health) -> core_v1.Node | None:
        """Say that nobody knows how the node is; as it is then, None if it is gone."""
        told = health.lost_conditions(node, wall=self._clock.now())
        if not any(each.type == "Ready" for each in told):
            return node
        was_ready = health.readiness(node) == "True"
        status = {"conditions": msgspec.to_builtins(told)}
        patch = {"metadata": {"resourceVersion": node.metadata.resource_version}, "status": status}
        name = node.metadata.name or ""
        try:
            node = await self._writes.patch(name, patch, type=PatchType.STRATEGIC, subresource="status")
        except NotFound:
            return None
        now = asyncio.get_running_loop().time()
        ready = health.condition(node, "Ready")
        seen.heartbeat = ready.last_heartbeat_time if ready is not None else None
        health.observe(seen, node, renewed_at=None, now=now)
        if was_ready:
            self._tell(node, "NodeNotReady", f"Node {name} status is now: NodeNotReady")
        return node

    def _judge_zone(self, node: core_v1.Node, now: float) -> None:
        name = node.metadata.name or ""
        if EXCLUDED in (node.metadata.labels or {}):
            self._zones.drop(name)
        else:
            self._zones.put(name, zone_of(node), ready=health.readiness(node) == "True")
        self._settle(now)

    def _settle(self, now: float) -> None:
        turn = self._zones.settle(now)
        if turn is Turn.RECOVERED:
            for each in self._health.values():
                each.alive_at = now
                each.unready_since = now if each.unready_since is not None else None
        if turn is not Turn.NOTHING:
            self._all_changed.set()

    async def _taint(self, node: core_v1.Node, seen: Health, now: float) -> float:
        """Give the node the taints that it should have; the seconds until it should have another, infinite for none."""
        driving_out, wait = self._driving_out(node, seen, now)
        found = taints.changed(node, driving_out=driving_out, wall=self._clock.now())
        labels = taints.missing_labels(node)
        if found is not None or labels:
            patch: dict[str, object] = {
                "metadata": {"resourceVersion": node.metadata.resource_version, "labels": labels}
            }
            if found is not None:
                patch["spec"] = {"taints": msgspec.to_builtins(found)}
            with contextlib.suppress(NotFound):
                await self._writes.patch(node.metadata.name or "", patch)
        return wait

    def _driving_out(self, node: core_v1.Node, seen: Health, now: float) -> tuple[str | None, float]:
        """Which taint drives the Pods out now, and when to ask again.

        Nobody is given up within the first `node_monitor_period`: by then others that were lost with this node are known of.
        """
        wanted = taints.wanted_driving_out(node)
        if wanted is None or self._zones.all_down:
            return None, math.inf
        if taints.drives_out(node):
            return wanted, math.inf
        since = seen.unready_since if seen.unready_since is not None else now
        early = since + self._settings.node_monitor_period - now
        wait = early if early > 0 else self._zones.permit(zone_of(node), now)
        return (None, wait) if wait > 0 else (wanted, math.inf)

    async def _mark_pods(self, node: core_v1.Node, seen: Health) -> None:
        """Say of the lost node's Pods, once each, that they are not ready, so that no Service leads to them."""
        ready = [
            pod
            for pod in self._pods.by_index(NODE_NAME, node.metadata.name or "")
            if is_ready(pod) and pod.metadata.uid not in seen.marked
        ]
        async with asyncio.TaskGroup() as group:
            for pod in ready:
                group.create_task(self._mark(pod, seen), name=f"{NAME}/mark {pod.metadata.name}")

    async def _mark(self, pod: core_v1.Pod, seen: Health) -> None:
        condition = {
            "type": "Ready",
            "status": "False",
            "lastTransitionTime": times.rfc3339(self._clock.now()),
        }
        patch = {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [condition]}}
        async with self._room:
            with contextlib.suppress(NotFound):
                await self._pod_writes.patch(
                    pod.metadata.name or "",
                    patch,
                    namespace=pod.metadata.namespace,
                    type=PatchType.STRATEGIC,
                    subresource="status",
                )
                self._events.event(pod, "Warning", "NodeNotReady", "Node is not ready")
        seen.marked.add(pod.metadata.uid or "")

    def _tell(self, node: core_v1.Node, reason: str, message: str) -> None:
        self._events.event(node, "Normal", reason, message)


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component="node-controller", clock=context.clock)
    lifecycle = NodeLifecycle(context, events)
    return Controller(
        name=NAME,
        watches=lifecycle.watches,
        reconcile=lifecycle.reconcile,
        services=(events,),
        feed=lifecycle.feed,
        workers=8,
    )
