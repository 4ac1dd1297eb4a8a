"""Pods that nobody else will ever clean up.

- Pods bound to a node that is gone: given up after a while (`missing_node_seconds`), as their node may just be registered anew.
- Pods being deleted that were never bound, or whose node is out of service: no agent will report their end.
- Finished Pods beyond `terminated_pod_threshold`: the oldest go, evicted ones first.
Each is marked Failed, unless it is finished, and removed without grace (upstream's podgc). Nothing is scanned from time to time: keys name a
node (namespace ""), a Pod, or `FINISHED`, and events bring them up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from podling.api import kinds, times
from podling.api.errors import NotFound
from podling.api.pod import is_terminal
from podling.api.types import core_v1
from podling.client.indexes import NODE_NAME, by_node_name
from podling.client.resource import PatchType

from .reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch

NAME = "pod-garbage-collector-controller"
FINISHED = Key("*", "finished")
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
TERMINAL = "status.phase/terminal"
_YES = "yes"
_AT_ONCE = 20
"""Pods that are removed at the same time."""


def by_finished(pod: core_v1.Pod) -> Sequence[str]:
    """Index function: whether the Pod is finished."""
    return (_YES,) if is_terminal(pod) else ()


def is_out_of_service(node: core_v1.Node) -> bool:
    """Whether an administrator has said that the node is dead (KEP-2268), and it does not say otherwise."""
    tainted = node.spec is not None and any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints or ())
    ready = node.status is not None and any(
        condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions or ()
    )
    return tainted and not ready


def excess(finished: Iterable[core_v1.Pod], threshold: int) -> list[core_v1.Pod]:
    """Which of the finished Pods go: evicted ones first, then the oldest."""

    def order(pod: core_v1.Pod) -> tuple[bool, str, str]:
        evicted = pod.status is not None and pod.status.phase == "Failed" and pod.status.reason == "Evicted"
        return not evicted, pod.metadata.creation_timestamp or "", pod.metadata.name or ""

    pods = sorted(finished, key=order)
    return pods[: max(0, len(pods) - threshold)] if threshold else []


def failed_status(pod: core_v1.Pod, *, node_is_gone: bool, now: float) -> dict[str, Any] | None:
    """The patch that marks the Pod Failed; None when it is finished already."""
    if is_terminal(pod):
        return None
    status: dict[str, Any] = {"phase": "Failed"}
    if node_is_gone:
        status["conditions"] = [
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "DeletionByPodGC",
                "message": "PodGC: node no longer exists",
                "lastTransitionTime": times.rfc3339(now),
            }
        ]
    return {"metadata": {"uid": pod.metadata.uid}, "status": status}


class PodGarbage:
    """Remembers since when nodes are missing; everything else it sees in the informers."""

    def __init__(self, context: Context) -> None:
        client = context.clients(NAME)
        self._clock = context.clock
        self._settings = context.settings
        self._writes = client.resource(core_v1.Pod)
        self._node_reads = client.resource(core_v1.Node)
        self._pods = context.informers.get(
            core_v1.Pod, indexers={NODE_NAME: by_node_name, TERMINAL: by_finished}
        )
        self._nodes = context.informers.get(core_v1.Node)
        self._missing_since: dict[str, float] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    def keys_of_pod(self, pod: core_v1.Pod) -> Iterable[Key]:
        node_name = (pod.spec.node_name if pod.spec else None) or ""
        node = self._nodes.get("", node_name) if node_name else None
        if node_name and node is None:
            yield Key("", node_name)
        if pod.metadata.deletion_timestamp is not None and (
            not node_name or (node is not None and is_out_of_service(node))
        ):
            yield Key(pod.metadata.namespace or "", pod.metadata.name or "")
        threshold = self._settings.terminated_pod_threshold
        if is_terminal(pod) and 0 < threshold < self._pods.index_size(TERMINAL, _YES):
            yield FINISHED

    def keys_of_node(self, node: core_v1.Node) -> Iterable[Key]:
        yield Key("", node.metadata.name or "")

    async def reconcile(self, key: Key) -> Outcome:
        if key == FINISHED:
            finished = self._pods.by_index(TERMINAL, _YES)
            await self._remove(excess(finished, self._settings.terminated_pod_threshold))
            return DONE
        if key.namespace:
            return await self._reconcile_pod(key)
        return await self._reconcile_node(key.name)

    async def _reconcile_pod(self, key: Key) -> Outcome:
        pod = self._pods.get(key.namespace, key.name)
        if pod is not None and pod.metadata.deletion_timestamp is not None:
            node_name = pod.spec.node_name if pod.spec else None
            node = self._nodes.get("", node_name) if node_name else None
            if not node_name or (node is not None and is_out_of_service(node)):
                await self._remove([pod])
        return DONE

    async def _reconcile_node(self, name: str) -> Outcome:
        node = self._nodes.get("", name)
        pods = self._pods.by_index(NODE_NAME, name)
        if node is not None or not pods:
            self._missing_since.pop(name, None)
            if node is not None and is_out_of_service(node):
                await self._remove([pod for pod in pods if pod.metadata.deletion_timestamp is not None])
            return DONE
        now = asyncio.get_running_loop().time()
        due = self._missing_since.setdefault(name, now) + self._settings.missing_node_seconds
        if now < due:
            return Again(due - now)
        if not await self._exists(name):
            await self._remove(pods, node_is_gone=True)
        del self._missing_since[name]
        return DONE

    async def _exists(self, name: str) -> bool:
        """Ask the server itself: informers may lag."""
        try:
            await self._node_reads.get(name)
        except NotFound:
            return False
        return True

    async def _remove(self, pods: Iterable[core_v1.Pod], *, node_is_gone: bool = False) -> None:
        async with asyncio.TaskGroup() as group:
            for pod in pods:
                group.create_task(
                    self._remove_one(pod, node_is_gone), name=f"{NAME}/remove {pod.metadata.name}"
                )

    async def _remove_one(self, pod: core_v1.Pod, node_is_gone: bool) -> None:
        name, namespace = pod.metadata.name or "", pod.metadata.namespace
        patch = failed_status(pod, node_is_gone=node_is_gone, now=self._clock.now())
        async with self._room:
            with contextlib.suppress(NotFound):
                if patch is not None:
                    await self._writes.patch(
                        name, patch, namespace=namespace, type=PatchType.STRATEGIC, subresource="status"
                    )
                await self._writes.delete(
                    name, namespace=namespace, grace_period_seconds=0, uid=pod.metadata.uid
                )


def controller(context: Context) -> Controller:
    garbage = PodGarbage(context)
    return Controller(
        name=NAME,
        watches=(
            Watch(kind=kinds.POD, keys=garbage.keys_of_pod),
            Watch(kind=kinds.NODE, keys=garbage.keys_of_node),
        ),
        reconcile=garbage.reconcile,
    )
