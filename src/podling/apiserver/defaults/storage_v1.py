"""Defaults of StorageClasses and CSIDrivers."""

from __future__ import annotations

from podling.api.types import storage_v1


def storage_class(body: storage_v1.StorageClass) -> None:
    body.reclaim_policy = body.reclaim_policy or "Delete"
    body.volume_binding_mode = body.volume_binding_mode or "Immediate"


def csi_driver(body: storage_v1.CSIDriver) -> None:
    spec = body.spec
    spec.attach_required = True if spec.attach_required is None else spec.attach_required
    spec.pod_info_on_mount = bool(spec.pod_info_on_mount)
    spec.storage_capacity = bool(spec.storage_capacity)
    spec.requires_republish = bool(spec.requires_republish)
    spec.se_linux_mount = bool(spec.se_linux_mount)
    spec.fs_group_policy = spec.fs_group_policy or "ReadWriteOnceWithFSType"
    spec.volume_lifecycle_modes = spec.volume_lifecycle_modes or ["Persistent"]


DEFAULTS = {"CSIDriver": csi_driver, "StorageClass": storage_class}
