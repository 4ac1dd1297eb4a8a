"""Makes the claim behind each generic ephemeral volume of a Pod, owned by the Pod and gone with it (KEP-1698).

The claim has the name `<pod>-<volume>`. A claim of that name that was not made for the Pod is left alone, and the Pod waits: somebody
else's data must not end up in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from podling.api import codec, kinds
from podling.api.errors import AlreadyExists
from podling.api.storage import claims
from podling.api.types import core_v1, meta_v1
from podling.client.events import EventRecorder

from .ownership import controller_reference
from .persistentvolumeclaimprotection import BY_CLAIM, by_claim
from .reconcile import DONE, Context, Controller, Key, Outcome, Watch, own_key
from .termination import ignoring_termination

NAME = "ephemeral-volume-controller"


def keys_of_pod(pod: core_v1.Pod) -> Iterable[Key]:
    return own_key(pod) if any(use.owned for use in claims.of_pod(pod)) else ()


def claim_for(pod: core_v1.Pod, volume: core_v1.Volume) -> core_v1.PersistentVolumeClaim:
    """The claim of an ephemeral volume, as it is to be created."""
    source = volume.ephemeral or core_v1.EphemeralVolumeSource()
    template = source.volume_claim_template or core_v1.PersistentVolumeClaimTemplate()
    return core_v1.PersistentVolumeClaim(
        metadata=meta_v1.ObjectMeta(
            name=claims.ephemeral_name(pod, volume.name),
            namespace=pod.metadata.namespace,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            owner_references=[controller_reference(pod)],
        ),
        spec=codec.struct_clone(template.spec),
    )


class EphemeralVolumes:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        client = context.clients(NAME)
        self.watches = (
            Watch(kind=kinds.POD, keys=keys_of_pod, indexers={BY_CLAIM: by_claim}),
            Watch(kind=kinds.PERSISTENT_VOLUME_CLAIM, keys=self._users),
        )
        self._pods, self._claims = (watch.informer(context.informers) for watch in self.watches)
        self._writes = client.resource(core_v1.PersistentVolumeClaim)
        self._events = events

    def _users(self, claim: core_v1.PersistentVolumeClaim) -> Iterable[Key]:
        """The Pods that have the claim as an ephemeral volume: one that was deleted is made again."""
        name = f"{claim.metadata.namespace}/{claim.metadata.name}"
        for pod in self._pods.by_index(BY_CLAIM, name):
            yield from keys_of_pod(pod)

    async def reconcile(self, key: Key) -> Outcome:
        pod: core_v1.Pod | None = self._pods.get(key.namespace, key.name)
        if pod is None or pod.metadata.deletion_timestamp is not None:
            return DONE
        for volume in (pod.spec.volumes if pod.spec else None) or ():
            if volume.ephemeral is not None:
                await self._provide(pod, volume)
        return DONE

    async def _provide(self, pod: core_v1.Pod, volume: core_v1.Volume) -> None:
        wanted = claim_for(pod, volume)
        there = self._claims.get(pod.metadata.namespace or "", wanted.metadata.name or "")
        if there is None:
            with contextlib.suppress(AlreadyExists), ignoring_termination():
                await self._writes.create(wanted)
        elif not claims.is_for(pod, there):
            message = f"ephemeral volume {volume.name}: {claims.not_for(pod, there)}"
            self._events.event(pod, "Warning", "FailedBinding", message)


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component="ephemeral_volume", clock=context.clock)
    volumes = EphemeralVolumes(context, events)
    return Controller(
        name=NAME, watches=volumes.watches, reconcile=volumes.reconcile, workers=4, services=(events,)
    )
