"""Reads a StatefulSet's world, has it decided what comes next, and does it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from podling.api import codec, kinds, selectors
from podling.api.errors import ApiError
from podling.api.types import apps_v1, core_v1
from podling.client.errors import ClientError
from podling.client.events import EventRecorder
from podling.client.indexes import CONTROLLER_UID, by_controller_uid
from podling.client.resource import PatchType
from podling.controllers.adoption import Adoption
from podling.controllers.availability import next_available
from podling.controllers.expectations import Expectations
from podling.controllers.ownership import controller_of
from podling.controllers.podcontrol import PodControl
from podling.controllers.reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key
from podling.controllers.revisions import HASH, History, Revisions, Taken, surplus
from podling.controllers.slowstart import slow_start

from . import identity
from .claimcontrol import ClaimControl
from .decide import Plan, View, next_status, plan

NAME = "statefulset-controller"


class StatefulSets:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        client = context.clients(NAME)
        indexers = {CONTROLLER_UID: by_controller_uid}
        self.watches = (
            Watch(kind=kinds.STATEFUL_SET, keys=own_key),
            Watch(kind=kinds.POD, keys=self._keys_of_dependent, indexers=indexers),
            Watch(kind=kinds.CONTROLLER_REVISION, keys=self._keys_of_dependent, indexers=indexers),
            Watch(kind=kinds.PERSISTENT_VOLUME_CLAIM, keys=self._keys_of_claim),
        )
        self._known, self._pods, revisions, claims = [
            watch.informer(context.informers) for watch in self.watches
        ]
        self._writes = client.resource(apps_v1.StatefulSet)
        self._pod_writes = client.resource(core_v1.Pod)
        self._revisions = Revisions(client, apps_v1.StatefulSet, revisions)
        self._adoption = Adoption(self._writes, self._pod_writes)
        self._control = PodControl(client, events)
        self._claims = ClaimControl(client, claims, events)
        self._expectations = Expectations(self._pods)
        self._events = events
        self._clock = context.clock

    def _keys_of_dependent(self, obj: core_v1.Pod | apps_v1.ControllerRevision) -> Iterable[Key]:
        namespace = obj.metadata.namespace or ""
        reference = controller_of(obj)
        if reference is not None:
            if (reference.api_version, reference.kind) == (kinds.STATEFUL_SET.api_version, "StatefulSet"):
                yield Key(namespace, reference.name)
        elif obj.metadata.labels:
            for stateful in self._known.list(namespace):
                if _selector(stateful).matches(obj.metadata.labels):
                    yield Key(namespace, stateful.metadata.name)

    def _keys_of_claim(self, claim: core_v1.PersistentVolumeClaim) -> Iterable[Key]:
        namespace, name = claim.metadata.namespace or "", claim.metadata.name or ""
        for stateful in self._known.list(namespace):
            for template in stateful.spec.volume_claim_templates or ():
                if name.startswith(f"{template.metadata.name}-{stateful.metadata.name}-"):
                    yield Key(namespace, stateful.metadata.name)

    async def reconcile(self, key: Key) -> Outcome:
        stateful = self._known.get(key.namespace, key.name)
        if stateful is None:
            self._expectations.forget(key)
            return DONE
        if stateful.metadata.deletion_timestamp is not None:
            return DONE
        selector = _selector(stateful)
        try:
            history = await self._revisions.settle(stateful, selector)
        except Taken:
            await self._count_collision(stateful)
            return DONE
        pods = await self._claim(stateful, selector)
        revisions = {each.metadata.name or "": each for each in (history.current, *history.old)}
        update = history.current.metadata.name or ""
        before = stateful.status.current_revision if stateful.status else None
        first = identity.start(stateful)
        view = View.of(
            stateful,
            pods,
            self._clock.now(),
            current=before if before in revisions else update,
            update=update,
            waiting=self._claims.leaving(stateful, range(first, first + (stateful.spec.replicas or 0))),
        )
        error = None
        if self._expectations.satisfied(key):
            error = await self._advance(key, view, revisions)
        status = next_status(view)
        await self._show(stateful, status)
        if error is not None:
            raise error
        await self._forget_old(stateful, history, pods, {view.current, status.current_revision or ""})
        waits = [
            next_available(pods, stateful.spec.min_ready_seconds or 0, view.now),
            self._expectations.wait(key),
        ]
        due = [wait for wait in waits if wait is not None]
        return Again(min(due)) if due else DONE

    async def _claim(
        self, stateful: apps_v1.StatefulSet, selector: selectors.LabelSelector
    ) -> list[core_v1.Pod]:
        free = [
            pod
            for pod in self._pods.by_index(CONTROLLER_UID, "")
            if pod.metadata.namespace == stateful.metadata.namespace
            and identity.ordinal_of(stateful, pod) is not None
        ]
        mine = self._pods.by_index(CONTROLLER_UID, stateful.metadata.uid or "")
        return await self._adoption.settle(stateful, selector, [*mine, *free])

    async def _advance(
        self, key: Key, view: View, revisions: dict[str, apps_v1.ControllerRevision]
    ) -> Exception | None:
        try:
            await self._keep(view)
        except (ApiError, ClientError) as error:
            return error
        return await self._carry_out(key, view, plan(view), revisions)

    async def _keep(self, view: View) -> None:
        """What Pods that are there need: the labels of their identity, claims, and the claims' owners."""
        condemned = {pod.metadata.uid for pod in view.condemned}
        for pod in view.pods:
            ordinal = identity.ordinal_of(view.stateful, pod)
            if ordinal is None:
                continue
            going = pod.metadata.uid in condemned
            await self._claims.hand_over(view.stateful, pod, ordinal, condemned=going)
            if pod.metadata.deletion_timestamp is not None:
                continue
            labels = identity.labels(pod.metadata.name or "", ordinal)
            if not labels.items() <= (pod.metadata.labels or {}).items():
                await self._relabel(pod, labels)
            if not going and (pod.status is None or pod.status.phase in (None, "", "Pending")):
                await self._claims.provide(view.stateful, ordinal)

    async def _relabel(self, pod: core_v1.Pod, labels: dict[str, str]) -> None:
        patch = {"metadata": {"uid": pod.metadata.uid, "labels": labels}}
        await self._pod_writes.patch(
            pod.metadata.name or "", patch, namespace=pod.metadata.namespace, type=PatchType.MERGE
        )

    async def _carry_out(
        self, key: Key, view: View, made: Plan, revisions: dict[str, apps_v1.ControllerRevision]
    ) -> Exception | None:
        for type, reason, message in made.events:
            self._events.event(view.stateful, "Warning" if type == "Warning" else "Normal", reason, message)
        missing = iter(made.create)

        async def create() -> None:
            ordinal, revision = next(missing)
            await self._claims.provide(view.stateful, ordinal)
            pod = identity.pod_for(view.stateful, ordinal, revisions[revision])
            created = await self._control.create(view.stateful, pod)
            if created is not None:
                self._expectations.created(key, created)

        error = await slow_start(len(made.create), create)
        gone = await asyncio.gather(*(self._delete(key, view, pod) for pod in made.delete))
        return error or next((failed for failed in gone if failed is not None), None)

    async def _delete(self, key: Key, view: View, pod: core_v1.Pod) -> Exception | None:
        self._expectations.deleting(key, pod)
        try:
            await self._control.delete(view.stateful, pod)
        except (ApiError, ClientError) as error:
            self._expectations.not_deleted(key, pod)
            return error
        return None

    async def _forget_old(
        self,
        stateful: apps_v1.StatefulSet,
        history: History,
        pods: Iterable[core_v1.Pod],
        current: set[str],
    ) -> None:
        """Revisions in use are kept and do not count, as upstream."""
        limit = stateful.spec.revision_history_limit
        if limit is None:
            return
        live = current | {(pod.metadata.labels or {}).get(HASH, "") for pod in pods}
        spent = [each for each in history.old if each.metadata.name not in live]
        await self._revisions.remove(surplus(History(history.current, spent), limit, set()))

    async def _show(self, stateful: apps_v1.StatefulSet, status: apps_v1.StatefulSetStatus) -> None:
        if not codec.semantic_equal(stateful.status, status):
            changed = codec.struct_clone(stateful)
            changed.status = status
            await self._writes.update(changed, subresource="status")

    async def _count_collision(self, stateful: apps_v1.StatefulSet) -> None:
        changed = codec.struct_clone(stateful)
        changed.status = changed.status or apps_v1.StatefulSetStatus()
        changed.status.collision_count = (changed.status.collision_count or 0) + 1
        await self._writes.update(changed, subresource="status")


def _selector(stateful: apps_v1.StatefulSet) -> selectors.LabelSelector:
    return selectors.from_struct(stateful.spec.selector)


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component=NAME, clock=context.clock)
    sets = StatefulSets(context, events)
    return Controller(
        name=NAME, watches=sets.watches, reconcile=sets.reconcile, workers=2, services=(events,)
    )
