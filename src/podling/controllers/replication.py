"""As many Pods as asked for: what ReplicaSets and ReplicationControllers have in common.

The two kinds differ in how their selector and conditions are written, which a `Flavor` says. Deciding is pure: `difference`, `next_status`; which Pods
go first is in `ranking`. `Replication` is the shell around it (upstream's pkg/controller/replicaset, which serves both kinds as well).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from podling.api import codec, kinds, times
from podling.api.errors import ApiError
from podling.api.kinds import Kind
from podling.api.pod.conditions import is_ready
from podling.api.selectors import LabelSelector, from_set
from podling.api.types import core_v1
from podling.client.errors import ClientError
from podling.client.events import EventRecorder
from podling.client.indexes import CONTROLLER_UID, by_controller_uid

from . import ranking
from .adoption import Adoption
from .availability import is_active, is_available, is_terminating, next_available
from .expectations import Expectations
from .ownership import controller_of
from .podcontrol import PodControl, pod_from
from .reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key
from .slowstart import slow_start

BURST = 500
"""Pods that are made or deleted in one go, as upstream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavor:
    """One of the two kinds. `component` is what its Events name as their source."""

    name: str
    kind: Kind
    component: str
    selector: Callable[[Any], LabelSelector]
    condition: type[msgspec.Struct]
    status: type[msgspec.Struct]
    counts_terminating: bool
    relatives: Callable[[Context], Callable[[Any], Sequence[core_v1.Pod]]]
    """The Pods with which those of an owner should stay spread; built once."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why Pods could not be made or deleted."""

    reason: str
    message: str


def difference(owner: Any, active: int) -> int:
    """How many Pods are missing (positive) or too many (negative), as far as one pass may go."""
    missing = wanted(owner) - active
    return max(-BURST, min(BURST, missing))


def wanted(owner: Any) -> int:
    replicas = owner.spec.replicas if owner.spec else None
    return 1 if replicas is None else int(replicas)


def min_ready_seconds(owner: Any) -> int:
    return (owner.spec.min_ready_seconds if owner.spec else None) or 0


def next_status(
    flavor: Flavor,
    owner: Any,
    pods: Sequence[core_v1.Pod],
    terminating: int,
    failure: Failure | None,
    now: float,
) -> Any:
    """The status as it ought to be. Counts of zero are left out, as upstream's are."""
    template = owner.spec.template
    labelled = from_set(template.metadata.labels if template else None)
    ready = [pod for pod in pods if is_ready(pod)]
    counts: dict[str, Any] = {
        "replicas": len(pods),
        "fully_labeled_replicas": sum(labelled.matches(pod.metadata.labels) for pod in pods) or None,
        "ready_replicas": len(ready) or None,
        "available_replicas": sum(is_available(pod, min_ready_seconds(owner), now) for pod in ready) or None,
        "observed_generation": owner.metadata.generation,
        "conditions": _conditions(flavor, owner.status, failure, now),
    }
    if flavor.counts_terminating:
        counts["terminating_replicas"] = terminating
    return flavor.status(**counts)


def _conditions(flavor: Flavor, status: Any, failure: Failure | None, now: float) -> list[Any] | None:
    """Others' conditions stay; ReplicaFailure stands as long as there is one, with the words of the first."""
    present = (status.conditions if status else None) or []
    if failure is None:
        return [each for each in present if each.type != "ReplicaFailure"] or None
    if any(each.type == "ReplicaFailure" for each in present):
        return list(present)
    told = flavor.condition(
        type="ReplicaFailure",
        status="True",
        reason=failure.reason,
        message=failure.message,
        last_transition_time=times.rfc3339(now),
    )
    return [*present, told]


