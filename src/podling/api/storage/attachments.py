"""Volumes of CSI drivers that are attached to nodes: which are, and the names by which three parties speak of it; pure.

    attach/detach controller: VolumeAttachment made -> attacher: ``status.attached`` -> controller: the node's ``volumesAttached`` -> kubelet mounts
    kubelet: the node's ``volumesInUse``, from before it mounts until it has unmounted: so long is nothing detached

(Source: upstream's `pkg/controller/volume/attachdetach`, `pkg/volume/csi/csi_attacher.go`.)
"""

from __future__ import annotations

import hashlib

from podling.api.types import core_v1, storage_v1

MANAGED = "volumes.kubernetes.io/controller-managed-attach-detach"
"""On a node: its kubelet leaves attaching to the controller."""


def must_attach(driver: storage_v1.CSIDriver | None) -> bool:
    """Whether the driver's volumes are attached before they are mounted; so it is where the cluster knows nothing of it."""
    return driver is None or driver.spec.attach_required is not False


def unique_name(source: core_v1.CSIPersistentVolumeSource) -> str:
    """What a Node's status calls the volume."""
    return f"kubernetes.io/csi/{source.driver}^{source.volume_handle}"


def name_of(source: core_v1.CSIPersistentVolumeSource, node: str) -> str:
    """The name of the VolumeAttachment of the volume to the node."""
    return f"csi-{hashlib.sha256(f'{source.volume_handle}{source.driver}{node}'.encode()).hexdigest()}"
