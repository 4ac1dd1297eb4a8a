"""Counts a budget's Pods when one of them, an owner or the budget changes, and shows what was counted.

Keys name a budget, or after `POD` a Pod whose condition DisruptionTarget may have to be taken back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from podling.api import codec, disruption, kinds, times
from podling.api.errors import NotFound
from podling.api.gotext import quote
from podling.api.types import core_v1, policy_v1
from podling.client.events import EventRecorder
from podling.client.resource import PatchType
from podling.controllers.reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key

from . import decide, stale
from .scales import KNOWN, Scales, Uncountable

NAME = "disruption-controller"
POD = "pod/"
"""Before the name in a key: it is a Pod's. No object's name has a slash."""

Budget = policy_v1.PodDisruptionBudget


class Budgets:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        client = context.clients(NAME)
        self.watches = (
            Watch(kind=kinds.POD_DISRUPTION_BUDGET, keys=own_key),
            Watch(kind=kinds.POD, keys=self._keys_of_pod),
            *(Watch(kind=row, keys=self._keys_of_owner) for row in KNOWN),
        )
        self._budgets, self._pods, *owners = (watch.informer(context.informers) for watch in self.watches)
        self._writes = client.resource(Budget)
        self._pod_writes = client.resource(core_v1.Pod)
        self._scales = Scales(client, owners)
        self._events = events
        self._clock = context.clock

    def _covering(self, pod: core_v1.Pod) -> list[Budget]:
        there = self._budgets.list(pod.metadata.namespace or "")
        return [budget for budget in there if disruption.covers(budget, pod.metadata.labels)]

    def _keys_of_pod(self, pod: core_v1.Pod) -> Iterable[Key]:
        for budget in self._covering(pod):
            yield from own_key(budget)
        if stale.seconds_to_stale(pod, self._clock.now()) is not None:
            yield Key(pod.metadata.namespace or "", f"{POD}{pod.metadata.name}")

    def _keys_of_owner(self, owner: Any) -> Iterable[Key]:
        """Budgets that count what owners want; upstream waits for the next Pod instead."""
        template = owner.spec.template if owner.spec else None
        labels = template.metadata.labels if template and template.metadata else None
        for budget in self._budgets.list(owner.metadata.namespace or ""):
            if decide.asks_owners(budget) and disruption.covers(budget, labels):
                yield from own_key(budget)

    async def reconcile(self, key: Key) -> Outcome:
        if key.name.startswith(POD):
            return await self._take_back(key.namespace, key.name.removeprefix(POD))
        budget = self._budgets.get(key.namespace, key.name)
        if budget is None or budget.metadata.deletion_timestamp is not None:
            return DONE
        selector = disruption.selector(budget)
        pods = [pod for pod in self._pods.list(key.namespace) if selector.matches(pod.metadata.labels)]
        pods.sort(key=lambda pod: pod.metadata.name or "")
        if not pods:
            self._events.event(budget, "Normal", "NoPods", "No matching pods found")
        try:
            expected, desired = await self._expected(budget, pods)
        except (Uncountable, ValueError) as error:
            why = f"Failed to calculate the number of expected pods: {error}"
            self._events.event(budget, "Warning", "CalculateExpectedPodCountFailed", why)
            await self._show(budget, decide.failed_status(budget, str(error), now=self._clock.now()))
            return DONE
        return await self._count(budget, pods, expected, desired)

    async def _count(
        self, budget: Budget, pods: Sequence[core_v1.Pod], expected: int, desired: int
    ) -> Outcome:
        now = self._clock.now()
        granted = decide.granted(pods, budget.status.disrupted_pods if budget.status else None, now=now)
        for pod in granted.overdue:
            name = f"{budget.metadata.namespace}/{budget.metadata.name}"
            why = f"Pod was expected by PDB {name} to be deleted but it wasn't"
            self._events.event(pod, "Warning", "NotDeleted", why)
        after = decide.status(
            budget,
            expected=expected,
            desired=desired,
            healthy=decide.healthy(pods, granted.pending),
            pending=granted.pending,
            now=now,
        )
        if await self._show(budget, after):
            self._warn_of_several(pods)
        return DONE if granted.look_again is None else Again(granted.look_again + 1)

    async def _expected(self, budget: Budget, pods: Sequence[core_v1.Pod]) -> tuple[int, int]:
        if not decide.asks_owners(budget):
            return decide.expected(budget, pods=len(pods), scale=0)
        scale = await self._scales.of(pods)
        if scale.unmanaged:
            shown = disruption.selector(budget)
            why = (
                f"Pods selected by this PodDisruptionBudget (selector: {shown}) were found to be unmanaged. As a result, "
                "the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account "
                'for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
            )
            self._events.event(budget, "Warning", "UnmanagedPods", why)
        return decide.expected(budget, pods=len(pods), scale=scale.total)

    def _warn_of_several(self, pods: Iterable[core_v1.Pod]) -> None:
        """A Pod under several budgets cannot be evicted at all; its owner should hear of it."""
        for pod in pods:
            covering = self._covering(pod)
            if len(covering) > 1:
                where = f"{quote(pod.metadata.namespace or '')}/{quote(pod.metadata.name or '')}"
                chosen = quote(covering[0].metadata.name or "")
                why = f"Pod {where} matches multiple PodDisruptionBudgets.  Chose {chosen} arbitrarily."
                self._events.event(pod, "Warning", "MultiplePodDisruptionBudgets", why)

    async def _show(self, budget: Budget, status: policy_v1.PodDisruptionBudgetStatus) -> bool:
        """Write the status if it says something new, on the very state that was counted: Conflict if it was spent from since."""
        if budget.status is not None and codec.semantic_equal(budget.status, status):
            return False
        changed = codec.struct_clone(budget)
        changed.status = status
        with contextlib.suppress(NotFound):
            await self._writes.update(changed, subresource="status")
        return True

    async def _take_back(self, namespace: str, name: str) -> Outcome:
        pod = self._pods.get(namespace, name)
        left = stale.seconds_to_stale(pod, self._clock.now()) if pod is not None else None
        if pod is None or left is None:
            return DONE
        if left > 0:
            return Again(left)
        condition = {
            "type": disruption.DISRUPTION_TARGET,
            "status": "False",
            "reason": None,
            "message": None,
            "lastTransitionTime": times.rfc3339(self._clock.now()),
        }
        patch = {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [condition]}}
        with contextlib.suppress(NotFound):
            await self._pod_writes.patch(
                name, patch, namespace=namespace, type=PatchType.STRATEGIC, subresource="status"
            )
        return DONE


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component="controllermanager", clock=context.clock)
    budgets = Budgets(context, events)
    return Controller(
        name=NAME, watches=budgets.watches, reconcile=budgets.reconcile, services=(events,), workers=2
    )
