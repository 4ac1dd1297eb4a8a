"""When a Pod counts as available: Ready for at least `minReadySeconds` (pure; API reference, `ReplicaSetSpec`)."""

from __future__ import annotations

from collections.abc import Iterable

from podling.api import times
from podling.api.pod import get_condition, is_terminal
from podling.api.types import core_v1


def is_active(pod: core_v1.Pod) -> bool:
    """Whether the Pod counts as a replica: neither finished nor on its way out."""
    return not is_terminal(pod) and pod.metadata.deletion_timestamp is None


def is_terminating(pod: core_v1.Pod) -> bool:
    """On its way out, and still there."""
    return not is_terminal(pod) and pod.metadata.deletion_timestamp is not None


def ready_since(pod: core_v1.Pod) -> float | None:
    """Epoch seconds since when the Pod is Ready; None while it is not."""
    condition = get_condition(pod, "Ready")
    if condition is None or condition.status != "True":
        return None
    return times.parse(condition.last_transition_time) if condition.last_transition_time else 0.0


def seconds_to_available(pod: core_v1.Pod, min_ready_seconds: int, now: float) -> float | None:
    """How long until the Pod is available if it stays Ready: 0 or less when it is; None while it is not Ready."""
    since = ready_since(pod)
    if since is None:
        return None
    return since + min_ready_seconds - now if min_ready_seconds else 0.0


def is_available(pod: core_v1.Pod, min_ready_seconds: int, now: float) -> bool:
    left = seconds_to_available(pod, min_ready_seconds, now)
    return left is not None and left <= 0


def next_available(pods: Iterable[core_v1.Pod], min_ready_seconds: int, now: float) -> float | None:
    """Seconds until the next of the Pods becomes available; None when none is about to."""
    waits = [seconds_to_available(pod, min_ready_seconds, now) for pod in pods]
    return min((wait for wait in waits if wait is not None and wait > 0), default=None)
