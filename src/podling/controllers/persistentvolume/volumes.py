"""What is to be done about one volume (pure).

               a claim refers to it            its claim is gone
    Available ──────────────────────> Bound ──────────────────────> Released ──> what its reclaim policy says, or Failed
        ▲─────────────────────────── unbound: its claim took another

(Source: upstream's pkg/controller/volume/persistentvolume; concepts/storage/persistent-volumes, "Reclaiming".)
"""

from __future__ import annotations

from dataclasses import dataclass

from podling.api.storage import claims, marks
from podling.api.types import core_v1

from .claims import IN_TREE, Note

RELEASED = ("Released", "Failed")


@dataclass(frozen=True, slots=True)
class Be:
    """The volume is in that phase; `note` is told, and says why, when it gets there."""

    phase: str
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Unbind:
    """The volume is free again, or reserved again where a user had reserved it."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The claim's own step comes first."""


Step = Be | Unbind | Leave


def decide(volume: core_v1.PersistentVolume, claim: core_v1.PersistentVolumeClaim | None) -> Step:
    """The next step; `claim` is the one of the name that the volume refers to."""
    ref = volume.spec.claim_ref if volume.spec else None
    if ref is None or not ref.uid:
        return Be("Available")
    if claim is None or claim.metadata.uid != ref.uid:
        return _release(volume)
    name = claims.volume_name(claim)
    if not name:
        return Leave()
    if name == volume.metadata.name:
        return Be("Bound")
    provisioned = marks.PROVISIONED_BY in (volume.metadata.annotations or {})
    return _release(volume) if provisioned and _policy(volume) == "Delete" else Unbind()


def _release(volume: core_v1.PersistentVolume) -> Step:
    """Released, and then reclaimed; who fails stays failed, for users to see."""
    phase = (volume.status.phase if volume.status else None) or ""
    if phase not in RELEASED:
        return Be("Released")
    note = _refusal(volume)
    return Be("Failed", note) if note is not None else Be(phase)


def _refusal(volume: core_v1.PersistentVolume) -> Note | None:
    """Why the volume cannot be reclaimed as its policy says; None where nobody must, or somebody else will."""
    match _policy(volume):
        case "Retain":
            return None
        case "Recycle":
            return Note("Warning", "VolumeFailedRecycle", "No recycler plugin found for the volume!")
        case "Delete":
            maker = (volume.metadata.annotations or {}).get(marks.PROVISIONED_BY, "")
            if maker and not maker.startswith(IN_TREE):
                return None
            message = (
                f'error getting deleter volume plugin for volume "{volume.metadata.name}": '
                "no deletable volume plugin matched"
            )
            return Note("Warning", "VolumeFailedDelete", message)
    message = "Volume has unrecognized PersistentVolumeReclaimPolicy"
    return Note("Warning", "VolumeUnknownReclaimPolicy", message)


def _policy(volume: core_v1.PersistentVolume) -> str:
    return (volume.spec.persistent_volume_reclaim_policy if volume.spec else None) or ""
