"""The rules of DeviceTaintRules (pkg/apis/resource/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import resource_v1

from . import devices
from .conditions import conditions
from .csi_names import driver_name
from .metadata import each

SPEC, CONDITIONS = Path("spec"), Path("status", "conditions")
MAX_CONDITIONS = 8

Rule = resource_v1.DeviceTaintRule


def create(rule: Rule) -> Iterator[FieldError]:
    yield from _selected(rule)
    yield from devices.taint(rule.spec.taint, SPEC / "taint")


def update(rule: Rule, old: Rule) -> Iterator[FieldError]:
    yield from _selected(rule)
    yield from devices.taint(rule.spec.taint, SPEC / "taint", had=old.spec.taint.effect)


def update_status(rule: Rule, old: Rule) -> Iterator[FieldError]:
    given = (rule.status.conditions if rule.status is not None else None) or []
    yield from conditions(given, CONDITIONS)
    if len(given) > MAX_CONDITIONS:
        yield field.too_many(CONDITIONS, len(given), MAX_CONDITIONS)


def _selected(rule: Rule) -> Iterator[FieldError]:
    chosen = rule.spec.device_selector or resource_v1.DeviceTaintSelector()
    path = SPEC / "deviceSelector"
    if chosen.driver is not None:
        yield from driver_name(chosen.driver, path / "driver")
    if chosen.pool is not None:
        yield from devices.pool_name(chosen.pool, path / "pool")
    if chosen.device is not None:
        yield from each(names.dns1123_label, chosen.device, path / "device")
