"""Reads a Deployment's world, has the draft decided, and carries it out: ReplicaSets first, the status last.

Every write names the revision that was read, so a pass over an old picture ends in a conflict and is made again. A new ReplicaSet's name follows from its
template, so it cannot be made twice. Only one thing an old picture could still bring about: a second ReplicaSet of full size beside one that is not seen yet,
when the template changes right after the first was made. So no pass is made before the ReplicaSets that this controller wrote itself are seen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from podling.api import codec, kinds, selectors
from podling.api.errors import AlreadyExists, ApiError, NotFound
from podling.api.pod import is_terminal
from podling.api.types import apps_v1, core_v1
from podling.client.events import EventRecorder
from podling.client.indexes import CONTROLLER_UID, by_controller_uid
from podling.controllers.adoption import Adoption
from podling.controllers.ownership import controller_of
from podling.controllers.reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key
from podling.controllers.termination import TERMINATING_CAUSE

from . import generations, sizes, status
from .decide import decide
from .draft import Draft, replicas_of

NAME = "deployment-controller"
BEHIND_SECONDS = 1.0
"""When to look again whether what was written is seen: its event brings the Deployment up, unless it is gone before it was ever seen."""
_GROUP_KIND = (kinds.DEPLOYMENT.api_version, kinds.DEPLOYMENT.kind)


class Deployments:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        client = context.clients(NAME)
        indexers = {CONTROLLER_UID: by_controller_uid}
        self.watches = (
            Watch(kind=kinds.DEPLOYMENT, keys=own_key),
            Watch(kind=kinds.REPLICA_SET, keys=self.keys_of_replica_set, indexers=indexers),
            Watch(kind=kinds.POD, keys=self.keys_of_pod, indexers=indexers),
        )
        informers = (watch.informer(context.informers) for watch in self.watches)
        self._deployments, self._replica_sets, self._pods = informers
        self._writes = client.resource(apps_v1.Deployment)
        self._replica_set_writes = client.resource(apps_v1.ReplicaSet)
        self._adoption = Adoption(self._writes, self._replica_set_writes)
        self._events = events
        self._clock = context.clock
        self._written: dict[Key, int] = {}
        """The revision of the latest ReplicaSet that was written for a Deployment."""

    def keys_of_replica_set(self, replica_set: apps_v1.ReplicaSet) -> Iterable[Key]:
        """The Deployment that has it, or all that might adopt it."""
        namespace = replica_set.metadata.namespace or ""
        reference = controller_of(replica_set)
        if reference is not None:
            if (reference.api_version, reference.kind) == _GROUP_KIND:
                yield Key(namespace, reference.name)
        elif replica_set.metadata.labels:
            for deployment in self._deployments.list(namespace):
                if _selector(deployment).matches(replica_set.metadata.labels):
                    yield Key(namespace, deployment.metadata.name)

    def keys_of_pod(self, pod: core_v1.Pod) -> Iterable[Key]:
        """Only a Recreate waits for Pods themselves; all others see them through their ReplicaSets' statuses."""
        namespace = pod.metadata.namespace or ""
        reference = controller_of(pod)
        owner = self._replica_sets.get(namespace, reference.name) if reference else None
        above = controller_of(owner) if owner is not None else None
        deployment = self._deployments.get(namespace, above.name) if above else None
        if deployment is not None and not sizes.is_rolling(deployment):
            yield Key(namespace, deployment.metadata.name)

    async def reconcile(self, key: Key) -> Outcome:
        deployment = self._deployments.get(key.namespace, key.name)
        if deployment is None or deployment.spec is None:
            self._written.pop(key, None)
            return DONE
        if int(self._replica_sets.revision or 0) < self._written.get(key, 0):
            return Again(BEHIND_SECONDS)
        selector = _selector(deployment)
        if selector.is_everything:
            return await self._refuse(deployment)
        candidates = [
            *self._replica_sets.by_index(CONTROLLER_UID, deployment.metadata.uid),
            *(
                each
                for each in self._replica_sets.by_index(CONTROLLER_UID, "")
                if each.metadata.namespace == key.namespace
            ),
        ]
        owned = await self._adoption.settle(deployment, selector, candidates)
        draft = Draft.of(deployment, owned, self._clock.now())
        result = decide(draft, old_pods_left=self._old_pods_left(draft))
        if not await self._carry_out(deployment, draft, owned):
            return DONE
        await self._show(deployment, draft, result)
        soon = status.seconds_to_deadline(draft, result)
        return DONE if soon is None else Again(soon)

    async def _refuse(self, deployment: apps_v1.Deployment) -> Outcome:
        message = "This deployment is selecting all pods. A non-empty selector is required."
        self._events.event(deployment, "Warning", "SelectingAll", message)
        before = deployment.status or apps_v1.DeploymentStatus()
        if (before.observed_generation or 0) < (deployment.metadata.generation or 0):
            changed = codec.struct_clone(deployment)
            changed.status = codec.struct_clone(before)
            changed.status.observed_generation = deployment.metadata.generation
            await self._writes.update(changed, subresource="status")
        return DONE

    def _old_pods_left(self, draft: Draft) -> bool:
        new = generations.find_new(draft)
        return any(
            not is_terminal(pod)
            for each in draft.replica_sets
            if each is not new
            for pod in self._pods.by_index(CONTROLLER_UID, each.metadata.uid or "")
        )

    async def _carry_out(
        self, deployment: apps_v1.Deployment, draft: Draft, before: Iterable[apps_v1.ReplicaSet]
    ) -> bool:
        """Write what the draft changed; False when the world is another one and the next event will tell."""
        if draft.created is not None and not await self._create(deployment, draft, draft.created):
            return False
        originals = {each.metadata.uid: each for each in before}
        for each in draft.replica_sets:
            if not codec.semantic_equal(each, originals[each.metadata.uid]):
                self._note(deployment, await self._replica_set_writes.update(each))
                self._tell(draft, each)
        for each in draft.deleted:
            with contextlib.suppress(NotFound):
                await self._replica_set_writes.delete(
                    each.metadata.name or "", namespace=each.metadata.namespace, uid=each.metadata.uid
                )
        return True

    async def _create(self, deployment: apps_v1.Deployment, draft: Draft, new: apps_v1.ReplicaSet) -> bool:
        try:
            self._note(deployment, await self._replica_set_writes.create(new))
        except AlreadyExists:
            await self._resolve_collision(deployment, new)
            return False
        except ApiError as error:
            if error.has_cause(TERMINATING_CAUSE):
                return False
            await self._tell_failure(deployment, new, error)
            raise
        if replicas_of(new) > 0:
            self._tell(draft, new)
        return True

    async def _resolve_collision(self, deployment: apps_v1.Deployment, new: apps_v1.ReplicaSet) -> None:
        """Ours, but not yet in the informer: its event will come. Else another template has the same hash."""
        assert new.spec is not None
        present = await self._replica_set_writes.get(
            new.metadata.name or "", namespace=new.metadata.namespace
        )
        reference = controller_of(present)
        ours = reference is not None and reference.uid == deployment.metadata.uid
        self._note(deployment, present)
        if ours and present.spec and generations.same_template(present.spec.template, new.spec.template):
            return
        changed = codec.struct_clone(deployment)
        changed.status = changed.status or apps_v1.DeploymentStatus()
        changed.status.collision_count = (changed.status.collision_count or 0) + 1
        await self._writes.update(changed, subresource="status")

    def _note(self, deployment: apps_v1.Deployment, written: apps_v1.ReplicaSet) -> None:
        key = own_key(deployment)[0]
        revision = int(written.metadata.resource_version or 0)
        self._written[key] = max(revision, self._written.get(key, 0))

    async def _tell_failure(
        self, deployment: apps_v1.Deployment, new: apps_v1.ReplicaSet, error: ApiError
    ) -> None:
        message = f'Failed to create new replica set "{new.metadata.name}": {error}'
        self._events.event(deployment, "Warning", "ReplicaSetCreateError", message)
        if sizes.progress_deadline(deployment) is None:
            return
        changed = codec.struct_clone(deployment)
        changed.status = changed.status or apps_v1.DeploymentStatus()
        changed.status.conditions = status.put(
            changed.status.conditions or [],
            status.PROGRESSING,
            "False",
            "FailedCreate",
            message,
            self._clock.now(),
        )
        if changed.status != deployment.status:
            await self._writes.update(changed, subresource="status")

    def _tell(self, draft: Draft, replica_set: apps_v1.ReplicaSet) -> None:
        message = draft.told.get(replica_set.metadata.name or "")
        if message is not None:
            self._events.event(draft.deployment, "Normal", "ScalingReplicaSet", message)

    async def _show(self, before: apps_v1.Deployment, draft: Draft, result: apps_v1.DeploymentStatus) -> None:
        """The status and the revision's annotation, in one write."""
        draft.deployment.status = result
        if not codec.semantic_equal(before, draft.deployment):
            await self._writes.update(draft.deployment, subresource="status")


def _selector(deployment: apps_v1.Deployment) -> selectors.LabelSelector:
    return selectors.from_struct(deployment.spec.selector if deployment.spec else None)


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component=NAME, clock=context.clock)
    deployments = Deployments(context, events)
    return Controller(
        name=NAME,
        watches=deployments.watches,
        reconcile=deployments.reconcile,
        workers=5,
        services=(events,),
    )
