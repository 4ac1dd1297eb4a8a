"""Keys are claims (with a namespace) and volumes (without); every write is a compare-and-swap against what was looked at.

Informers may lag: two claims that see the same free volume both reach for it, and the second is told so by the server. Only that a claim is
gone is believed of nobody but the server itself, because a volume may be deleted for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from podling.api import codec, kinds
from podling.api.errors import NotFound
from podling.api.storage import binding
from podling.api.storage import claims as claim_facts
from podling.api.types import core_v1
from podling.client.events import EventRecorder
from podling.controllers.persistentvolumeclaimprotection import BY_CLAIM, by_claim
from podling.controllers.reconcile import DONE, Context, Controller, Key, Outcome, Terminal, Watch, own_key

from . import claims, volumes
from .claims import Note

NAME = "persistentvolume-binder-controller"
UNBOUND = "metadata.annotations/unbound"
BY_VOLUME = "spec.volumeName"
CLAIMANT = "spec.claimRef"
_YES = "yes"


def by_unbound(claim: core_v1.PersistentVolumeClaim) -> Sequence[str]:
    """Index function: whether the claim still looks for a volume."""
    return () if claim_facts.is_bound(claim) else (_YES,)


def by_volume(claim: core_v1.PersistentVolumeClaim) -> Sequence[str]:
    """Index function: the volume that the claim names."""
    name = claim_facts.volume_name(claim)
    return (name,) if name else ()


def by_claimant(volume: core_v1.PersistentVolume) -> Sequence[str]:
    """Index function: the claim that the volume refers to."""
    ref = volume.spec.claim_ref if volume.spec else None
    return () if ref is None else (str(Key(ref.namespace or "", ref.name or "")),)


class Binder:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        client = context.clients(NAME)
        self.watches = (
            Watch(
                kind=kinds.PERSISTENT_VOLUME_CLAIM,
                keys=self._keys_of_claim,
                indexers={UNBOUND: by_unbound, BY_VOLUME: by_volume},
            ),
            Watch(kind=kinds.PERSISTENT_VOLUME, keys=self._keys_of_volume, indexers={CLAIMANT: by_claimant}),
            Watch(kind=kinds.STORAGE_CLASS, keys=lambda _: self._keys_of_unbound()),
            Watch(kind=kinds.POD, keys=lambda _: (), indexers={BY_CLAIM: by_claim}),
        )
        self._claims, self._volumes, self._classes, self._pods = (
            watch.informer(context.informers) for watch in self.watches
        )
        self._claim_writes = client.resource(core_v1.PersistentVolumeClaim)
        self._volume_writes = client.resource(core_v1.PersistentVolume)
        self._clock = context.clock
        self._events = events
        self._told: dict[Key, tuple[str | None, Note]] = {}

    def _keys_of_claim(self, claim: core_v1.PersistentVolumeClaim) -> Iterable[Key]:
        """The claim, and the volumes that it names or that refer to it."""
        (key,) = own_key(claim)
        yield key
        if claim_facts.volume_name(claim):
            yield Key("", claim_facts.volume_name(claim))
        for volume in self._volumes.by_index(CLAIMANT, str(key)):
            yield own_key(volume)[0]

    def _keys_of_volume(self, volume: core_v1.PersistentVolume) -> Iterable[Key]:
        """The volume, the claims that it concerns, and where it is free all that look for one."""
        name = volume.metadata.name or ""
        yield Key("", name)
        ref = volume.spec.claim_ref if volume.spec else None
        if ref is not None:
            yield Key(ref.namespace or "", ref.name or "")
        for claim in self._claims.by_index(BY_VOLUME, name):
            yield own_key(claim)[0]
        if ref is None and volume.status is not None and volume.status.phase == "Available":
            yield from self._keys_of_unbound()

    def _keys_of_unbound(self) -> Iterable[Key]:
        for claim in self._claims.by_index(UNBOUND, _YES):
            yield own_key(claim)[0]

    async def reconcile(self, key: Key) -> Outcome:
        if key.namespace:
            await self._claim(key)
        else:
            await self._volume(key.name)
        return DONE

    async def _claim(self, key: Key) -> None:
        claim: core_v1.PersistentVolumeClaim | None = self._claims.get(key.namespace, key.name)
        if claim is None:
            self._told.pop(key, None)
            return
        if claim.metadata.deletion_timestamp is not None and not claim_facts.is_bound(claim):
            return
        view = claims.View(
            volumes={volume.metadata.name or "": volume for volume in self._volumes.list()},
            classes={each.metadata.name or "": each for each in self._classes.list()},
            consumers=lambda: self._consumers(key),
        )
        try:
            step = claims.decide(claim, view)
        except claims.Impossible as error:
            raise Terminal(str(error)) from error
        await self._carry_out(key, claim, step)

    async def _carry_out(self, key: Key, claim: core_v1.PersistentVolumeClaim, step: claims.Step) -> None:
        match step:
            case claims.Bind(volume):
                await self._bind(claim, volume)
                self._told.pop(key, None)
            case claims.TakeClass(name):
                changed = codec.struct_clone(claim)
                changed.spec = changed.spec or core_v1.PersistentVolumeClaimSpec()
                changed.spec.storage_class_name = name
                await self._claim_writes.update(changed)
            case claims.Provision(provisioner):
                named = binding.provisioned_claim(claim, provisioner)
                if named is not None:
                    await self._claim_writes.update(named)
                self._tell(key, claim, step.note)
            case claims.Wait(note):
                await self._claim_phase(claim, "Pending")
                if note is not None:
                    self._tell(key, claim, note)
            case claims.Lose(note):
                await self._claim_phase(claim, "Lost")
                self._tell(key, claim, note)

    async def _bind(self, claim: core_v1.PersistentVolumeClaim, volume: core_v1.PersistentVolume) -> None:
        """The volume first: who refers to it owns it, whatever happens to us on the way."""
        changed = binding.bound_volume(volume, claim)
        if changed is not None:
            volume = await self._volume_writes.update(changed)
        volume = await self._volume_phase(volume, "Bound")
        changed_claim = binding.bound_claim(claim, volume)
        if changed_claim is not None:
            claim = await self._claim_writes.update(changed_claim)
        await self._claim_phase(claim, "Bound", volume)

    async def _claim_phase(
        self,
        claim: core_v1.PersistentVolumeClaim,
        phase: str,
        volume: core_v1.PersistentVolume | None = None,
    ) -> None:
        changed = binding.claim_in_phase(claim, phase, volume)
        if changed is not None:
            await self._claim_writes.update(changed, subresource="status")

    async def _volume(self, name: str) -> None:
        volume: core_v1.PersistentVolume | None = self._volumes.get("", name)
        if volume is None:
            return
        step = volumes.decide(volume, await self._claimant(volume))
        match step:
            case volumes.Be(phase, note):
                before = volume.status.phase if volume.status else None
                after = await self._volume_phase(volume, phase, note.message if note else "")
                if note is not None and before != phase:
                    self._events.event(after, note.type, note.reason, note.message)
            case volumes.Unbind():
                freed = await self._volume_writes.update(binding.unbound_volume(volume))
                await self._volume_phase(freed, "Available")

    async def _volume_phase(
        self, volume: core_v1.PersistentVolume, phase: str, message: str = ""
    ) -> core_v1.PersistentVolume:
        changed = binding.volume_in_phase(volume, phase, message, self._clock.now())
        if changed is None:
            return volume
        return await self._volume_writes.update(changed, subresource="status")

    async def _claimant(self, volume: core_v1.PersistentVolume) -> core_v1.PersistentVolumeClaim | None:
        """The claim of the name that the volume refers to; the server is asked where it seems to be another or gone."""
        ref = volume.spec.claim_ref if volume.spec else None
        if ref is None or not ref.uid:
            return None
        claim: core_v1.PersistentVolumeClaim | None = self._claims.get(ref.namespace or "", ref.name or "")
        if claim is not None and claim.metadata.uid == ref.uid:
            return claim
        try:
            return await self._claim_writes.get(ref.name or "", namespace=ref.namespace)
        except NotFound:
            return None

    def _consumers(self, key: Key) -> list[str]:
        using = self._pods.by_index(BY_CLAIM, str(key))
        return [pod.metadata.name or "" for pod in using if not (pod.spec and pod.spec.node_name)]

    def _tell(self, key: Key, claim: core_v1.PersistentVolumeClaim, note: Note) -> None:
        """Say it once, and again when something else was said in between."""
        if self._told.get(key) != (claim.metadata.uid, note):
            self._told[key] = claim.metadata.uid, note
            self._events.event(claim, note.type, note.reason, note.message)


def controller(context: Context) -> Controller:
    events = EventRecorder(
        context.clients(NAME), component="persistentvolume-controller", clock=context.clock
    )
    binder = Binder(context, events)
    return Controller(
        name=NAME, watches=binder.watches, reconcile=binder.reconcile, workers=4, services=(events,)
    )
