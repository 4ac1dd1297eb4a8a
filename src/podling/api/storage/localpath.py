"""Podling's own volumes: a folder (or, for raw blocks, a file) on one node, made and removed by that node's agent; pure.

What a claim of a class with this provisioner may ask for, how its volume looks, and whose a volume is. Sizes are what was asked for; a
folder is not held to its size, as the whole file system is behind it.
"""

from __future__ import annotations

from podling.api.types import core_v1, meta_v1, storage_v1

from . import claims, marks
from .binding import reference

PROVISIONER = "podling.dev/local-path"
FINALIZER = "podling.dev/local-path"
"""Keeps a volume until its files are gone."""
CLASS = "standard"
HOSTNAME = "kubernetes.io/hostname"
_MODES = {"ReadWriteOnce", claims.ONCE_POD}


def wanted_here(claim: core_v1.PersistentVolumeClaim, node: str) -> bool:
    """Whether this node's agent is to make a volume for the claim: its Pod was placed here, or anywhere will do."""
    notes = claim.metadata.annotations or {}
    return (
        notes.get(marks.PROVISIONER) == PROVISIONER
        and notes.get(marks.SELECTED_NODE, node) == node
        and not claims.volume_name(claim)
        and claim.metadata.deletion_timestamp is None
    )


def refusal(claim: core_v1.PersistentVolumeClaim, found: storage_v1.StorageClass) -> str:
    """Why there can be no volume for the claim; "" if there can."""
    spec = claim.spec or core_v1.PersistentVolumeClaimSpec()
    if not set(claims.modes(claim)) <= _MODES:
        return (
            f"{PROVISIONER} has volumes on one node only: access modes can be {' or '.join(sorted(_MODES))}"
        )
    if spec.selector is not None:
        return "claim.Spec.Selector is not supported"
    if spec.data_source is not None or spec.data_source_ref is not None:
        return "volumes cannot be filled from a data source"
    if found.parameters:
        return f"unknown parameter {min(found.parameters)}"
    if found.mount_options:
        return "mount options are not supported"
    return ""


def name_of(claim: core_v1.PersistentVolumeClaim) -> str:
    """The name of the volume made for a claim."""
    return f"pvc-{claim.metadata.uid}"


def volume_of(
    claim: core_v1.PersistentVolumeClaim, found: storage_v1.StorageClass, *, hostname: str, path: str
) -> core_v1.PersistentVolume:
    """The volume for the claim, at ``path`` on the node whose label says ``hostname``."""
    spec = claim.spec or core_v1.PersistentVolumeClaimSpec()
    return core_v1.PersistentVolume(
        metadata=meta_v1.ObjectMeta(
            name=name_of(claim),
            annotations={marks.PROVISIONED_BY: PROVISIONER},
            finalizers=[FINALIZER],
        ),
        spec=core_v1.PersistentVolumeSpec(
            capacity={marks.STORAGE: str(claims.asked(claim))},
            access_modes=spec.access_modes,
            volume_mode=spec.volume_mode,
            claim_ref=reference(claim),
            persistent_volume_reclaim_policy=found.reclaim_policy,
            storage_class_name=found.metadata.name,
            local=core_v1.LocalVolumeSource(path=path),
            node_affinity=core_v1.VolumeNodeAffinity(required=_only_on(hostname)),
        ),
    )


def is_on(volume: core_v1.PersistentVolume, hostname: str) -> bool:
    """Whether the volume was made by the agent of that node."""
    spec = volume.spec
    return (
        (volume.metadata.annotations or {}).get(marks.PROVISIONED_BY) == PROVISIONER
        and spec is not None
        and spec.local is not None
        and spec.node_affinity is not None
        and spec.node_affinity.required == _only_on(hostname)
    )


def is_to_be_removed(volume: core_v1.PersistentVolume) -> bool:
    """Whether the volume's files are to go: nobody has it, and its policy says so."""
    spec, phase = volume.spec, volume.status.phase if volume.status else None
    return (
        spec is not None
        and spec.persistent_volume_reclaim_policy == "Delete"
        and phase in ("Released", "Failed")
    )


def is_let_go(volume: core_v1.PersistentVolume) -> bool:
    """Whether the volume's object may go, its files done away with or kept as its policy says."""
    phase = volume.status.phase if volume.status else None
    held = FINALIZER in (volume.metadata.finalizers or ())
    return held and volume.metadata.deletion_timestamp is not None and phase != "Bound"


def grows(claim: core_v1.PersistentVolumeClaim, volume: core_v1.PersistentVolume) -> bool:
    """Whether the claim, which has this volume, asks for more than it has."""
    ref = volume.spec.claim_ref if volume.spec else None
    has = claims.is_bound(claim) and ref is not None and ref.uid == claim.metadata.uid
    return has and claims.asked(claim) > claims.held(claim)


def default_class() -> storage_v1.StorageClass:
    """The class that a new cluster has: claims of it get their volume on the node that their first Pod goes to."""
    return storage_v1.StorageClass(
        metadata=meta_v1.ObjectMeta(name=CLASS, annotations={marks.IS_DEFAULT: "true"}),
        provisioner=PROVISIONER,
        reclaim_policy="Delete",
        volume_binding_mode=claims.WAITS,
        allow_volume_expansion=True,
    )


def _only_on(hostname: str) -> core_v1.NodeSelector:
    here = core_v1.NodeSelectorRequirement(key=HOSTNAME, operator="In", values=[hostname])
    return core_v1.NodeSelector(node_selector_terms=[core_v1.NodeSelectorTerm(match_expressions=[here])])
