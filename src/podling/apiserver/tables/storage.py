"""Volumes, claims and their classes and drivers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .layout import AGE, NAME, NONE, UNSET, Cells, Column, Layout, age, flag, name, number, wide

if TYPE_CHECKING:
    from podling.api.types.core_v1 import PersistentVolume, PersistentVolumeClaim
    from podling.api.types.storage_v1 import (
        CSIDriver,
        CSINode,
        CSIStorageCapacity,
        StorageClass,
        VolumeAttachment,
        VolumeAttributesClass,
    )

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_ANNOTATIONS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def _modes(modes: Iterable[str] | None) -> str:
    given = set(modes or ())
    return ",".join(short for mode, short in _MODES.items() if mode in given)


def _class(obj: PersistentVolume | PersistentVolumeClaim) -> str:
    annotated = (obj.metadata.annotations or {}).get(_CLASS_ANNOTATION)
    return annotated if annotated is not None else (obj.spec.storage_class_name if obj.spec else None) or ""


def _phase(obj: PersistentVolume | PersistentVolumeClaim) -> str:
    if obj.metadata.deletion_timestamp:
        return "Terminating"
    return (obj.status.phase if obj.status else None) or ""


def _volume(obj: PersistentVolume, now: float) -> Cells:
    spec, status = obj.spec, obj.status
    claim = spec.claim_ref if spec else None
    return [
        name(obj),
        ((spec.capacity if spec else None) or {}).get("storage", "0"),
        _modes(spec.access_modes if spec else None),
        (spec.persistent_volume_reclaim_policy if spec else None) or "",
        _phase(obj),
        f"{claim.namespace or ''}/{claim.name or ''}" if claim else "",
        _class(obj),
        (spec.volume_attributes_class_name if spec else None) or UNSET,
        (status.reason if status else None) or "",
        age(obj, now),
        (spec.volume_mode if spec else None) or UNSET,
    ]


_STORAGE_CLASS = Column("StorageClass", "Which class it is of.")
_ATTRIBUTES_CLASS = Column("VolumeAttributesClass", "Which class of attributes it has.")
_ACCESS_MODES = Column("Access Modes", "How it may be mounted.")
_VOLUME_MODE = wide("VolumeMode", "A file system or a block device.")

PERSISTENT_VOLUMES = Layout(
    (
        NAME,
        Column("Capacity", "Its size."),
        _ACCESS_MODES,
        Column("Reclaim Policy", "What becomes of it when its claim goes."),
        Column("Status", "Whether it is free, bound or released."),
        Column("Claim", "What it is bound to."),
        _STORAGE_CLASS,
        _ATTRIBUTES_CLASS,
        Column("Reason", "Why it is in that state."),
        AGE,
        _VOLUME_MODE,
    ),
    _volume,
)


def _claim(obj: PersistentVolumeClaim, now: float) -> Cells:
    spec, status = obj.spec, obj.status
    volume = (spec.volume_name if spec else None) or ""
    bound = status if volume else None
    capacity = ((bound.capacity if bound else None) or {}).get("storage", "0")
    return [
        name(obj),
        _phase(obj),
        volume,
        capacity if volume else "",
        _modes(bound.access_modes if bound else None),
        _class(obj),
        (spec.volume_attributes_class_name if spec else None) or UNSET,
        age(obj, now),
        (spec.volume_mode if spec else None) or UNSET,
    ]


PERSISTENT_VOLUME_CLAIMS = Layout(
    (
        NAME,
        Column("Status", "Whether it is bound."),
        Column("Volume", "What it is bound to."),
        Column("Capacity", "The volume's size."),
        _ACCESS_MODES,
        _STORAGE_CLASS,
        _ATTRIBUTES_CLASS,
        AGE,
        _VOLUME_MODE,
    ),
    _claim,
)


def _storage_class(obj: StorageClass, now: float) -> Cells:
    annotations = obj.metadata.annotations or {}
    default = any(annotations.get(key) == "true" for key in _DEFAULT_ANNOTATIONS)
    return [
        f"{name(obj)} (default)" if default else name(obj),
        obj.provisioner,
        obj.reclaim_policy or "Delete",
        obj.volume_binding_mode or "Immediate",
        bool(obj.allow_volume_expansion),
        age(obj, now),
    ]


STORAGE_CLASSES = Layout(
    (
        NAME,
        Column("Provisioner", "Who makes its volumes."),
        Column("ReclaimPolicy", "What becomes of its volumes when their claims go."),
        Column("VolumeBindingMode", "When its volumes are made and bound."),
        Column("AllowVolumeExpansion", "Whether its volumes may grow."),
        AGE,
    ),
    _storage_class,
)


def _attributes_class(obj: VolumeAttributesClass, now: float) -> Cells:
    return [name(obj), obj.driver_name, age(obj, now)]


VOLUME_ATTRIBUTES_CLASSES = Layout(
    (NAME, Column("DriverName", "The driver it is for."), AGE), _attributes_class
)


def _attachment(obj: VolumeAttachment, now: float) -> Cells:
    spec = obj.spec
    attached = obj.status is not None and obj.status.attached
    return [
        name(obj),
        spec.attacher,
        spec.source.persistent_volume_name or "",
        spec.node_name,
        attached,
        age(obj, now),
    ]


VOLUME_ATTACHMENTS = Layout(
    (
        NAME,
        Column("Attacher", "The driver that attaches.", format="name"),
        Column("PV", "What is attached."),
        Column("Node", "Where to."),
        flag("Attached", "Whether it is."),
        AGE,
    ),
    _attachment,
)


def _csi_node(obj: CSINode, now: float) -> Cells:
    return [name(obj), len(obj.spec.drivers), age(obj, now)]


CSI_NODES = Layout((NAME, number("Drivers", "How many drivers the node has."), AGE), _csi_node)


def _csi_driver(obj: CSIDriver, now: float) -> Cells:
    spec = obj.spec
    audiences = spec.token_requests
    return [
        name(obj),
        spec.attach_required is not False,
        bool(spec.pod_info_on_mount),
        bool(spec.storage_capacity),
        UNSET if audiences is None else ",".join(request.audience for request in audiences),
        bool(spec.requires_republish),
        ",".join(spec.volume_lifecycle_modes or ()) or NONE,
        age(obj, now),
    ]


CSI_DRIVERS = Layout(
    (
        NAME,
        flag("AttachRequired", "Whether volumes are attached first."),
        flag("PodInfoOnMount", "Whether it is told about the Pod."),
        flag("StorageCapacity", "Whether it publishes its capacity."),
        Column("TokenRequests", "Audiences of the tokens it wants."),
        flag("RequiresRepublish", "Whether volumes are published again and again."),
        Column("Modes", "Which volumes it can serve."),
        AGE,
    ),
    _csi_driver,
)


def _csi_capacity(obj: CSIStorageCapacity, now: float) -> Cells:
    return [name(obj), obj.storage_class_name, obj.capacity or UNSET]


CSI_STORAGE_CAPACITIES = Layout(
    (NAME, Column("StorageClassName", "The class it is about."), Column("Capacity", "How much there is.")),
    _csi_capacity,
)
