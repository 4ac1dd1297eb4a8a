"""The rules of a Pod's volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from podling.api import field, names, quantity
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from . import environment, persistent_volume_claim, projections
from .metadata import each
from .resources import unreserved

MAX_MODE = 0o777
MIN_TOKEN_SECONDS = 600
MAX_TOKEN_SECONDS = 1 << 32
_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_FILE_MODE = "must be a number between 0 and 0777 (octal), both inclusive"


def faults(
    volumes: list[core_v1.Volume], path: Path, known: dict[str, core_v1.Volume]
) -> Iterator[FieldError]:
    """Faults of the volumes; fills `known` with the good ones by name, for mounts to refer to."""
    for index, volume in enumerate(volumes):
        here = path / index
        found = [*_source(volume, here), *_name(volume, here / "name", known)]
        yield from found
        if not found:
            known[volume.name] = volume


def _name(volume: core_v1.Volume, path: Path, known: dict[str, core_v1.Volume]) -> Iterator[FieldError]:
    if not volume.name:
        yield field.required(path)
    else:
        yield from each(names.dns1123_label, volume.name, path)
    if volume.name in known:
        yield field.duplicate(path, volume.name)


_SOURCES = tuple(
    (attribute, name)
    for attribute, name in zip(
        core_v1.Volume.__struct_fields__, core_v1.Volume.__struct_encode_fields__, strict=True
    )
    if attribute != "name"
)


def _source(volume: core_v1.Volume, path: Path) -> Iterator[FieldError]:
    given = [
        (source, name) for attribute, name in _SOURCES if (source := getattr(volume, attribute)) is not None
    ]
    if not given:
        yield field.required(path, "must specify a volume type")
        return
    source, name = given[0]
    check = _CHECKS.get(type(source))
    if check is not None:
        yield from check(source, path / name)
    for _, name in given[1:]:
        yield field.forbidden(path / name, "may not specify more than 1 volume type")


def _empty_dir(source: core_v1.EmptyDirVolumeSource, path: Path) -> Iterator[FieldError]:
    if source.size_limit and quantity.parse(source.size_limit) < quantity.ZERO:
        yield field.forbidden(path / "sizeLimit", "SizeLimit field must be a valid resource quantity")


def host_path(source: core_v1.HostPathVolumeSource, path: Path) -> Iterator[FieldError]:
    if not source.path:
        yield field.required(path / "path")
        return
    if ".." in source.path.split("/"):
        yield field.invalid(path / "path", source.path, "must not contain '..'")
    if source.type is not None and source.type not in _HOST_PATH_TYPES:
        yield field.not_supported(path / "type", source.type, _HOST_PATH_TYPES)


def _secret(source: core_v1.SecretVolumeSource, path: Path) -> Iterator[FieldError]:
    if not source.secret_name:
        yield field.required(path / "secretName")
    yield from _mode(source.default_mode, path / "defaultMode")
    yield from _items(source.items, path / "items")


def _config_map(source: core_v1.ConfigMapVolumeSource, path: Path) -> Iterator[FieldError]:
    if not source.name:
        yield field.required(path / "name")
    yield from _mode(source.default_mode, path / "defaultMode")
    yield from _items(source.items, path / "items")


def _downward(source: core_v1.DownwardAPIVolumeSource, path: Path) -> Iterator[FieldError]:
    yield from _mode(source.default_mode, path / "defaultMode")
    for item in source.items or ():
        yield from _downward_file(item, path)


def _downward_file(item: core_v1.DownwardAPIVolumeFile, path: Path) -> Iterator[FieldError]:
    if not item.path:
        yield field.required(path / "path")
    yield from unreserved(item.path, path / "path")
    if item.field_ref is not None:
        yield from environment.object_field(item.field_ref, path / "fieldRef", environment.VOLUME_FIELDS)
        if item.resource_field_ref is not None:
            why = "fieldRef and resourceFieldRef can not be specified simultaneously"
            yield field.invalid(path, "resource", why)
    elif item.resource_field_ref is not None:
        yield from environment.resource_field(
            item.resource_field_ref, path / "resourceFieldRef", in_volume=True
        )
    else:
        yield field.required(path, "one of fieldRef and resourceFieldRef is required")
    yield from _mode(item.mode, path / "mode")


def _projected(source: core_v1.ProjectedVolumeSource, path: Path) -> Iterator[FieldError]:
    yield from _mode(source.default_mode, path / "defaultMode")
    paths: set[str] = set()
    for index, projection in enumerate(source.sources or ()):
        here = path / "sources" / index
        yield from _projection(projection, here)
        for placed in _paths(projection):
            if placed in paths:
                yield field.invalid(here, "path", f"conflicting duplicate paths: {placed}")
            paths.add(placed)


def _projection(projection: core_v1.VolumeProjection, path: Path) -> Iterator[FieldError]:
    count = 0
    for source, name in ((projection.secret, "secret"), (projection.config_map, "configMap")):
        if source is not None:
            count += 1
            if not source.name:
                yield field.required(path / name / "name")
            yield from _items(source.items, path / name / "items")
    if projection.downward_api is not None:
        count += 1
        for item in projection.downward_api.items or ():
            yield from _downward_file(item, path / "downwardAPI")
    token = projection.service_account_token
    if token is not None:
        count += 1
        yield from _token(token, path / "serviceAccountToken")
    if projection.cluster_trust_bundle is not None:
        count += 1
        yield from projections.trust_bundle(projection.cluster_trust_bundle, path / "clusterTrustBundlePEM")
    if projection.pod_certificate is not None:
        count += 1
        yield from projections.certificate(projection.pod_certificate, path / "podCertificate")
    if count > 1:
        yield field.forbidden(path, "may not specify more than 1 volume type")


def _token(token: core_v1.ServiceAccountTokenProjection, path: Path) -> Iterator[FieldError]:
    seconds = token.expiration_seconds
    if seconds is not None and seconds < MIN_TOKEN_SECONDS:
        why = "may not specify a duration less than 10 minutes"
        yield field.invalid(path / "expirationSeconds", seconds, why)
    if seconds is not None and seconds > MAX_TOKEN_SECONDS:
        why = "may not specify a duration larger than 2^32 seconds"
        yield field.invalid(path / "expirationSeconds", seconds, why)
    if not token.path:
        yield field.required(path / "path")
    else:
        yield from unreserved(token.path, path / "path")


def _paths(projection: core_v1.VolumeProjection) -> list[str]:
    found = [
        item.path
        for source in (projection.secret, projection.config_map)
        if source
        for item in source.items or ()
    ]
    if projection.downward_api is not None:
        found += [item.path for item in projection.downward_api.items or ()]
    if projection.service_account_token is not None:
        found.append(projection.service_account_token.path)
    if projection.cluster_trust_bundle is not None:
        found.append(projection.cluster_trust_bundle.path)
    if (certificate := projection.pod_certificate) is not None:
        own = (certificate.credential_bundle_path, certificate.key_path, certificate.certificate_chain_path)
        found += [path for path in own if path]
    return [path for path in found if path]


def _claim(source: core_v1.PersistentVolumeClaimVolumeSource, path: Path) -> Iterator[FieldError]:
    if not source.claim_name:
        yield field.required(path / "claimName")


def _nfs(source: core_v1.NFSVolumeSource, path: Path) -> Iterator[FieldError]:
    if not source.server:
        yield field.required(path / "server")
    if not source.path:
        yield field.required(path / "path")
    elif not source.path.startswith("/"):
        yield field.invalid(path / "path", source.path, "must be an absolute path")


def _csi(source: core_v1.CSIVolumeSource, path: Path) -> Iterator[FieldError]:
    if not source.driver:
        yield field.required(path / "driver")


def _ephemeral(source: core_v1.EphemeralVolumeSource, path: Path) -> Iterator[FieldError]:
    if source.volume_claim_template is None:
        yield field.required(path / "volumeClaimTemplate")
    else:
        template = path / "volumeClaimTemplate"
        yield from persistent_volume_claim.spec(source.volume_claim_template.spec, template / "spec")


def _image(source: core_v1.ImageVolumeSource, path: Path) -> Iterator[FieldError]:
    if not source.reference:
        yield field.required(path / "reference")


def _mode(mode: int | None, path: Path) -> Iterator[FieldError]:
    if mode is not None and not 0 <= mode <= MAX_MODE:
        yield field.invalid(path, mode, _FILE_MODE)


def _items(items: list[core_v1.KeyToPath] | None, path: Path) -> Iterator[FieldError]:
    for index, item in enumerate(items or ()):
        here = path / index
        if not item.key:
            yield field.required(here / "key")
        if not item.path:
            yield field.required(here / "path")
        yield from unreserved(item.path, here / "path")
        yield from _mode(item.mode, here / "mode")


_CHECKS: dict[type, Callable[[Any, Path], Iterator[FieldError]]] = {
    core_v1.CSIVolumeSource: _csi,
    core_v1.ConfigMapVolumeSource: _config_map,
    core_v1.DownwardAPIVolumeSource: _downward,
    core_v1.EmptyDirVolumeSource: _empty_dir,
    core_v1.EphemeralVolumeSource: _ephemeral,
    core_v1.HostPathVolumeSource: host_path,
    core_v1.ImageVolumeSource: _image,
    core_v1.NFSVolumeSource: _nfs,
    core_v1.PersistentVolumeClaimVolumeSource: _claim,
    core_v1.ProjectedVolumeSource: _projected,
    core_v1.SecretVolumeSource: _secret,
}
