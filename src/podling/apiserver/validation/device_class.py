"""The rules of DeviceClasses (pkg/apis/resource/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import resource_v1

from . import devices, resources
from .devices import MAX_ITEMS

SPEC = Path("spec")


def create(given: resource_v1.DeviceClass) -> Iterator[FieldError]:
    spec = given.spec or resource_v1.DeviceClassSpec()
    yield from devices.some(spec.selectors or [], SPEC / "selectors", MAX_ITEMS, devices.selector)
    yield from devices.some(spec.config or [], SPEC / "config", MAX_ITEMS, _config)
    name = spec.extended_resource_name
    if name is not None and not resources.is_extended(name):
        path = SPEC / "extendedResourceName"
        yield field.invalid(path, name, "must be a valid extended resource name")


def update(given: resource_v1.DeviceClass, old: resource_v1.DeviceClass) -> Iterator[FieldError]:
    yield from create(given)


def _config(given: resource_v1.DeviceClassConfiguration, path: Path) -> Iterator[FieldError]:
    yield from devices.opaque(given.opaque, path)
