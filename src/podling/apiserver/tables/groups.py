"""Groups of Pods that are scheduled together (scheduling.k8s.io): Workload, PodGroup, CompositePodGroup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .layout import AGE, NAME, NONE, Cells, Column, Layout, age, name

if TYPE_CHECKING:
    from podling.api.types.scheduling_v1alpha3 import CompositePodGroup
    from podling.api.types.scheduling_v1beta1 import PodGroup

_POLICY = Column("Policy", "Whether its Pods are scheduled all together.")
_WORKLOAD = Column("Workload", "Name of the referenced Workload object.")


def _policy(obj: PodGroup | CompositePodGroup) -> str:
    return "Basic" if obj.spec.scheduling_policy.gang is None else "Gang"


def _status(obj: PodGroup) -> str:
    found = {item.type: item for item in (obj.status.conditions if obj.status else None) or ()}
    if "DisruptionTarget" in found:
        return found["DisruptionTarget"].reason
    scheduled = found.get("PodGroupInitiallyScheduled")
    if scheduled is None:
        return "Pending"
    return "Scheduled" if scheduled.status == "True" else "Unschedulable"


def _pod_group(obj: PodGroup, now: float) -> Cells:
    workload = obj.spec.workload_ref
    return [
        name(obj),
        _policy(obj),
        workload.workload_name if workload is not None else NONE,
        _status(obj),
        age(obj, now),
    ]


POD_GROUPS = Layout((NAME, _POLICY, _WORKLOAD, Column("Status", "How it stands."), AGE), _pod_group)


def _composite(obj: CompositePodGroup, now: float) -> Cells:
    return [name(obj), _policy(obj), obj.spec.workload_ref.workload_name or NONE, age(obj, now)]


COMPOSITE_POD_GROUPS = Layout((NAME, _POLICY, _WORKLOAD, AGE), _composite)
