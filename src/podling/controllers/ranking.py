"""Which Pods go first when there are too many (pure; API reference, "Scaling a ReplicaSet").

In this order: not bound to a node; pending before unknown before running; not ready; cheaper by the annotation `pod-deletion-cost`; more of the
same owner's Pods on its node; ready for a shorter time; restarted more often; younger. Times are compared by the order of their magnitude, so that which
of several Pods of about one age goes is a matter of their UIDs, that is, of chance (KEP-2185).
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from podling.api import times
from podling.api.types import core_v1

from .availability import is_active, ready_since

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_COST = re.compile(r"0|-?[1-9][0-9]*")
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


@dataclass(frozen=True, slots=True)
class _Candidate:
    pod: core_v1.Pod
    coarse: tuple[bool, int, bool, int, int]
    ready_since: float | None
    restarts: int
    created: float


def excess(
    pods: Sequence[core_v1.Pod], count: int, *, related: Iterable[core_v1.Pod] = (), now: float
) -> list[core_v1.Pod]:
    """The `count` Pods that go first. `related`: all Pods of the family that should stay spread over the nodes."""
    if count >= len(pods):
        return [*pods]
    on_node = Counter(_node(pod) for pod in related if is_active(pod))
    candidates = [_candidate(pod, on_node) for pod in pods]
    candidates.sort(key=functools.cmp_to_key(functools.partial(_compare, now=now)))
    return [candidate.pod for candidate in candidates[:count]]


def deletion_cost(pod: core_v1.Pod) -> int:
    """What the annotation says; 0 where it says nothing or nonsense."""
    text = (pod.metadata.annotations or {}).get(DELETION_COST, "0")
    cost = int(text) if _COST.fullmatch(text) else 0
    return cost if -(2**31) <= cost < 2**31 else 0


def _candidate(pod: core_v1.Pod, on_node: Counter[str]) -> _Candidate:
    status = pod.status or core_v1.PodStatus()
    since = ready_since(pod)
    coarse = (
        bool(_node(pod)),
        _PHASES.get(status.phase or "Pending", 2),
        since is not None,
        deletion_cost(pod),
        -on_node[_node(pod)],
    )
    restarts = max((each.restart_count for each in status.container_statuses or ()), default=0)
    created = pod.metadata.creation_timestamp
    return _Candidate(pod, coarse, since, restarts, times.parse(created) if created else 0.0)


def _compare(one: _Candidate, other: _Candidate, *, now: float) -> int:
    """Negative when `one` goes first."""
    if one.coarse != other.coarse:
        return -1 if one.coarse < other.coarse else 1
    if one.ready_since != other.ready_since:
        return _younger_first(one, one.ready_since or 0.0, other, other.ready_since or 0.0, now)
    if one.restarts != other.restarts:
        return other.restarts - one.restarts
    if one.created != other.created:
        return _younger_first(one, one.created, other, other.created, now)
    return 0


def _younger_first(one: _Candidate, begun: float, other: _Candidate, other_begun: float, now: float) -> int:
    difference = _magnitude(now - begun) - _magnitude(now - other_begun)
    if difference:
        return difference
    return -1 if (one.pod.metadata.uid or "") < (other.pod.metadata.uid or "") else 1


def _magnitude(seconds: float) -> int:
    return int(math.log2(seconds * 1e9)) if seconds > 0 else -1


def _node(pod: core_v1.Pod) -> str:
    return (pod.spec.node_name if pod.spec else None) or ""
