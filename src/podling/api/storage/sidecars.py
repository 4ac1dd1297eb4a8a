"""CSI drivers whose controller service is called by Podling itself, and the Secrets that a class names for the calls; pure."""

from __future__ import annotations

from podling.api.types import core_v1, storage_v1

from . import localpath

SWITCH, BUILT_IN = "podling.dev/csi-controller", "built-in"
"""A CSIDriver's annotation: Podling calls the driver's controller service itself; else the driver brings its sidecars."""
PREFIX = "csi.storage.k8s.io/"
PURPOSES = (
    "provisioner", "controller-publish", "node-stage", "node-publish", "controller-expand", "node-expand",
)  # fmt: skip
"""What a class can name a Secret for."""

Claim = core_v1.PersistentVolumeClaim
Class = storage_v1.StorageClass


def is_built_in(driver: storage_v1.CSIDriver | None) -> bool:
    return driver is not None and (driver.metadata.annotations or {}).get(SWITCH) == BUILT_IN


def secret_ref(claim: Claim, found: Class, purpose: str) -> core_v1.SecretReference | None:
    """The Secret that a class names for a purpose (``provisioner``, ``node-stage`` ...), placeholders filled in; None if none."""
    parameters = found.parameters or {}
    for prefix in (f"{purpose}-", ""):
        name = parameters.get(f"{PREFIX}{prefix}secret-name")
        namespace = parameters.get(f"{PREFIX}{prefix}secret-namespace")
        if name and namespace:
            return core_v1.SecretReference(name=_filled(name, claim), namespace=_filled(namespace, claim))
    return None


def secrets_named(claim: Claim, found: Class) -> set[tuple[str, str]]:
    """Namespace and name of all Secrets that the class names for a volume of the claim."""
    refs = [secret_ref(claim, found, purpose) for purpose in PURPOSES]
    return {(ref.namespace or "", ref.name or "") for ref in refs if ref is not None}


def secrets_shown(volume: core_v1.PersistentVolume) -> set[tuple[str, str]]:
    """Namespace and name of all Secrets that a volume's driver is shown."""
    source = (volume.spec.csi if volume.spec else None) or core_v1.CSIPersistentVolumeSource()
    refs = (
        source.controller_publish_secret_ref,
        source.node_publish_secret_ref,
        source.node_stage_secret_ref,
        source.controller_expand_secret_ref,
        source.node_expand_secret_ref,
    )
    return {(ref.namespace or "", ref.name or "") for ref in refs if ref is not None}


def _filled(text: str, claim: Claim) -> str:
    meta = claim.metadata
    known = {
        "pv.name": localpath.name_of(claim),
        "pvc.namespace": meta.namespace or "",
        "pvc.name": meta.name or "",
        **{f"pvc.annotations['{key}']": value for key, value in (meta.annotations or {}).items()},
    }
    for name, value in known.items():
        text = text.replace(f"${{{name}}}", value)
    return text
