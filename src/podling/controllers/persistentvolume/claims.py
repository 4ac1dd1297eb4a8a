"""What is to be done about one claim (pure).

                      volume found or asked for                 volume gone, or another's
    Pending ──────────────────────────────────────> Bound ──────────────────────────────────> Lost
       └── no volume: wait for a Pod to be placed, for a provisioner, or for somebody to make a volume

A bound claim carries a mark, so that a claim which has lost its volume is told from one that never had any. (Source: upstream's
pkg/controller/volume/persistentvolume, whose words the notes are; concepts/storage/persistent-volumes.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from podling.api.storage import claims, marks, matching
from podling.api.types import core_v1, storage_v1

IN_TREE = "kubernetes.io/"
"""Provisioners of this prefix were parts of upstream's controller; none of them is here."""


@dataclass(frozen=True, slots=True)
class Note:
    """What users are told in an Event."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Bind:
    """The claim and this volume belong together, or do so already."""

    volume: core_v1.PersistentVolume


@dataclass(frozen=True, slots=True)
class Wait:
    """The claim stays Pending."""

    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Lose:
    """The claim's volume is gone."""

    note: Note


@dataclass(frozen=True, slots=True)
class TakeClass:
    """The claim named no class before there was a default one; it is of that now (KEP-3333)."""

    name: str


@dataclass(frozen=True, slots=True)
class Provision:
    """A provisioner outside is to make a volume."""

    provisioner: str

    @property
    def note(self) -> Note:
        message = (
            f"Waiting for a volume to be created either by the external provisioner '{self.provisioner}' or manually by the "
            "system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly "
            "registered."
        )
        return Note("Normal", "ExternalProvisioning", message)


Step = Bind | Wait | Lose | TakeClass | Provision


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The cluster as a claim sees it; `consumers` are Pods that use it and have no node yet."""

    volumes: Mapping[str, core_v1.PersistentVolume]
    classes: Mapping[str, storage_v1.StorageClass]
    consumers: Callable[[], Iterable[str]] = tuple


class Impossible(Exception):
    """Somebody has changed what only this controller writes."""


def decide(claim: core_v1.PersistentVolumeClaim, view: View) -> Step:
    """The next step. Raises `Impossible`."""
    if marks.BIND_COMPLETED in (claim.metadata.annotations or {}):
        return _bound(claim, view)
    name = claims.volume_name(claim)
    return _asking_for(claim, view.volumes.get(name)) if name else _unbound(claim, view)


def _bound(claim: core_v1.PersistentVolumeClaim, view: View) -> Step:
    name = claims.volume_name(claim)
    volume = view.volumes.get(name)
    if not name:
        return _lost(
            "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
        )
    if volume is None:
        return _lost("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")
    ref = volume.spec.claim_ref if volume.spec else None
    if ref is None or ref.uid == claim.metadata.uid:
        return Bind(volume)
    why = "Two claims are bound to the same volume, this one is bound incorrectly"
    return _lost("ClaimMisbound", why)


def _lost(reason: str, message: str) -> Lose:
    return Lose(Note("Warning", reason, message))


def _asking_for(claim: core_v1.PersistentVolumeClaim, volume: core_v1.PersistentVolume | None) -> Step:
    if volume is None:
        return Wait()
    name = volume.metadata.name
    if volume.spec is None or volume.spec.claim_ref is None:
        why = matching.mismatch(volume, claim)
        if not why:
            return Bind(volume)
        return Wait(Note("Warning", "VolumeMismatch", f'Cannot bind to requested volume "{name}": {why}'))
    if matching.refers_to(volume, claim):
        return Bind(volume)
    if marks.BOUND_BY_CONTROLLER not in (claim.metadata.annotations or {}):
        return Wait(Note("Warning", "FailedBinding", f'volume "{name}" already bound to a different claim.'))
    meta, ref = claim.metadata, volume.spec.claim_ref
    raise Impossible(
        f'invalid binding of claim "{meta.namespace}/{meta.name}" to volume "{name}": '
        f'volume already claimed by "{ref.namespace}/{ref.name}"'
    )


def _unbound(claim: core_v1.PersistentVolumeClaim, view: View) -> Step:
    name = claims.class_of(claim)
    waits = claims.waits_for_consumer(view.classes.get(name))
    placed = marks.SELECTED_NODE in (claim.metadata.annotations or {})
    volume = matching.best(claim, view.volumes.values(), reserved_only=waits)
    if volume is not None:
        return Bind(volume)
    if not claims.names_class(claim):
        default = claims.default_class(view.classes.values())
        if default is not None:
            return TakeClass(default.metadata.name or "")
    if waits and not placed:
        return Wait(_waiting(sorted(view.consumers())))
    if name:
        return _provision(name, view.classes.get(name))
    message = "no persistent volumes available for this claim and no storage class is set"
    return Wait(Note("Normal", "FailedBinding", message))


def _waiting(consumers: list[str]) -> Note:
    if not consumers:
        return Note(
            "Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding"
        )
    pods = f"pod {consumers[0]}" if len(consumers) == 1 else f"pods {','.join(consumers)}"
    return Note("Normal", "WaitForPodScheduled", f"waiting for {pods} to be scheduled")


def _provision(name: str, found: storage_v1.StorageClass | None) -> Step:
    if found is None:
        return Wait(Note("Warning", "ProvisioningFailed", f'storageclass.storage.k8s.io "{name}" not found'))
    if found.provisioner.startswith(IN_TREE):
        message = f"no volume plugin matched name: {found.provisioner}"
        return Wait(Note("Warning", "ProvisioningFailed", message))
    return Provision(found.provisioner)
