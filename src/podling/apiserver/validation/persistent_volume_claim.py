"""The rules of PersistentVolumeClaims, and of the templates that claims are made from."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from podling.api import codec, field, names, quantity
from podling.api.field import FieldError, Path
from podling.api.storage import claims, marks
from podling.api.types import core_v1

from .metadata import METADATA, each, immutable
from .resources import amount
from .scheduling import label_selector

SPEC, STATUS = Path("spec"), Path("status")
MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", claims.ONCE_POD)
VOLUME_MODES = ("Block", "Filesystem")
_ATTRIBUTES = SPEC / "volumeAttributesClassName"


def create(claim: core_v1.PersistentVolumeClaim) -> Iterator[FieldError]:
    yield from spec(claim.spec or core_v1.PersistentVolumeClaimSpec(), SPEC)


def update(claim: core_v1.PersistentVolumeClaim, old: core_v1.PersistentVolumeClaim) -> Iterator[FieldError]:
    """A claim may be bound, once; it may get a class if it has none; when it is bound it may grow."""
    yield from create(claim)
    now, before = (each.spec or core_v1.PersistentVolumeClaimSpec() for each in (claim, old))
    yield from _class_annotation(claim, old)
    if not codec.semantic_equal(_with_what_may_change(claim, old, now, before), before):
        why = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName "
            "for bound claims"
        )
        yield field.forbidden(SPEC, why)
    if claims.asked(claim) < claims.asked(old) and claims.asked(claim) <= claims.held(old):
        path = SPEC / "resources" / "requests" / marks.STORAGE
        yield field.forbidden(path, "field can not be less than status.capacity")
    yield from immutable(now.volume_mode, before.volume_mode, Path("volumeMode"))
    if before.volume_attributes_class_name is not None:
        if now.volume_attributes_class_name is None:
            yield field.forbidden(_ATTRIBUTES, "update from non-nil value to nil is forbidden")
        elif not now.volume_attributes_class_name and before.volume_attributes_class_name:
            yield field.forbidden(_ATTRIBUTES, "update from non-nil value to an empty string is forbidden")


def update_status(
    claim: core_v1.PersistentVolumeClaim, _: core_v1.PersistentVolumeClaim
) -> Iterator[FieldError]:
    status = claim.status or core_v1.PersistentVolumeClaimStatus()
    for name, text in (status.capacity or {}).items():
        if quantity.parse(text) < quantity.ZERO:
            yield field.invalid((STATUS / "capacity").key(name), text, "must be a valid resource quantity")


def spec(given: core_v1.PersistentVolumeClaimSpec, path: Path) -> Iterator[FieldError]:
    """Faults of what a claim asks for; `path` is where, as templates lie deeper."""
    if not given.access_modes:
        yield field.required(path / "accessModes", "at least 1 access mode is required")
    if given.selector is not None:
        yield from label_selector(given.selector, path / "selector")
    yield from access_modes(given.access_modes or (), path / "accessModes")
    yield from _size(given, path / "resources")
    yield from class_name(given.storage_class_name, path / "storageClassName")
    yield from volume_mode(given.volume_mode, path / "volumeMode")
    yield from _sources(given, path)
    yield from class_name(given.volume_attributes_class_name, path / "volumeAttributesClassName")


def access_modes(given: Collection[str], path: Path) -> Iterator[FieldError]:
    for mode in given:
        if mode not in MODES:
            yield field.not_supported(path, mode, MODES)
    if claims.ONCE_POD in given and any(mode in MODES and mode != claims.ONCE_POD for mode in given):
        yield field.forbidden(path, "may not use ReadWriteOncePod with other access modes")


def class_name(name: str | None, path: Path) -> Iterator[FieldError]:
    if name:
        yield from each(names.dns1123_subdomain, name, path)


def volume_mode(mode: str | None, path: Path) -> Iterator[FieldError]:
    if mode is not None and mode not in VOLUME_MODES:
        yield field.not_supported(path, mode, VOLUME_MODES)


def positive(text: str, path: Path) -> Iterator[FieldError]:
    value = quantity.parse(text)
    if value <= quantity.ZERO:
        yield field.invalid(path, str(value), "must be greater than zero")


def _size(given: core_v1.PersistentVolumeClaimSpec, path: Path) -> Iterator[FieldError]:
    text = ((given.resources.requests if given.resources else None) or {}).get(marks.STORAGE)
    here = path.key(marks.STORAGE)
    if text is None:
        yield field.required(here)
        return
    wrong = list(positive(text, here))
    yield from wrong or amount(marks.STORAGE, text, here)


def _sources(given: core_v1.PersistentVolumeClaimSpec, path: Path) -> Iterator[FieldError]:
    plain, ref = given.data_source, given.data_source_ref
    for source, name in ((plain, "dataSource"), (ref, "dataSourceRef")):
        if source is not None:
            yield from _source(source, path / name)
    if ref is not None and ref.namespace:
        yield from each(names.dns1123_label, ref.namespace, path / "dataSourceRef" / "namespace")
        if plain is not None:
            why = "may not be specified when dataSourceRef.namespace is specified"
            yield field.invalid(path, str(path / "dataSource"), why)
    elif plain is not None and ref is not None and _identity(plain) != _identity(ref):
        yield field.invalid(path, str(path / "dataSource"), "must match dataSourceRef")


def _identity(
    source: core_v1.TypedLocalObjectReference | core_v1.TypedObjectReference,
) -> tuple[str, str, str]:
    return source.api_group or "", source.kind, source.name


def _source(
    source: core_v1.TypedLocalObjectReference | core_v1.TypedObjectReference, path: Path
) -> Iterator[FieldError]:
    if not source.name:
        yield field.required(path / "name")
    if not source.kind:
        yield field.required(path / "kind")
    if not source.api_group and source.kind != "PersistentVolumeClaim":
        why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        yield field.invalid(path, source.kind, why)
    if source.api_group:
        yield from each(names.dns1123_subdomain, source.api_group, path / "apiGroup")


def _with_what_may_change(
    claim: core_v1.PersistentVolumeClaim,
    old: core_v1.PersistentVolumeClaim,
    now: core_v1.PersistentVolumeClaimSpec,
    before: core_v1.PersistentVolumeClaimSpec,
) -> core_v1.PersistentVolumeClaimSpec:
    """The new spec with everything put back that may change at this point."""
    kept: dict[str, object] = {"volume_attributes_class_name": before.volume_attributes_class_name}
    if not before.volume_name:
        kept["volume_name"] = before.volume_name
    annotated = (old.metadata.annotations or {}).get(marks.CLASS_BETA)
    if before.storage_class_name is None and annotated in (None, now.storage_class_name):
        kept["storage_class_name"] = None
    resources = now.resources or core_v1.VolumeResourceRequirements()
    if claim.status is not None and claim.status.phase == "Bound" and resources.requests:
        was = ((before.resources.requests if before.resources else None) or {}).get(marks.STORAGE)
        others = {name: text for name, text in resources.requests.items() if name != marks.STORAGE}
        requests = others | ({marks.STORAGE: was} if was is not None else {})
        kept["resources"] = msgspec.structs.replace(resources, requests=requests)
    return msgspec.structs.replace(now, **kept)


def _class_annotation(
    claim: core_v1.PersistentVolumeClaim, old: core_v1.PersistentVolumeClaim
) -> Iterator[FieldError]:
    """The class of old is an annotation; it may move into its field, and not change otherwise."""
    now, before = ((each.metadata.annotations or {}).get(marks.CLASS_BETA) for each in (claim, old))
    named = claim.spec.storage_class_name if claim.spec else None
    moved = before is not None and named == before and now in (None, before)
    if not moved:
        yield from immutable(now, before, (METADATA / "annotations").key(marks.CLASS_BETA))
