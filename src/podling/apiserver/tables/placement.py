"""Leases, priorities, runtime classes and devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .layout import AGE, NAME, Cells, Column, Layout, age, flag, name, number

if TYPE_CHECKING:
    from podling.api.types.coordination_v1 import Lease
    from podling.api.types.node_v1 import RuntimeClass
    from podling.api.types.resource_v1 import ResourceClaim, ResourceSlice
    from podling.api.types.scheduling_v1 import PriorityClass


def _lease(obj: Lease, now: float) -> Cells:
    return [name(obj), (obj.spec.holder_identity if obj.spec else None) or "", age(obj, now)]


LEASES = Layout((NAME, Column("Holder", "Who holds it."), AGE), _lease)


def _priority_class(obj: PriorityClass, now: float) -> Cells:
    return [name(obj), obj.value or 0, bool(obj.global_default), age(obj, now), obj.preemption_policy or ""]


PRIORITY_CLASSES = Layout(
    (
        NAME,
        number("Value", "Pods with larger numbers go first."),
        flag("Global-Default", "Whether Pods without a class have it."),
        AGE,
        Column("PreemptionPolicy", "Whether its Pods may oust others."),
    ),
    _priority_class,
)


def _runtime_class(obj: RuntimeClass, now: float) -> Cells:
    return [name(obj), obj.handler, age(obj, now)]


RUNTIME_CLASSES = Layout((NAME, Column("Handler", "How the runtime calls it."), AGE), _runtime_class)


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


def _aged(obj: Any, now: float) -> Cells:
    return [name(obj), age(obj, now)]


AGED = Layout((NAME, AGE), _aged)
"""Kinds of which only name and age are shown."""
