"""The rules of PersistentVolumes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from podling.api import codec, field, quantity
from podling.api.field import FieldError, Path
from podling.api.storage import marks
from podling.api.types import core_v1

from . import persistent_volume_claim as claim_rules
from .metadata import IMMUTABLE, immutable
from .scheduling import node_selector
from .volumes import host_path

SPEC = Path("spec")
_POLICIES = ("Delete", "Recycle", "Retain")
_NOT_SOURCES = {
    *("access_modes", "capacity", "claim_ref", "mount_options", "node_affinity", "storage_class_name"),
    *("persistent_volume_reclaim_policy", "volume_attributes_class_name", "volume_mode"),
}
_SOURCES = tuple(
    (attribute, name)
    for attribute, name in zip(
        core_v1.PersistentVolumeSpec.__struct_fields__,
        core_v1.PersistentVolumeSpec.__struct_encode_fields__,
        strict=True,
    )
    if attribute not in _NOT_SOURCES
)


def create(volume: core_v1.PersistentVolume) -> Iterator[FieldError]:
    spec = volume.spec or core_v1.PersistentVolumeSpec()
    if not spec.access_modes:
        yield field.required(SPEC / "accessModes")
    yield from claim_rules.access_modes(spec.access_modes or (), SPEC / "accessModes")
    yield from _capacity(spec, SPEC / "capacity")
    policy = spec.persistent_volume_reclaim_policy
    if policy and policy not in _POLICIES:
        yield field.not_supported(SPEC / "persistentVolumeReclaimPolicy", policy, _POLICIES)
    if spec.node_affinity is not None:
        yield from _affinity(spec.node_affinity, SPEC / "nodeAffinity")
    yield from _source(spec)
    if (
        policy == "Recycle"
        and spec.host_path is not None
        and posixpath.normpath(spec.host_path.path) in ("/", "//")
    ):
        why = "may not be 'recycle' for a hostPath mount of '/'"
        yield field.forbidden(SPEC / "persistentVolumeReclaimPolicy", why)
    yield from claim_rules.class_name(spec.storage_class_name, SPEC / "storageClassName")
    yield from claim_rules.volume_mode(spec.volume_mode, SPEC / "volumeMode")
    yield from _attributes(spec)


def update(volume: core_v1.PersistentVolume, old: core_v1.PersistentVolume) -> Iterator[FieldError]:
    """Where the storage is, in which mode and who reaches it, never changes."""
    yield from create(volume)
    now, before = (each.spec or core_v1.PersistentVolumeSpec() for each in (volume, old))
    if not all(codec.semantic_equal(getattr(now, name), getattr(before, name)) for name, _ in _SOURCES):
        why = "spec.persistentvolumesource is immutable after creation"
        yield field.forbidden(SPEC / "persistentvolumesource", why)
    yield from immutable(now.volume_mode, before.volume_mode, Path("volumeMode"))
    if before.node_affinity is not None and not codec.semantic_equal(now.node_affinity, before.node_affinity):
        why = f"{IMMUTABLE}, except for updating from beta label to GA"
        shown = codec.to_dict(now.node_affinity) if now.node_affinity is not None else None
        yield field.invalid(Path("nodeAffinity"), shown, why)
    if before.volume_attributes_class_name is not None and now.volume_attributes_class_name is None:
        path = SPEC / "volumeAttributesClassName"
        yield field.forbidden(path, "update from non-nil value to nil is forbidden")


def _capacity(spec: core_v1.PersistentVolumeSpec, path: Path) -> Iterator[FieldError]:
    if not spec.capacity:
        yield field.required(path)
    if set(spec.capacity or ()) != {marks.STORAGE}:
        yield field.not_supported(path, spec.capacity, (marks.STORAGE,))
    for name, text in (spec.capacity or {}).items():
        if quantity.parse(text) < quantity.ZERO:
            yield field.invalid(path.key(name), text, "must be a valid resource quantity")
        yield from claim_rules.positive(text, path.key(name))


def _affinity(given: core_v1.VolumeNodeAffinity, path: Path) -> Iterator[FieldError]:
    if given.required is None:
        yield field.required(path / "required", "must specify required node constraints")
    else:
        yield from node_selector(given.required, path / "required")


def _source(spec: core_v1.PersistentVolumeSpec) -> Iterator[FieldError]:
    given = [
        (source, name) for attribute, name in _SOURCES if (source := getattr(spec, attribute)) is not None
    ]
    if not given:
        yield field.required(SPEC, "must specify a volume type")
    for _, name in given[1:]:
        yield field.forbidden(SPEC / name, "may not specify more than 1 volume type")
    if spec.host_path is not None:
        yield from host_path(spec.host_path, SPEC / "hostPath")
    if spec.local is not None:
        yield from _local(spec, spec.local, SPEC / "local")
    if spec.csi is not None:
        if not spec.csi.driver:
            yield field.required(SPEC / "csi" / "driver")
        if not spec.csi.volume_handle:
            yield field.required(SPEC / "csi" / "volumeHandle")


def _local(
    spec: core_v1.PersistentVolumeSpec, local: core_v1.LocalVolumeSource, path: Path
) -> Iterator[FieldError]:
    if not local.path:
        yield field.required(path / "path")
    elif ".." in local.path.split("/"):
        yield field.invalid(path / "path", local.path, "must not contain '..'")
    if spec.node_affinity is None or spec.node_affinity.required is None:
        yield field.required(SPEC / "nodeAffinity", "Local volume requires node affinity")


def _attributes(spec: core_v1.PersistentVolumeSpec) -> Iterator[FieldError]:
    name, path = spec.volume_attributes_class_name, SPEC / "volumeAttributesClassName"
    if name is None:
        return
    if not name:
        yield field.required(path, "an empty string is disallowed")
    yield from claim_rules.class_name(name, path)
    if spec.csi is None:
        yield field.required(SPEC / "csi", "has to be specified when using volumeAttributesClassName")
