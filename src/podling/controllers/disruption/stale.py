"""Pods that were said to be disrupted and then were not (pure; KEP-3329).

Whoever ends a Pod writes the condition DisruptionTarget first and deletes it then. Where the second step never came the condition would
mislead for ever, so after two minutes it is turned to False.
"""

from __future__ import annotations

from podling.api import times
from podling.api.disruption import DISRUPTION_TARGET
from podling.api.pod import get_condition, is_terminal
from podling.api.types import core_v1

STALE_SECONDS = 120.0
BY_KUBELET = "TerminationByKubelet"
"""The node may take as long as it wants: its condition is never stale."""


def seconds_to_stale(pod: core_v1.Pod, now: float) -> float | None:
    """How long until the condition is taken back, 0 for now; None where there is nothing to take back."""
    condition = get_condition(pod, DISRUPTION_TARGET)
    if condition is None or condition.status != "True" or condition.reason == BY_KUBELET:
        return None
    if is_terminal(pod) or pod.metadata.deletion_timestamp is not None:
        return None
    since = times.parse(condition.last_transition_time) if condition.last_transition_time else 0.0
    return max(0.0, since + STALE_SECONDS - now)
