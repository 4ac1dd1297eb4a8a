"""Devices (resource.k8s.io): claims, slices, taints and requests for the state of pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .layout import AGE, NAME, NONE, Cells, Column, Layout, age, name, number, since

if TYPE_CHECKING:
    from podling.api.types.resource_v1 import DeviceTaintRule, ResourceClaim, ResourceSlice
    from podling.api.types.resource_v1alpha3 import PoolStatus, ResourcePoolStatusRequest


def _claim(obj: ResourceClaim, now: float) -> Cells:
    allocated = obj.status is not None and obj.status.allocation is not None
    states = ["deleted"] if obj.metadata.deletion_timestamp else []
    if allocated:
        states.append("allocated")
        if obj.status is not None and obj.status.reserved_for:
            states.append("reserved")
    elif not states:
        states.append("pending")
    return [name(obj), ",".join(states), age(obj, now)]


RESOURCE_CLAIMS = Layout((NAME, Column("State", "How the claim stands."), AGE), _claim)


def _slice(obj: ResourceSlice, now: float) -> Cells:
    spec = obj.spec
    return [name(obj), spec.node_name or "", spec.driver, spec.pool.name, age(obj, now)]


RESOURCE_SLICES = Layout(
    (
        NAME,
        Column("Node", "The node that has the devices."),
        Column("Driver", "Who manages them."),
        Column("Pool", "The pool they belong to."),
        AGE,
    ),
    _slice,
)


def _taint_rule(obj: DeviceTaintRule, now: float) -> Cells:
    taint = obj.spec.taint
    added = since(taint.time_added, now) if taint.time_added else ""
    return [name(obj), taint.key, taint.value or "", taint.effect, added, age(obj, now)]


DEVICE_TAINT_RULES = Layout(
    (
        NAME,
        Column("Key", "The taint's key."),
        Column("Value", "The taint's value."),
        Column("Effect", "What it does to those who do not tolerate it."),
        Column("TimeAdded", "Time since it was added."),
        AGE,
    ),
    _taint_rule,
)


def _pool_status(obj: ResourcePoolStatusRequest, now: float) -> Cells:
    status = obj.status
    state, completed = _answered(obj, now)
    pools = (status.pools if status else None) or []
    count = status.pool_count if status else 0
    if state == "Complete" and count > len(pools):
        state = f"Complete ({len(pools)}/{count} pools)"
    sums = ["-"] * 5 if status is None or state == "Failed" else _sums(pools)
    return [name(obj), obj.spec.driver, *sums, count, state, completed]


def _answered(obj: ResourcePoolStatusRequest, now: float) -> tuple[str, str]:
    """Whether a request has been answered, and how long ago."""
    for item in (obj.status.conditions if obj.status else None) or ():
        if item.status == "True" and item.type == "Complete":
            return "Complete", since(item.last_transition_time, now)
        if item.status == "True" and item.type == "Failed":
            return "Failed", NONE
    return "Pending", NONE


def _sums(pools: list[PoolStatus]) -> list[str]:
    kept = ("total_devices", "available_devices", "allocated_devices", "unavailable_devices")
    counts = [sum(getattr(pool, attribute) or 0 for pool in pools) for attribute in kept]
    return [str(count) for count in (*counts, sum(pool.validation_error is not None for pool in pools))]


RESOURCE_POOL_STATUS_REQUESTS = Layout(
    (
        NAME,
        Column("Driver", "Whose pools are asked about."),
        Column("Total", "Devices in all pools."),
        Column("Available", "Devices that are free."),
        Column("Allocated", "Devices that are taken."),
        Column("Unavailable", "Devices that cannot be had."),
        Column("Errors", "Pools that are not valid."),
        number("Pools", "Pools that were asked about."),
        Column("Status", "Whether the request has been answered."),
        Column("Completed", "Time since it was."),
    ),
    _pool_status,
)
