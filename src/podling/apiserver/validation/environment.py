"""The rules of a container's environment variables and of what they may refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from podling.api import field, names, quantity
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from .metadata import each

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
_CONVERTIBLE = {*ENV_FIELDS, *VOLUME_FIELDS, "spec.restartPolicy", "status.phase"}
_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGE_PAGES = ("limits.hugepages-", "requests.hugepages-")
_SIZES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SUBSCRIPT = re.compile(r"(.+)\['([^']*)'\]")


def variables(env: list[core_v1.EnvVar], path: Path) -> Iterator[FieldError]:
    for index, variable in enumerate(env):
        here = path / index
        if not variable.name:
            yield field.required(here / "name")
        else:
            yield from each(names.env_name, variable.name, here / "name")
        if variable.value_from is not None:
            yield from _value_from(variable, variable.value_from, here / "valueFrom")


def sources(env_from: list[core_v1.EnvFromSource], path: Path) -> Iterator[FieldError]:
    for index, source in enumerate(env_from):
        here = path / index
        if source.prefix:
            yield from each(names.env_name, source.prefix, here / "prefix")
        given = [
            (ref.name or "", name)
            for ref, name in ((source.config_map_ref, "configMapRef"), (source.secret_ref, "secretRef"))
            if ref is not None
        ]
        for referred, name in given:
            if not referred:
                yield field.required(here / name / "name")
            else:
                yield from each(names.dns1123_subdomain, referred, here / name / "name")
        if not given:
            yield field.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(given) > 1:
            yield field.invalid(path, "", "may not have more than one field specified at a time")


def object_field(
    selector: core_v1.ObjectFieldSelector, path: Path, fields: tuple[str, ...]
) -> Iterator[FieldError]:
    """A downward-API reference to a field of the Pod."""
    if not selector.api_version:
        yield field.required(path / "apiVersion")
        return
    name = selector.field_path
    if not name:
        yield field.required(path / "fieldPath")
        return
    subscripted = _SUBSCRIPT.fullmatch(name)
    if subscripted is not None:
        base, key = subscripted.groups()
        if base not in ("metadata.annotations", "metadata.labels"):
            yield field.invalid(path, base, "does not support subscript")
        else:
            yield from each(names.label_key, key.lower() if base == "metadata.annotations" else key, path)
    elif name not in _CONVERTIBLE:
        why = f"error converting fieldPath: field label not supported: {name}"
        yield field.invalid(path / "fieldPath", name, why)
    elif name not in fields:
        yield field.not_supported(path / "fieldPath", name, fields)


def resource_field(
    selector: core_v1.ResourceFieldSelector, path: Path, *, in_volume: bool
) -> Iterator[FieldError]:
    """A downward-API reference to a container's requests or limits."""
    resource = selector.resource
    if in_volume and not selector.container_name:
        yield field.required(path / "containerName")
    elif not resource:
        yield field.required(path / "resource")
    elif resource not in _RESOURCES and not resource.startswith(_HUGE_PAGES):
        yield field.not_supported(path / "resource", resource, _RESOURCES)
    if selector.divisor and not quantity.parse(selector.divisor).is_zero:
        yield from _divisor(resource, selector.divisor, path / "divisor")


def _divisor(resource: str, divisor: str, path: Path) -> Iterator[FieldError]:
    what = resource.partition(".")[2]
    divisor = quantity.canonical(divisor)
    if what == "cpu":
        if divisor not in ("1m", "1"):
            why = "only divisor's values 1m and 1 are supported with the cpu resource"
            yield field.invalid(path, resource, why)
        return
    if divisor not in _SIZES:
        words = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}.get(what, "hugepages")
        why = f"only divisor's values {', '.join(_SIZES)} are supported with the {words} resource"
        yield field.invalid(path, resource, why)


def _value_from(variable: core_v1.EnvVar, source: core_v1.EnvVarSource, path: Path) -> Iterator[FieldError]:
    count = 0
    if source.field_ref is not None:
        count += 1
        yield from object_field(source.field_ref, path / "fieldRef", ENV_FIELDS)
    if source.resource_field_ref is not None:
        count += 1
        yield from resource_field(source.resource_field_ref, path / "resourceFieldRef", in_volume=False)
    if source.config_map_key_ref is not None:
        count += 1
        ref = source.config_map_key_ref
        yield from _key_selector(ref.name, ref.key, path / "configMapKeyRef")
    if source.secret_key_ref is not None:
        count += 1
        yield from _key_selector(source.secret_key_ref.name, source.secret_key_ref.key, path / "secretKeyRef")
    if source.file_key_ref is not None:
        count += 1
    if count == 0:
        why = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        yield field.invalid(path, "", why)
    elif variable.value:
        yield field.invalid(path, "", "may not be specified when `value` is not empty")
    elif count > 1:
        yield field.invalid(path, "", "may not have more than one field specified at a time")


def _key_selector(name: str | None, key: str, path: Path) -> Iterator[FieldError]:
    yield from each(names.dns1123_subdomain, name or "", path / "name")
    if not key:
        yield field.required(path / "key")
    else:
        yield from each(names.config_key, key, path / "key")
