"""Leases, priorities and runtime classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .layout import AGE, NAME, Cells, Column, Layout, age, flag, name, number

if TYPE_CHECKING:
    from podling.api.types.coordination_v1 import Lease
    from podling.api.types.coordination_v1beta1 import LeaseCandidate
    from podling.api.types.node_v1 import RuntimeClass
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


def _lease_candidate(obj: LeaseCandidate, now: float) -> Cells:
    spec = obj.spec
    versions = (spec.binary_version, spec.emulation_version or "") if spec else ("", "")
    return [name(obj), spec.lease_name if spec else "", *versions, age(obj, now)]


LEASE_CANDIDATES = Layout(
    (
        NAME,
        Column("LeaseName", "The Lease it stands for."),
        Column("BinaryVersion", "The version of its program."),
        Column("EmulationVersion", "The version it behaves as."),
        AGE,
    ),
    _lease_candidate,
)


def _aged(obj: Any, now: float) -> Cells:
    return [name(obj), age(obj, now)]


AGED = Layout((NAME, AGE), _aged)
"""Kinds of which only name and age are shown."""
