"""The rules of PriorityClasses."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import scheduling_v1

from .metadata import METADATA

SYSTEM_PREFIX = "system-"
HIGHEST = 1_000_000_000
SYSTEM = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_PREEMPTION = ("Never", "PreemptLowerPriority")


def create(priority: scheduling_v1.PriorityClass) -> Iterator[FieldError]:
    name, value = priority.metadata.name or "", priority.value or 0
    if name.startswith(SYSTEM_PREFIX):
        if SYSTEM.get(name) != value or priority.global_default:
            why = (
                "priority class names with 'system-' prefix are reserved for system use only. "
                f"error: {name} is not a known system priority class"
            )
            yield field.forbidden(METADATA / "name", why)
    elif value > HIGHEST:
        why = f"maximum allowed value of a user defined priority is {HIGHEST}"
        yield field.forbidden(Path("value"), why)
    policy = priority.preemption_policy
    if policy is not None and policy not in _PREEMPTION:
        yield field.not_supported(Path("preemptionPolicy"), policy, _PREEMPTION)


def update(priority: scheduling_v1.PriorityClass, old: scheduling_v1.PriorityClass) -> Iterator[FieldError]:
    if (priority.value or 0) != (old.value or 0):
        yield field.forbidden(Path("Value"), "may not be changed in an update.")
    if priority.preemption_policy != old.preemption_policy:
        yield field.invalid(Path("preemptionPolicy"), priority.preemption_policy, "field is immutable")
