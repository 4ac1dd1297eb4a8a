"""What a node's conditions mean for Pods, as taints (pure; API reference, Taint; KEP-166, KEP-382).

A condition that is bad keeps new Pods away (`NoSchedule`). A node that is not ready or cannot be reached in the end drives its Pods out as
well (`NoExecute`); when that time has come is said by the caller.
"""

from __future__ import annotations

from podling.api import times
from podling.api.types import core_v1

from .health import readiness

PREFIX = "node.kubernetes.io/"
NOT_READY, UNREACHABLE = f"{PREFIX}not-ready", f"{PREFIX}unreachable"
UNSCHEDULABLE = f"{PREFIX}unschedulable"
_BY_CONDITION = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): f"{PREFIX}memory-pressure",
    ("DiskPressure", "True"): f"{PREFIX}disk-pressure",
    ("NetworkUnavailable", "True"): f"{PREFIX}network-unavailable",
    ("PIDPressure", "True"): f"{PREFIX}pid-pressure",
}
_KEEPING_AWAY = {*_BY_CONDITION.values(), UNSCHEDULABLE}
_DRIVING_OUT = {NOT_READY, UNREACHABLE}
_LABELS = (("kubernetes.io/os", "beta.kubernetes.io/os"), ("kubernetes.io/arch", "beta.kubernetes.io/arch"))


def wanted_driving_out(node: core_v1.Node) -> str | None:
    """The taint that is to drive Pods out once the node is given up; None while it is well."""
    return _BY_CONDITION.get(("Ready", readiness(node) or ""))


def drives_out(node: core_v1.Node) -> bool:
    """Whether the node is given up already."""
    return any(_drives_out(taint) for taint in _present(node))


def changed(node: core_v1.Node, *, driving_out: str | None, wall: float) -> list[core_v1.Taint] | None:
    """The taints that the node should have; None if it has them. Those of others are left as they are."""
    wanted = {(key, "NoSchedule") for key in _keeping_away(node)}
    if driving_out is not None:
        wanted.add((driving_out, "NoExecute"))
    kept = [taint for taint in _present(node) if not _is_ours(taint) or (taint.key, taint.effect) in wanted]
    missing = sorted(wanted - {(taint.key, taint.effect) for taint in kept})
    if not missing and len(kept) == len(_present(node)):
        return None
    added = [core_v1.Taint(key=key, effect=effect, time_added=times.rfc3339(wall)) for key, effect in missing]
    return [*kept, *added]


def missing_labels(node: core_v1.Node) -> dict[str, str]:
    """Labels that old clients read, to be set as the ones of today are."""
    labels = node.metadata.labels or {}
    return {old: labels[new] for new, old in _LABELS if new in labels and labels.get(old) != labels[new]}


def _present(node: core_v1.Node) -> list[core_v1.Taint]:
    return (node.spec.taints if node.spec else None) or []


def _keeping_away(node: core_v1.Node) -> set[str]:
    conditions = (node.status.conditions if node.status else None) or ()
    found = {_BY_CONDITION.get((each.type, each.status)) for each in conditions}
    if node.spec is not None and node.spec.unschedulable:
        found.add(UNSCHEDULABLE)
    return {key for key in found if key is not None}


def _is_ours(taint: core_v1.Taint) -> bool:
    return _drives_out(taint) or (taint.effect == "NoSchedule" and taint.key in _KEEPING_AWAY)


def _drives_out(taint: core_v1.Taint) -> bool:
    return taint.effect == "NoExecute" and taint.key in _DRIVING_OUT
