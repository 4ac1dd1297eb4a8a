"""Conditions in a Pod's status: asked for and set as Kubernetes does."""

from __future__ import annotations

from podling.api.types.core_v1 import Pod, PodCondition, PodStatus


def get_condition(pod: Pod, type: str) -> PodCondition | None:
    for condition in (pod.status.conditions if pod.status else None) or ():
        if condition.type == type:
            return condition
    return None


def is_true(pod: Pod, type: str) -> bool:
    """The condition is there and holds."""
    condition = get_condition(pod, type)
    return condition is not None and condition.status == "True"


def is_ready(pod: Pod) -> bool:
    return is_true(pod, "Ready")


def set_condition(status: PodStatus, condition: PodCondition) -> bool:
    """Put the condition into the status, in place; whether anything changed.

    The transition time of a condition whose truth stays the same is kept.
    """
    conditions = status.conditions = list(status.conditions or ())
    for index, old in enumerate(conditions):
        if old.type == condition.type:
            if old.status == condition.status:
                condition.last_transition_time = old.last_transition_time
            conditions[index] = condition
            return old != condition
    conditions.append(condition)
    return True
