"""The objects as they are when bound or unbound (pure): each function gives a changed copy, or None where nothing is to change."""

from __future__ import annotations

from podling.api import codec, kinds, times
from podling.api.types import core_v1

from . import claims, marks, matching


def bound_volume(
    volume: core_v1.PersistentVolume, claim: core_v1.PersistentVolumeClaim
) -> core_v1.PersistentVolume | None:
    """The volume, referring to the claim."""
    ref = volume.spec.claim_ref if volume.spec else None
    meta = claim.metadata
    if ref is not None and (ref.namespace, ref.name, ref.uid) == (meta.namespace, meta.name, meta.uid):
        return None
    changed = codec.struct_clone(volume)
    changed.spec = changed.spec or core_v1.PersistentVolumeSpec()
    changed.spec.claim_ref = reference(claim)
    if not matching.refers_to(volume, claim):
        changed.metadata.annotations = {
            **(changed.metadata.annotations or {}),
            marks.BOUND_BY_CONTROLLER: marks.YES,
        }
    return changed


def reference(claim: core_v1.PersistentVolumeClaim) -> core_v1.ObjectReference:
    """What a volume says of its claim."""
    kind, meta = kinds.PERSISTENT_VOLUME_CLAIM, claim.metadata
    return core_v1.ObjectReference(
        kind=kind.kind,
        api_version=kind.api_version,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
    )


def bound_claim(
    claim: core_v1.PersistentVolumeClaim, volume: core_v1.PersistentVolume
) -> core_v1.PersistentVolumeClaim | None:
    """The claim, naming the volume and marked as bound."""
    wanted = {marks.BIND_COMPLETED: marks.YES}
    name = volume.metadata.name or ""
    if claims.volume_name(claim) != name:
        wanted[marks.BOUND_BY_CONTROLLER] = marks.YES
    return _with(claim, wanted, volume_name=name)


def provisioned_claim(
    claim: core_v1.PersistentVolumeClaim, provisioner: str
) -> core_v1.PersistentVolumeClaim | None:
    """The claim, saying who is to make its volume."""
    return _with(claim, {marks.PROVISIONER: provisioner, marks.PROVISIONER_BETA: provisioner})


def _with(
    claim: core_v1.PersistentVolumeClaim, annotations: dict[str, str], *, volume_name: str = ""
) -> core_v1.PersistentVolumeClaim | None:
    given = claim.metadata.annotations or {}
    if annotations.items() <= given.items() and claims.volume_name(claim) == volume_name:
        return None
    changed = codec.struct_clone(claim)
    changed.metadata.annotations = given | annotations
    if volume_name:
        changed.spec = changed.spec or core_v1.PersistentVolumeClaimSpec()
        changed.spec.volume_name = volume_name
    return changed


def claim_in_phase(
    claim: core_v1.PersistentVolumeClaim, phase: str, volume: core_v1.PersistentVolume | None = None
) -> core_v1.PersistentVolumeClaim | None:
    """The claim with that phase in its status, and with what it has got from its volume.

    The capacity is said when the claim gets the volume; later it is the business of whoever enlarges it.
    """
    status = claim.status or core_v1.PersistentVolumeClaimStatus()
    changed = codec.struct_clone(claim)
    changed.status = after = codec.struct_clone(status)
    after.phase = phase
    if volume is None:
        after.access_modes = after.capacity = None
    elif volume.spec is not None:
        after.access_modes = volume.spec.access_modes
        after.current_volume_attributes_class_name = (
            after.current_volume_attributes_class_name or volume.spec.volume_attributes_class_name
        )
        if status.phase != phase or not status.capacity:
            after.capacity = volume.spec.capacity
    return None if codec.semantic_equal(after, status) else changed


def unbound_volume(volume: core_v1.PersistentVolume) -> core_v1.PersistentVolume:
    """The volume without its claim; still reserved for it where a user had said so."""
    changed = codec.struct_clone(volume)
    notes = dict(changed.metadata.annotations or {})
    spec = changed.spec or core_v1.PersistentVolumeSpec()
    if notes.pop(marks.BOUND_BY_CONTROLLER, None) is not None:
        spec.claim_ref = None
        changed.metadata.annotations = notes or None
    elif spec.claim_ref is not None:
        spec.claim_ref.uid = spec.claim_ref.resource_version = None
    return changed


def volume_in_phase(
    volume: core_v1.PersistentVolume, phase: str, message: str, now: float
) -> core_v1.PersistentVolume | None:
    """The volume with that phase in its status, and since when."""
    status = volume.status or core_v1.PersistentVolumeStatus()
    if status.phase == phase:
        return None
    changed = codec.struct_clone(volume)
    changed.status = core_v1.PersistentVolumeStatus(
        phase=phase, message=message or None, last_phase_transition_time=times.rfc3339(now)
    )
    return changed
