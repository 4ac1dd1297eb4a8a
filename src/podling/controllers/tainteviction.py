"""Pods leave nodes whose `NoExecute` taints they do not tolerate: at once, or when their `tolerationSeconds` are over.

A key is a Pod. What is remembered of it is since when it has been seen to live under each taint: the time runs from there, ends with the
taint, and starts anew with this process, so that nobody is thrown off a node for the hours that the cluster itself was down. The taints
of a node that is not ready and of one that cannot be reached are two faces of one trouble and share their time.

(Source: API reference, Toleration; KEP-166; upstream's taint-eviction-controller.)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from podling.api import kinds, times
from podling.api.disruption import DISRUPTION_TARGET
from podling.api.errors import NotFound
from podling.api.pod import tolerates
from podling.api.types import core_v1
from podling.client.events import EventRecorder
from podling.client.indexes import NODE_NAME, by_node_name
from podling.client.resource import PatchType

from .reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key

NAME = "taint-eviction-controller"
NO_EXECUTE = "NoExecute"
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
_REASON, _MESSAGE = "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"

Since = Mapping[str, float]
"""By taint, since when the Pod has been seen under it."""


def driving_out(node: core_v1.Node | None) -> list[core_v1.Taint]:
    """The node's taints that Pods have to leave for."""
    taints = node.spec.taints if node is not None and node.spec else None
    return [taint for taint in taints or () if taint.effect == NO_EXECUTE]


@dataclass(frozen=True, slots=True)
class Stay:
    """How long a Pod may stay: seconds from now, 0 or less when it has to go, None for ever."""

    left: float | None
    since: Since


def stay(
    taints: Sequence[core_v1.Taint],
    tolerations: Sequence[core_v1.Toleration] | None,
    since: Since,
    now: float,
) -> Stay:
    """The shortest that any of the taints allows; of several tolerations for one taint the first counts."""
    seen = {_trouble(taint): since.get(_trouble(taint), now) for taint in taints}
    left: list[float] = []
    for taint in taints:
        used = next((each for each in tolerations or () if tolerates(each, taint)), None)
        if used is None:
            return Stay(0.0, seen)
        if used.toleration_seconds is not None:
            left.append(seen[_trouble(taint)] + max(0, used.toleration_seconds) - now)
    return Stay(min(left, default=None), seen)


def _trouble(taint: core_v1.Taint) -> str:
    return NOT_READY if taint.key in (NOT_READY, UNREACHABLE) else f"{taint.key}={taint.value or ''}"


class TaintEviction:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        self.watches = (
            Watch(kind=kinds.NODE, keys=self._keys_of_node),
            Watch(kind=kinds.POD, keys=self._keys_of_pod, indexers={NODE_NAME: by_node_name}),
        )
        self._nodes, self._pods = (watch.informer(context.informers) for watch in self.watches)
        self._writes = context.clients(NAME).resource(core_v1.Pod)
        self._events = events
        self._clock = context.clock
        self._since: dict[Key, Since] = {}
        """Of the Pods whose end is appointed."""

    def _keys_of_node(self, node: core_v1.Node) -> Iterable[Key]:
        if driving_out(node):
            for pod in self._pods.by_index(NODE_NAME, node.metadata.name or ""):
                yield from own_key(pod)

    def _keys_of_pod(self, pod: core_v1.Pod) -> Iterable[Key]:
        (key,) = own_key(pod)
        if key in self._since or driving_out(self._node_of(pod)):
            yield key

    def _node_of(self, pod: core_v1.Pod) -> core_v1.Node | None:
        name = pod.spec.node_name if pod.spec else None
        found: core_v1.Node | None = self._nodes.get("", name) if name else None
        return found

    async def reconcile(self, key: Key) -> Outcome:
        pod = self._pods.get(key.namespace, key.name)
        node = self._node_of(pod) if pod is not None else None
        if pod is None or pod.metadata.deletion_timestamp is not None:
            self._since.pop(key, None)
            return DONE
        if node is None:  # its Pods are the garbage collector's
            return DONE
        now = asyncio.get_running_loop().time()
        tolerations = pod.spec.tolerations if pod.spec else None
        found = stay(driving_out(node), tolerations, self._since.get(key, {}), now)
        if found.left is None:
            if self._since.pop(key, None) is not None:
                self._tell(pod, f"Cancelling deletion of Pod {key}")
            return DONE
        if found.left > 0:
            self._since[key] = found.since
            return Again(found.left)
        self._tell(pod, f"Marking for deletion Pod {key}")
        await self._evict(pod)
        self._since.pop(key, None)
        return DONE

    def _tell(self, pod: core_v1.Pod, message: str) -> None:
        self._events.event(pod, "Normal", "TaintManagerEviction", message)

    async def _evict(self, pod: core_v1.Pod) -> None:
        name, namespace, uid = pod.metadata.name or "", pod.metadata.namespace, pod.metadata.uid
        condition = {
            "type": DISRUPTION_TARGET,
            "status": "True",
            "reason": _REASON,
            "message": _MESSAGE,
            "lastTransitionTime": times.rfc3339(self._clock.now()),
        }
        patch = {"metadata": {"uid": uid}, "status": {"conditions": [condition]}}
        with contextlib.suppress(NotFound):
            await self._writes.patch(
                name, patch, namespace=namespace, type=PatchType.STRATEGIC, subresource="status"
            )
            await self._writes.delete(name, namespace=namespace, uid=uid)


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component=NAME, clock=context.clock)
    eviction = TaintEviction(context, events)
    return Controller(
        name=NAME, watches=eviction.watches, reconcile=eviction.reconcile, services=(events,), workers=8
    )
