"""Reads a DaemonSet's world, has it decided what to make and delete, and does it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from podling.aio.backoff import Backoff, Streak
from podling.api import codec, kinds, selectors
from podling.api.errors import ApiError
from podling.api.types import apps_v1, core_v1
from podling.client.errors import ClientError
from podling.client.events import EventRecorder
from podling.client.indexes import CONTROLLER_UID, by_controller_uid
from podling.controllers.adoption import Adoption
from podling.controllers.availability import next_available
from podling.controllers.expectations import Expectations
from podling.controllers.ownership import controller_of
from podling.controllers.podcontrol import PodControl
from podling.controllers.reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key
from podling.controllers.revisions import HASH, Revisions, Taken, surplus
from podling.controllers.slowstart import slow_start

from .decide import Plan, View, manage, next_status, update
from .placement import pod_for

NAME = "daemonset-controller"
BURST = 250
FAILED = Backoff(first=1.0, cap=900.0, reset_after=1800.0)
"""How long a failed daemon is left before it is replaced, as upstream."""


class Daemons:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        client = context.clients(NAME)
        indexers = {CONTROLLER_UID: by_controller_uid}
        self.watches = (
            Watch(kind=kinds.DAEMON_SET, keys=own_key),
            Watch(kind=kinds.POD, keys=self._keys_of_dependent, indexers=indexers),
            Watch(kind=kinds.NODE, keys=self._keys_of_node),
            Watch(kind=kinds.CONTROLLER_REVISION, keys=self._keys_of_dependent, indexers=indexers),
        )
        informers = [watch.informer(context.informers) for watch in self.watches]
        self._known, self._pods, self._nodes, revisions = informers
        self._writes = client.resource(apps_v1.DaemonSet)
        self._revisions = Revisions(client, apps_v1.DaemonSet, revisions)
        self._adoption = Adoption(self._writes, client.resource(core_v1.Pod))
        self._control = PodControl(client, events)
        self._expectations = Expectations(self._pods)
        self._events = events
        self._clock = context.clock
        self._failures: dict[tuple[Key, str], Streak] = {}

    def _keys_of_dependent(self, obj: core_v1.Pod | apps_v1.ControllerRevision) -> Iterable[Key]:
        namespace = obj.metadata.namespace or ""
        reference = controller_of(obj)
        if reference is not None:
            if (reference.api_version, reference.kind) == (kinds.DAEMON_SET.api_version, "DaemonSet"):
                yield Key(namespace, reference.name)
        elif obj.metadata.labels:
            for daemons in self._known.list(namespace):
                if _selector(daemons).matches(obj.metadata.labels):
                    yield Key(namespace, daemons.metadata.name)

    def _keys_of_node(self, node: core_v1.Node) -> Iterable[Key]:
        for daemons in self._known.list():
            yield Key(daemons.metadata.namespace, daemons.metadata.name)

    async def reconcile(self, key: Key) -> Outcome:
        daemons = self._known.get(key.namespace, key.name)
        if daemons is None:
            self._forget(key)
            return DONE
        selector = _selector(daemons)
        if selector.is_everything:
            message = "This daemon set is selecting all pods. A non-empty selector is required."
            self._events.event(daemons, "Warning", "SelectingAll", message)
            return DONE
        if daemons.metadata.deletion_timestamp is not None:
            return DONE
        try:
            history = await self._revisions.settle(daemons, selector)
        except Taken:
            await self._count_collision(daemons)
            return DONE
        pods = await self._claim(daemons, selector)
        view = View.of(daemons, self._nodes.list(), pods, history.hash, self._clock.now())
        error, soon = None, None
        if self._expectations.satisfied(key):
            error, soon = await self._advance(key, view)
            live = {(pod.metadata.labels or {}).get(HASH, "") for pod in pods}
            limit = daemons.spec.revision_history_limit
            if limit is not None:
                await self._revisions.remove(surplus(history, limit, live))
        await self._show(daemons, next_status(view))
        if error is not None:
            raise error
        waits = [
            soon,
            next_available(pods, daemons.spec.min_ready_seconds or 0, view.now),
            self._expectations.wait(key),
        ]
        due = [wait for wait in waits if wait is not None]
        return Again(min(due)) if due else DONE

    async def _claim(
        self, daemons: apps_v1.DaemonSet, selector: selectors.LabelSelector
    ) -> list[core_v1.Pod]:
        namespace = daemons.metadata.namespace
        free = [pod for pod in self._pods.by_index(CONTROLLER_UID, "") if pod.metadata.namespace == namespace]
        mine = self._pods.by_index(CONTROLLER_UID, daemons.metadata.uid or "")
        return await self._adoption.settle(daemons, selector, [*mine, *free])

    async def _advance(self, key: Key, view: View) -> tuple[Exception | None, float | None]:
        """First one Pod a node, then the update; an error, and when failed Pods may be replaced."""
        waits: list[float] = []

        def may_replace(node: str) -> bool:
            now = asyncio.get_running_loop().time()
            streak = self._failures.setdefault((key, node), Streak(FAILED))
            left = streak.remaining(now)
            if left > 0:
                waits.append(left)
                return False
            streak.fail(now)
            return True

        error = await self._carry_out(key, view, manage(view, may_replace))
        if error is None and self._expectations.satisfied(key):
            error = await self._carry_out(key, view, update(view))
        return error, min(waits, default=None)

    async def _carry_out(self, key: Key, view: View, plan: Plan) -> Exception | None:
        for type, reason, message in plan.events:
            self._events.event(view.daemons, "Warning" if type == "Warning" else "Normal", reason, message)
        nodes = iter(plan.create[:BURST])

        async def create() -> None:
            made = await self._control.create(view.daemons, pod_for(view.daemons, next(nodes), view.hash))
            if made is not None:
                self._expectations.created(key, made)

        error = await slow_start(min(len(plan.create), BURST), create)
        gone = await asyncio.gather(*(self._delete(key, view, pod) for pod in plan.delete[:BURST]))
        return error or next((failed for failed in gone if failed is not None), None)

    async def _delete(self, key: Key, view: View, pod: core_v1.Pod) -> Exception | None:
        self._expectations.deleting(key, pod)
        try:
            await self._control.delete(view.daemons, pod)
        except (ApiError, ClientError) as error:
            self._expectations.not_deleted(key, pod)
            return error
        return None

    async def _show(self, daemons: apps_v1.DaemonSet, status: apps_v1.DaemonSetStatus) -> None:
        if not codec.semantic_equal(daemons.status, status):
            changed = codec.struct_clone(daemons)
            changed.status = status
            await self._writes.update(changed, subresource="status")

    async def _count_collision(self, daemons: apps_v1.DaemonSet) -> None:
        changed = codec.struct_clone(daemons)
        changed.status = changed.status or apps_v1.DaemonSetStatus()
        changed.status.collision_count = (changed.status.collision_count or 0) + 1
        await self._writes.update(changed, subresource="status")

    def _forget(self, key: Key) -> None:
        self._expectations.forget(key)
        for each in [each for each in self._failures if each[0] == key]:
            del self._failures[each]


def _selector(daemons: apps_v1.DaemonSet) -> selectors.LabelSelector:
    return selectors.from_struct(daemons.spec.selector)


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component=NAME, clock=context.clock)
    daemons = Daemons(context, events)
    return Controller(
        name=NAME, watches=daemons.watches, reconcile=daemons.reconcile, workers=2, services=(events,)
    )
