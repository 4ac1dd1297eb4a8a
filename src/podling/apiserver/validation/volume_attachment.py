"""The rules of VolumeAttachments: what is to be attached where never changes, only how far it is.

(k8s.io/kubernetes/pkg/apis/storage/validation)
"""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1, storage_v1

from . import persistent_volume_claim as claim_rules
from .csi_names import driver_name
from .metadata import IMMUTABLE, each

SPEC, STATUS = Path("spec"), Path("status")
MAX_METADATA = 256 * 1024
MAX_MESSAGE = 1024
_INLINE = "in the context of inline volumes"

Attachment = storage_v1.VolumeAttachment


def create(given: Attachment) -> Iterator[FieldError]:
    yield from _always(given)
    yield from driver_name(given.spec.attacher, SPEC / "attacher")
    if given.spec.source.persistent_volume_name is not None:
        path = SPEC / "source" / "persistentVolumeName"
        yield from each(names.dns1123_subdomain, given.spec.source.persistent_volume_name, path)


def update(given: Attachment, old: Attachment) -> Iterator[FieldError]:
    yield from _always(given)
    if not codec.semantic_equal(given.spec, old.spec):
        yield field.invalid(SPEC, given.spec, IMMUTABLE)


def update_status(given: Attachment, old: Attachment) -> Iterator[FieldError]:
    yield from update(given, old)


def _always(given: Attachment) -> Iterator[FieldError]:
    if not given.spec.attacher:
        yield field.required(SPEC / "attacher")
    yield from _source(given.spec.source, SPEC / "source")
    yield from each(names.dns1123_subdomain, given.spec.node_name, SPEC / "nodeName")
    if given.status is not None:
        yield from _status(given.status)


def _source(source: storage_v1.VolumeAttachmentSource, path: Path) -> Iterator[FieldError]:
    inline, name = source.inline_volume_spec, source.persistent_volume_name
    why = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
    if inline is None and name is None:
        yield field.required(path, why)
    elif inline is not None and name is not None:
        yield field.forbidden(path, why)
    elif inline is not None:
        yield from _inline(inline, path / "inlineVolumeSpec")
    elif not name:
        yield field.required(path / "persistentVolumeName", "must specify non empty persistentVolumeName")


def _inline(spec: core_v1.PersistentVolumeSpec, path: Path) -> Iterator[FieldError]:
    """A volume without an object of its own is a CSI driver's, and nothing is said of it that only an object could keep."""
    for value, name in ((spec.claim_ref, "claimRef"), (spec.capacity, "capacity")):
        if value:
            yield field.forbidden(path / name, f"may not be specified {_INLINE}")
    if spec.csi is None:
        yield field.required(path / "csi", f"has to be specified {_INLINE}")
    if not spec.access_modes:
        yield field.required(path / "accessModes")
    yield from claim_rules.access_modes(spec.access_modes or (), path / "accessModes")
    if spec.persistent_volume_reclaim_policy not in (None, "", "Retain"):
        yield field.forbidden(path / "persistentVolumeReclaimPolicy", f"may only be Retain {_INLINE}")
    if spec.node_affinity is not None:
        yield field.forbidden(path / "nodeAffinity", f"may not be specified {_INLINE}")
    if spec.csi is not None:
        yield from driver_name(spec.csi.driver, path / "csi" / "driver")
        if not spec.csi.volume_handle:
            yield field.required(path / "csi" / "volumeHandle")
    if spec.storage_class_name:
        yield field.forbidden(path / "storageClassName", f"may not be specified {_INLINE}")
    if spec.volume_mode not in (None, "Filesystem"):
        why = f"may not specify volumeMode other than Filesystem {_INLINE}"
        yield field.forbidden(path / "volumeMode", why)


def _status(status: storage_v1.VolumeAttachmentStatus) -> Iterator[FieldError]:
    told = status.attachment_metadata or {}
    if sum(len(key.encode()) + len(value.encode()) for key, value in told.items()) > MAX_METADATA:
        yield field.too_long(STATUS / "attachmentMetadata", MAX_METADATA)
    for error, name in ((status.attach_error, "attachError"), (status.detach_error, "detachError")):
        if error is None:
            continue
        if len((error.message or "").encode()) > MAX_MESSAGE:
            yield field.too_long(STATUS / name / "message", MAX_METADATA)
        if error.error_code is not None and error.error_code < 0:
            why = names.between(0, 2**31 - 1)
            yield field.invalid(STATUS / name / "errorCode", error.error_code, why)
