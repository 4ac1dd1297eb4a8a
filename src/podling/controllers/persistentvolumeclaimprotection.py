"""A claim that is deleted stays until no Pod uses it any more (upstream's pvc-protection; concepts/storage/persistent-volumes).

A Pod uses a claim from the moment that it has a node, and until it is gone, whether its containers run or not: kubelets start no Pod
whose claim is being deleted. Before a finalizer is taken off, the server itself is asked for Pods, as informers may lag.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from podling.api import codec, kinds
from podling.api.storage import claims, marks
from podling.api.types import core_v1

from .reconcile import DONE, Context, Controller, Key, Outcome, Watch, own_key

NAME = "persistentvolumeclaim-protection-controller"
BY_CLAIM = "spec.volumes/claims"


def by_claim(pod: core_v1.Pod) -> Sequence[str]:
    """Index function: the claims that the Pod uses."""
    return [f"{pod.metadata.namespace}/{use.claim}" for use in claims.of_pod(pod)]


def keys_of_pod(pod: core_v1.Pod) -> Iterable[Key]:
    for use in claims.of_pod(pod):
        yield Key(pod.metadata.namespace or "", use.claim)


def uses(pod: core_v1.Pod, claim: core_v1.PersistentVolumeClaim) -> bool:
    """Whether the Pod needs the claim; one for an ephemeral volume only if it was made for this Pod."""
    if not (pod.spec and pod.spec.node_name):
        return False
    return any(
        use.claim == claim.metadata.name and (not use.owned or claims.is_for(pod, claim))
        for use in claims.of_pod(pod)
    )


class ClaimProtection:
    def __init__(self, context: Context) -> None:
        client = context.clients(NAME)
        self.watches = (
            Watch(kind=kinds.PERSISTENT_VOLUME_CLAIM, keys=own_key),
            Watch(kind=kinds.POD, keys=keys_of_pod, indexers={BY_CLAIM: by_claim}),
        )
        self._claims, self._pods = (watch.informer(context.informers) for watch in self.watches)
        self._writes = client.resource(core_v1.PersistentVolumeClaim)
        self._pod_reads = client.resource(core_v1.Pod)

    async def reconcile(self, key: Key) -> Outcome:
        claim: core_v1.PersistentVolumeClaim | None = self._claims.get(key.namespace, key.name)
        if claim is None:
            return DONE
        finalizers = claim.metadata.finalizers or []
        protected = marks.CLAIM_PROTECTION in finalizers
        if claim.metadata.deletion_timestamp is None:
            if not protected:
                await self._write(claim, [*finalizers, marks.CLAIM_PROTECTION])
        elif protected and not await self._is_used(claim):
            await self._write(claim, [each for each in finalizers if each != marks.CLAIM_PROTECTION])
        return DONE

    async def _is_used(self, claim: core_v1.PersistentVolumeClaim) -> bool:
        name = f"{claim.metadata.namespace}/{claim.metadata.name}"
        if any(uses(pod, claim) for pod in self._pods.by_index(BY_CLAIM, name)):
            return True
        page = await self._pod_reads.list(namespace=claim.metadata.namespace)
        return any(uses(pod, claim) for pod in page.items)

    async def _write(self, claim: core_v1.PersistentVolumeClaim, finalizers: list[str]) -> None:
        changed = codec.struct_clone(claim)
        changed.metadata.finalizers = finalizers
        await self._writes.update(changed)


def controller(context: Context) -> Controller:
    protection = ClaimProtection(context)
    return Controller(name=NAME, watches=protection.watches, reconcile=protection.reconcile)
