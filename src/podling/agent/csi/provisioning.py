"""What a driver's controller is asked for a claim, and the volume that comes of it (pure).

A class's parameters go to the driver, but for those that begin with ``csi.storage.k8s.io/``: they are for whoever calls it, and name the file
system and the Secrets of each call.  (Source: kubernetes-csi.github.io, external-provisioner, external-attacher.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from podling.api.storage import claims, localpath, marks
from podling.api.storage.binding import reference
from podling.api.storage.sidecars import PREFIX, PURPOSES, secret_ref
from podling.api.types import core_v1, meta_v1, storage_v1

from .access import access_mode

FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer"
"""On volumes: the driver has still to be asked to delete it."""

Claim = core_v1.PersistentVolumeClaim
Volume = core_v1.PersistentVolume
Class = storage_v1.StorageClass


def is_speaker(driver: str, node: str, nodes: Iterable[storage_v1.CSINode]) -> bool:
    """Whether this node speaks to the driver where any could: the first by name that has it."""
    having = [n.metadata.name or "" for n in nodes if any(d.name == driver for d in n.spec.drivers)]
    return min(having, default="") == node


def wanted_from(claim: Claim) -> str:
    """The provisioner that is to make a volume for the claim; "" if none is."""
    notes = claim.metadata.annotations or {}
    if claims.volume_name(claim) or claim.metadata.deletion_timestamp is not None:
        return ""
    return notes.get(marks.PROVISIONER) or notes.get(marks.PROVISIONER_BETA, "")


def refusal(claim: Claim, found: Class, topology: Mapping[str, str]) -> str:
    """Why there can be no volume for the claim; "" if there can."""
    spec = claim.spec or core_v1.PersistentVolumeClaimSpec()
    if spec.selector is not None:
        return "claim Selector is not supported"
    if spec.data_source is not None or spec.data_source_ref is not None:
        return "volumes cannot be filled from a data source"
    unknown = [key for key in found.parameters or {} if key.startswith(PREFIX) and not _is_known(key)]
    if unknown:
        return f"found unknown parameter key {min(unknown)!r} with reserved namespace {PREFIX}"
    terms = [term.match_label_expressions or [] for term in found.allowed_topologies or ()]
    if terms and not any(all(topology.get(each.key) in each.values for each in term) for term in terms):
        return f"this node's topology {dict(topology)} is none of the class's allowedTopologies"
    return ""


def create_request(claim: Claim, found: Class, topology: Mapping[str, str], *, apart: bool) -> dict[str, Any]:
    """All but the secrets.  ``topology`` is this node's, empty if the driver knows none; ``apart``: see ``access_mode``."""
    parameters = {k: v for k, v in (found.parameters or {}).items() if not k.startswith(PREFIX)}
    request: dict[str, Any] = {
        "name": localpath.name_of(claim),
        "capacity_range": {"required_bytes": claims.asked(claim).value()},
        "volume_capabilities": [
            capability(
                [mode], _fs_type(found), found.mount_options or (), claims.is_block(claim), apart=apart
            )
            for mode in claims.modes(claim)
        ],
        "parameters": parameters,
    }
    if topology:
        here = [{"segments": dict(topology)}]
        request["accessibility_requirements"] = {"requisite": here, "preferred": here}
    return request


def capability(
    modes: list[str], fs_type: str, mount_flags: Iterable[str], block: bool, *, apart: bool
) -> dict[str, Any]:
    access = {"access_mode": {"mode": access_mode(modes, apart=apart)}}
    if block:
        return {"block": {}, **access}
    return {"mount": {"fs_type": fs_type, "mount_flags": [*mount_flags]}, **access}


def capability_of(volume: Volume, *, apart: bool) -> dict[str, Any]:
    """How a volume that there is will be used."""
    spec = volume.spec or core_v1.PersistentVolumeSpec()
    source = spec.csi or core_v1.CSIPersistentVolumeSource()
    return capability(
        claims.modes(volume),
        source.fs_type or "",
        spec.mount_options or (),
        claims.is_block(volume),
        apart=apart,
    )


def volume_of(claim: Claim, found: Class, made: Mapping[str, Any]) -> Volume:
    """The volume for the claim, by what CreateVolume told of it."""
    spec = claim.spec or core_v1.PersistentVolumeClaimSpec()
    deletes = found.reclaim_policy in (None, "Delete")
    size = made["capacity_bytes"] or claims.asked(claim).value()
    return core_v1.PersistentVolume(
        metadata=meta_v1.ObjectMeta(
            name=localpath.name_of(claim),
            annotations={marks.PROVISIONED_BY: found.provisioner, **_deletion(claim, found)},
            finalizers=[FINALIZER] if deletes else None,
        ),
        spec=core_v1.PersistentVolumeSpec(
            capacity={marks.STORAGE: str(size)},
            access_modes=spec.access_modes,
            volume_mode=spec.volume_mode,
            claim_ref=reference(claim),
            persistent_volume_reclaim_policy=found.reclaim_policy or "Delete",
            storage_class_name=found.metadata.name,
            mount_options=found.mount_options,
            csi=core_v1.CSIPersistentVolumeSource(
                driver=found.provisioner,
                volume_handle=made["volume_id"],
                fs_type=None if claims.is_block(claim) else _fs_type(found) or None,
                volume_attributes=dict(made["volume_context"]) or None,
                controller_publish_secret_ref=secret_ref(claim, found, "controller-publish"),
                node_stage_secret_ref=secret_ref(claim, found, "node-stage"),
                node_publish_secret_ref=secret_ref(claim, found, "node-publish"),
                controller_expand_secret_ref=secret_ref(claim, found, "controller-expand"),
                node_expand_secret_ref=secret_ref(claim, found, "node-expand"),
            ),
            node_affinity=_affinity(made["accessible_topology"]),
        ),
    )


def deletion_secret(volume: Volume) -> core_v1.SecretReference | None:
    """The Secret with which the volume is deleted."""
    notes = volume.metadata.annotations or {}
    name, namespace = notes.get(f"{_DELETION}-name"), notes.get(f"{_DELETION}-namespace")
    return core_v1.SecretReference(name=name, namespace=namespace) if name and namespace else None


_DELETION = "volume.kubernetes.io/provisioner-deletion-secret"


def _is_known(key: str) -> bool:
    prefixes = ("", *(f"{purpose}-" for purpose in PURPOSES))
    known = {f"{PREFIX}{prefix}secret-{part}" for prefix in prefixes for part in ("name", "namespace")}
    return key in known or key == f"{PREFIX}fstype"


def _fs_type(found: Class) -> str:
    return (found.parameters or {}).get(f"{PREFIX}fstype", "")


def _deletion(claim: Claim, found: Class) -> dict[str, str]:
    ref = secret_ref(claim, found, "provisioner")
    if ref is None:
        return {}
    return {f"{_DELETION}-name": ref.name or "", f"{_DELETION}-namespace": ref.namespace or ""}


def _affinity(topologies: Iterable[Mapping[str, Any]]) -> core_v1.VolumeNodeAffinity | None:
    terms = [
        core_v1.NodeSelectorTerm(
            match_expressions=[
                core_v1.NodeSelectorRequirement(key=key, operator="In", values=[value])
                for key, value in sorted(each["segments"].items())
            ]
        )
        for each in topologies
        if each["segments"]
    ]
    if not terms:
        return None
    return core_v1.VolumeNodeAffinity(required=core_v1.NodeSelector(node_selector_terms=terms))