class Replication:
    """Keeps the owners of one flavor at their number of Pods."""

    def __init__(self, flavor: Flavor, context: Context, events: EventRecorder) -> None:
        client = context.clients(flavor.name)
        self.flavor = flavor
        self.watches = (
            Watch(kind=flavor.kind, keys=own_key),
            Watch(kind=kinds.POD, keys=self.keys_of_pod, indexers={CONTROLLER_UID: by_controller_uid}),
        )
        self._owners, self._pods = (watch.informer(context.informers) for watch in self.watches)
        self._writes = client.resource(flavor.kind)
        self._control = PodControl(client, events)
        self._adoption = Adoption(self._writes, client.resource(core_v1.Pod))
        self._expectations = Expectations(self._pods)
        self._relatives = flavor.relatives(context)
        self._clock = context.clock

    def keys_of_pod(self, pod: core_v1.Pod) -> Iterable[Key]:
        """The owner of a Pod, or all that might adopt it."""
        namespace = pod.metadata.namespace or ""
        reference = controller_of(pod)
        if reference is not None:
            if (reference.api_version, reference.kind) == (
                self.flavor.kind.api_version,
                self.flavor.kind.kind,
            ):
                yield Key(namespace, reference.name)
        elif pod.metadata.labels and pod.metadata.deletion_timestamp is None:
            for owner in self._owners.list(namespace):
                if self.flavor.selector(owner).matches(pod.metadata.labels):
                    yield Key(namespace, owner.metadata.name)

    async def reconcile(self, key: Key) -> Outcome:
        owner = self._owners.get(key.namespace, key.name)
        if owner is None:
            self._expectations.forget(key)
            return DONE
        selector = self.flavor.selector(owner)
        own = self._pods.by_index(CONTROLLER_UID, owner.metadata.uid)
        free = [
            pod for pod in self._pods.by_index(CONTROLLER_UID, "") if pod.metadata.namespace == key.namespace
        ]
        active = await self._adoption.settle(owner, selector, filter(is_active, [*own, *free]))
        leaving = sum(is_terminating(pod) and selector.matches(pod.metadata.labels) for pod in own)
        failure, error = None, None
        if owner.metadata.deletion_timestamp is None and self._expectations.satisfied(key):
            missing = difference(owner, len(active))
            error = await self._manage(key, owner, active, missing)
            if error is not None:
                failure = Failure("FailedCreate" if missing > 0 else "FailedDelete", str(error))
        now = self._clock.now()
        await self._show(owner, next_status(self.flavor, owner, active, leaving, failure, now))
        if error is not None:
            raise error
        waits = [next_available(active, min_ready_seconds(owner), now), self._expectations.wait(key)]
        due = [wait for wait in waits if wait is not None]
        return Again(min(due)) if due else DONE

    async def _manage(
        self, key: Key, owner: Any, active: Sequence[core_v1.Pod], missing: int
    ) -> Exception | None:
        """Make or delete Pods; the first error, if any."""
        if missing > 0:
            return await slow_start(missing, lambda: self._create(key, owner))
        if missing < 0:
            doomed = ranking.excess(active, -missing, related=self._relatives(owner), now=self._clock.now())
            results = await asyncio.gather(*(self._delete(key, owner, pod) for pod in doomed))
            return next((error for error in results if error is not None), None)
        return None

    async def _create(self, key: Key, owner: Any) -> None:
        made = await self._control.create(owner, pod_from(owner.spec.template, owner))
        if made is not None:
            self._expectations.created(key, made)

    async def _delete(self, key: Key, owner: Any, pod: core_v1.Pod) -> Exception | None:
        self._expectations.deleting(key, pod)
        try:
            await self._control.delete(owner, pod)
        except (ApiError, ClientError) as error:
            self._expectations.not_deleted(key, pod)
            return error
        return None

    async def _show(self, owner: Any, status: Any) -> None:
        if codec.semantic_equal(owner.status, status):
            return
        changed = codec.struct_clone(owner)
        changed.status = status
        await self._writes.update(changed, subresource="status")


def controller_of_flavor(flavor: Flavor, context: Context) -> Controller:
    events = EventRecorder(context.clients(flavor.name), component=flavor.component, clock=context.clock)
    replication = Replication(flavor, context, events)
    return Controller(
        name=flavor.name,
        watches=replication.watches,
        reconcile=replication.reconcile,
        workers=5,
        services=(events,),
    )
