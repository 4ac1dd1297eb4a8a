"""Which volume serves which claim: the same rules for the controller that binds and the scheduler that places.

(Source: k8s.io/component-helpers/storage/volume/pv_helpers.go, FindMatchingVolume; concepts/storage/persistent-volumes.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from podling.api import selectors
from podling.api.pod import node_affinity
from podling.api.types import core_v1

from . import claims


def refers_to(volume: core_v1.PersistentVolume, claim: core_v1.PersistentVolumeClaim) -> bool:
    """Whether the volume is bound to, or reserved for, this claim."""
    ref = volume.spec.claim_ref if volume.spec else None
    meta = claim.metadata
    named = ref is not None and (ref.namespace, ref.name) == (meta.namespace, meta.name)
    return named and ref is not None and ref.uid in (None, "", meta.uid)


def is_usable_on(volume: core_v1.PersistentVolume, node: str, labels: Mapping[str, str]) -> bool:
    """Whether the volume can be used on the node of that name and with those labels."""
    affinity = volume.spec.node_affinity if volume.spec else None
    required = affinity.required if affinity else None
    return required is None or node_affinity.matches(required, name=node, labels=labels)


def mismatch(volume: core_v1.PersistentVolume, claim: core_v1.PersistentVolumeClaim) -> str:
    """Why the volume that a claim asks for by name cannot serve it; "" if it can."""
    if claims.asked(claim) > claims.capacity(volume):
        return "requested PV is too small"
    if claims.class_of(volume) != claims.class_of(claim):
        return "storageClassName does not match"
    if _attributes(volume) != _attributes(claim):
        return "volumeAttributesClassName does not match"
    if claims.is_block(volume) != claims.is_block(claim):
        return "incompatible volumeMode"
    if not _has_modes(volume, claim):
        return "incompatible accessMode"
    return ""


def best(
    claim: core_v1.PersistentVolumeClaim,
    volumes: Iterable[core_v1.PersistentVolume],
    *,
    reaches: Callable[[core_v1.PersistentVolume], bool] | None = None,
    taken: Collection[str] = (),
    reserved_only: bool = False,
) -> core_v1.PersistentVolume | None:
    """The volume to bind the claim to: one reserved for it, else the smallest that fits.

    `reaches` says whether a volume can be used on the node in question (the scheduler asks so); `taken` volumes are promised to
    others; with `reserved_only` nothing is chosen freely, because the claim waits for its first consumer. Without a node,
    volumes with fewer access modes come first, so that those that can do more stay free.
    """
    wanted = claim.spec.selector if claim.spec else None
    selector = selectors.EVERYTHING if wanted is None else selectors.from_struct(wanted)
    fitting = [
        volume for volume in volumes if volume.metadata.name not in taken and _may_serve(volume, claim)
    ]
    for volume in fitting:
        if refers_to(volume, claim):
            return volume if reaches is None or reaches(volume) else None
    if reserved_only:
        return None
    free = [
        volume
        for volume in fitting
        if _is_available(volume)
        and selector.matches(volume.metadata.labels or {})
        and claims.class_of(volume) == claims.class_of(claim)
        and _has_modes(volume, claim)
        and (reaches is None or reaches(volume))
    ]
    return min(free, key=lambda volume: _preference(volume, counts_modes=reaches is None), default=None)


def _may_serve(volume: core_v1.PersistentVolume, claim: core_v1.PersistentVolumeClaim) -> bool:
    free = volume.spec is not None and volume.spec.claim_ref is None
    return (
        (free or refers_to(volume, claim))
        and volume.metadata.deletion_timestamp is None
        and claims.capacity(volume) >= claims.asked(claim)
        and claims.is_block(volume) == claims.is_block(claim)
        and _attributes(volume) == _attributes(claim)
    )


def _preference(volume: core_v1.PersistentVolume, *, counts_modes: bool) -> tuple[int, int, str]:
    more = len(claims.modes(volume)) if counts_modes else 0
    return more, claims.capacity(volume).nanos, volume.metadata.name or ""


def _is_available(volume: core_v1.PersistentVolume) -> bool:
    return volume.status is not None and volume.status.phase == "Available"


def _has_modes(volume: core_v1.PersistentVolume, claim: core_v1.PersistentVolumeClaim) -> bool:
    return set(claims.modes(claim)) <= set(claims.modes(volume))


def _attributes(obj: core_v1.PersistentVolumeClaim | core_v1.PersistentVolume) -> str:
    return (obj.spec.volume_attributes_class_name if obj.spec else None) or ""
