"""Whether the node can grant what a running Pod asks for now, and which of several Pods is asked first (pure).

(Source: kubelet `pkg/kubelet/allocation/allocation_manager.go`: `canResizePod`, `sortPendingResizes`.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podling.agent import admission
from podling.api import pod as pods
from podling.api import quantity, times
from podling.api.types import core_v1

DEFERRED, INFEASIBLE = "Deferred", "Infeasible"
PENDING = "PodResizePending"
_RANK = {"Guaranteed": 0, "Burstable": 1, "BestEffort": 2}


def judge(
    wanted: core_v1.Pod, others: Iterable[core_v1.Pod], allocatable: Mapping[str, str]
) -> tuple[str, str] | None:
    """Reason and message why the Pod cannot have what it wants beside the others, each with what it has been granted."""
    asked = pods.requests(wanted)
    for name in ("memory", "cpu"):
        amount, has = asked.get(name, quantity.ZERO), quantity.parse(allocatable.get(name, "0"))
        if amount > has:
            short = (
                f"{name}, requested: {admission.units(name, amount)}, capacity: {admission.units(name, has)}"
            )
            return INFEASIBLE, f"Node didn't have enough capacity: {short}"
    beside = [other for other in others if not pods.is_terminal(other)]
    verdict = admission.fits(wanted, beside, allocatable)
    return None if verdict is None else (DEFERRED, verdict.message)


def order(wanted: core_v1.Pod, allocated: core_v1.Pod) -> tuple[bool, int, int, float]:
    """A key: what needs no more than before first, then by priority, class of service, and how long it has waited."""
    spec = wanted.spec or core_v1.PodSpec()
    condition = pods.get_condition(wanted, PENDING)
    since = (
        times.parse(condition.last_transition_time) if condition and condition.last_transition_time else 0.0
    )
    return (
        _grows(wanted, allocated),
        -(spec.priority or 0),
        _RANK[pods.qos_class(wanted)],
        since or float("inf"),
    )


def _grows(wanted: core_v1.Pod, allocated: core_v1.Pod) -> bool:
    asked, has = pods.requests(wanted), pods.requests(allocated)
    return any(asked.get(name, quantity.ZERO) > has.get(name, quantity.ZERO) for name in ("cpu", "memory"))
