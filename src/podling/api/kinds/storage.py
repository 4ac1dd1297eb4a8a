"""Groups about volumes and about stored versions: storage, storagemigration, internal.apiserver."""

from __future__ import annotations

from .row import builtin

_STORAGE = "storage.k8s.io/v1"

CSI_DRIVER = builtin(
    _STORAGE, "CSIDriver", "csidrivers", namespaced=False, generation=True, unconditional_update=False
)
CSI_NODE = builtin(_STORAGE, "CSINode", "csinodes", namespaced=False)
CSI_STORAGE_CAPACITY = builtin(
    _STORAGE, "CSIStorageCapacity", "csistoragecapacities", unconditional_update=False
)
STORAGE_CLASS = builtin(_STORAGE, "StorageClass", "storageclasses", namespaced=False, short=("sc",))
VOLUME_ATTACHMENT = builtin(
    _STORAGE, "VolumeAttachment", "volumeattachments", namespaced=False, subresources=("status",)
)
VOLUME_ATTRIBUTES_CLASS = builtin(
    _STORAGE, "VolumeAttributesClass", "volumeattributesclasses", namespaced=False, short=("vac",)
)

STORAGE_VERSION_MIGRATION = builtin(
    "storagemigration.k8s.io/v1",
    "StorageVersionMigration",
    "storageversionmigrations",
    namespaced=False,
    subresources=("status",),
    unconditional_update=False,
)
STORAGE_VERSION_MIGRATION_V1BETA1 = builtin(
    "storagemigration.k8s.io/v1beta1",
    "StorageVersionMigration",
    "storageversionmigrations",
    namespaced=False,
    subresources=("status",),
    storage_version="storagemigration.k8s.io/v1",
    convert="same",
    unconditional_update=False,
)

STORAGE_VERSION = builtin(
    "internal.apiserver.k8s.io/v1alpha1",
    "StorageVersion",
    "storageversions",
    namespaced=False,
    subresources=("status",),
    unconditional_update=False,
)
