"""The rules of ResourceSlices: which devices a driver offers, and to which nodes (pkg/apis/resource/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.types import resource_v1

from . import devices, scheduling
from .csi_names import driver_name
from .metadata import each, immutable

SPEC = Path("spec")
MAX_DEVICES, MAX_ADVANCED_DEVICES = 128, 64
MAX_ENTRIES = 32
MAX_VALUE = 64
MAX_COUNTER_SETS = 8
MAX_COUNTERS = 32
MAX_TAINTS = 16
_NUMBER = "(0|[1-9][0-9]*)"
_PRERELEASE = "(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_BUILD = "[0-9a-zA-Z-]+"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRERELEASE}(\.{_PRERELEASE})*)?(\+{_BUILD}(\.{_BUILD})*)?"
)
_SET_OR_TRUE = "must be either unset or set to true"
_ONE_PLACE = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
_DEVICE_PLACE = (
    "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in "
    "the ResourceSlice spec"
)
_NO_DEVICE_PLACE = (
    "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the "
    "ResourceSlice spec"
)

Slice = resource_v1.ResourceSlice
Spec = resource_v1.ResourceSliceSpec


def create(given: Slice) -> Iterator[FieldError]:
    yield from _head(given.spec)
    yield from _body(given.spec, {})


def update(given: Slice, old: Slice) -> Iterator[FieldError]:
    """Whose slice it is never changes; capacities and taints that are as they were are not judged again."""
    spec, before = given.spec, old.spec
    yield from _head(spec)
    yield from immutable(spec.pool.name, before.pool.name, SPEC / "pool" / "name")
    yield from immutable(spec.driver, before.driver, SPEC / "driver")
    yield from immutable(spec.node_name, before.node_name, SPEC / "nodeName")
    yield from _body(spec, {device.name: device for device in before.devices or ()})


def _head(spec: Spec) -> Iterator[FieldError]:
    yield from driver_name(spec.driver, SPEC / "driver")
    pool, path = spec.pool, SPEC / "pool"
    yield from devices.pool_name(pool.name, path / "name")
    if pool.resource_slice_count <= 0:
        yield field.invalid(
            path / "resourceSliceCount", pool.resource_slice_count, "must be greater than zero"
        )
    if pool.generation < 0:
        yield field.invalid(path / "generation", pool.generation, "must be greater than or equal to zero")


def _body(spec: Spec, had: Mapping[str, resource_v1.Device]) -> Iterator[FieldError]:
    yield from _place(spec)
    if spec.shared_counters is not None and spec.devices is not None:
        yield field.invalid(SPEC, "", "only one of `sharedCounters` or `devices` is allowed")
    given, path = spec.devices or [], SPEC / "devices"

    def device(one: resource_v1.Device, path: Path) -> Iterator[FieldError]:
        yield from _device(one, had.get(one.name), path)
        yield from _device_place(one, path, chooses=bool(spec.per_device_node_selection))

    advanced = any(one.taints or one.consumes_counters for one in given)
    yield from devices.some(given, path, MAX_ADVANCED_DEVICES if advanced else MAX_DEVICES, device)
    yield from devices.unique([one.name for one in given], path)
    counters, path = spec.shared_counters or [], SPEC / "sharedCounters"
    yield from devices.some(counters, path, MAX_COUNTER_SETS, _counter_set)
    yield from devices.unique([one.name for one in counters], path)


def _place(spec: Spec) -> Iterator[FieldError]:
    """Which nodes reach the devices, said in one way."""
    ways = []
    if spec.node_name is not None:
        if spec.node_name:
            ways.append("`nodeName`")
            yield from each(names.dns1123_subdomain, spec.node_name, SPEC / "nodeName")
        else:
            why = "must be either unset or set to a non-empty string"
            yield field.invalid(SPEC / "nodeName", "", why)
    if spec.node_selector is not None:
        ways.append("`nodeSelector`")
        path, terms = SPEC / "nodeSelector", spec.node_selector.node_selector_terms
        yield from scheduling.node_selector(spec.node_selector, path)
        if len(terms) != 1:
            yield field.invalid(path / "nodeSelectorTerms", terms, "must have exactly one node selector term")
    for value, name in (
        (spec.all_nodes, "allNodes"),
        (spec.per_device_node_selection, "perDeviceNodeSelection"),
    ):
        if value:
            ways.append(f"`{name}`")
        elif value is False:
            yield field.invalid(SPEC / name, False, _SET_OR_TRUE)
    if not ways:
        yield field.required(SPEC, _ONE_PLACE)
    elif len(ways) > 1:
        yield field.invalid(SPEC, f"{{{', '.join(ways)}}}", f"{_ONE_PLACE}, but multiple fields are set")


def _device_place(device: resource_v1.Device, path: Path, *, chooses: bool) -> Iterator[FieldError]:
    said = (device.node_name, device.node_selector, device.all_nodes)
    if not chooses:
        if any(one is not None for one in said):
            yield field.invalid(path, None, _NO_DEVICE_PLACE)
        return
    ways = []
    if device.node_name:
        ways.append("`nodeName`")
        yield from each(names.dns1123_subdomain, device.node_name, path / "nodeName")
    elif device.node_name is not None:
        yield field.invalid(path / "nodeName", "", "must not be empty")
    if device.node_selector is not None:
        ways.append("`nodeSelector`")
        yield from scheduling.node_selector(device.node_selector, path / "nodeSelector")
    if device.all_nodes:
        ways.append("`allNodes`")
    elif device.all_nodes is False:
        yield field.invalid(path / "allNodes", False, _SET_OR_TRUE)
    if not ways:
        yield field.required(path, _DEVICE_PLACE)
    elif len(ways) > 1:
        yield field.invalid(path, f"{{{', '.join(ways)}}}", _DEVICE_PLACE)


def _device(device: resource_v1.Device, had: resource_v1.Device | None, path: Path) -> Iterator[FieldError]:
    yield from each(names.dns1123_label, device.name, path / "name")
    attributes, capacity = device.attributes or {}, device.capacity or {}
    count = len(attributes) + len(capacity)
    if count > MAX_ENTRIES:
        why = f"the total number of attributes and capacities must not exceed {MAX_ENTRIES}"
        yield field.invalid(path, count, why)
    for name, attribute in attributes.items():
        yield from devices.qualified_name(name, path / "attributes")
        yield from _attribute(attribute, (path / "attributes").key(name))
    if had is None or not codec.semantic_equal(had.capacity, device.capacity):
        for name, amount in capacity.items():
            yield from devices.qualified_name(name, path / "capacity")
            if amount.request_policy is not None and not device.allow_multiple_allocations:
                where = (path / "capacity").key(name) / "requestPolicy"
                yield field.forbidden(where, "allowMultipleAllocations must be true")
    if had is None or not codec.semantic_equal(had.taints, device.taints):
        yield from devices.some(device.taints or [], path / "taints", MAX_TAINTS, devices.taint)
    consumed = device.consumes_counters or []
    for index, one in enumerate(consumed):
        here = path / "consumesCounters" / index
        yield from _counters(one.counter_set, one.counters, here, "counterSet")
    yield from devices.unique([one.counter_set for one in consumed], path / "consumesCounters")
    yield from _conditions(device, path)


def _attribute(given: resource_v1.DeviceAttribute, path: Path) -> Iterator[FieldError]:
    """One value, or one list of values of the same type."""
    strings = [(given.string, path / "string")]
    strings += [(one, path / "strings" / index) for index, one in enumerate(given.strings or ())]
    versions = [(given.version, path / "version")]
    versions += [(one, path / "versions" / index) for index, one in enumerate(given.versions or ())]
    for text, where in versions:
        if text is not None and not _VERSION.fullmatch(text):
            yield field.invalid(where, text, "must be a string compatible with semver.org spec 2.0.0")
    for text, where in (*strings, *versions):
        if text is not None and len(text.encode()) > MAX_VALUE:
            yield field.too_long(where, MAX_VALUE)
    for name in ("bools", "ints", "strings", "versions"):
        if getattr(given, name) == []:
            yield field.invalid(path / name, [], "must not be empty if specified")
    count = sum(getattr(given, name) is not None for name in given.__struct_fields__)
    if count != 1:
        yield field.invalid(path, given if count else "", "exactly one value must be specified")


def _counter_set(given: resource_v1.CounterSet, path: Path) -> Iterator[FieldError]:
    yield from _counters(given.name, given.counters, path, "name")


def _counters(
    name: str, counters: Mapping[str, resource_v1.Counter], path: Path, called: str
) -> Iterator[FieldError]:
    """Counters of a set, which the path's field `called` names."""
    if not name:
        yield field.required(path / called)
    else:
        yield from each(names.dns1123_label, name, path / called)
    if not counters:
        yield field.required(path / "counters")
    elif len(counters) > MAX_COUNTERS:
        yield field.too_many(path / "counters", len(counters), MAX_COUNTERS)
    else:
        for key in counters:
            yield from each(names.dns1123_label, key, path / "counters")


def _conditions(device: resource_v1.Device, path: Path) -> Iterator[FieldError]:
    """What must be true, and what must not, before a Pod is bound to a node for the device."""
    needed, fatal = device.binding_conditions or [], device.binding_failure_conditions or []
    for given, name in ((needed, "bindingConditions"), (fatal, "bindingFailureConditions")):
        for index, one in enumerate(given):
            yield from each(names.label_key, one, path / name / index)
        yield from devices.unique(given, path / name)
    for index, one in enumerate(fatal):
        if one in needed:
            why = "bindingFailureConditions must not overlap with bindingConditions"
            yield field.invalid(path / "bindingFailureConditions" / index, one, why)
    if fatal and not needed:
        why = "bindingConditions are required to use bindingFailureConditions"
        yield field.invalid(path / "bindingConditions", device.binding_conditions, why)
    if needed and not fatal:
        why = "bindingFailureConditions are required to use bindingConditions"
        yield field.invalid(path / "bindingFailureConditions", device.binding_failure_conditions, why)
