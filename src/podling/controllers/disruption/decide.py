"""What a budget's status is to say (pure; k8s.io/kubernetes/pkg/controller/disruption)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from podling.api import codec, disruption, intstr, times
from podling.api.pod import is_ready
from podling.api.types import core_v1, policy_v1

DELETION_SECONDS = 120.0
"""How long a Pod whose eviction was granted is taken for gone although it is not being deleted."""


def asks_owners(budget: policy_v1.PodDisruptionBudget) -> bool:
    """Whether what is wanted depends on how many Pods the owners want: all but a plain number that must be available."""
    spec = budget.spec or policy_v1.PodDisruptionBudgetSpec()
    return spec.max_unavailable is not None or isinstance(spec.min_available, str)


def expected(budget: policy_v1.PodDisruptionBudget, *, pods: int, scale: int) -> tuple[int, int]:
    """How many Pods there should be, and how many of them healthy; `scale` is what all owners together want.

    Raises ValueError for a portion that is neither number nor percentage.
    """
    spec = budget.spec or policy_v1.PodDisruptionBudgetSpec()
    if spec.max_unavailable is not None:
        return scale, max(0, scale - intstr.scaled(spec.max_unavailable, scale, round_up=True))
    if isinstance(spec.min_available, str):
        return scale, intstr.scaled(spec.min_available, scale, round_up=True)
    if spec.min_available is not None:
        return pods, spec.min_available
    return 0, 0


@dataclass(frozen=True, slots=True)
class Granted:
    """Pods whose eviction was granted and that are not being deleted yet."""

    pending: dict[str, str]
    """Name -> when it was granted."""
    overdue: Sequence[core_v1.Pod] = ()
    """They should be gone by now; they count as healthy again."""
    look_again: float | None = None
    """Seconds until the first of the pending becomes overdue."""


def granted(pods: Iterable[core_v1.Pod], noted: Mapping[str, str] | None, *, now: float) -> Granted:
    pending: dict[str, str] = {}
    overdue: list[core_v1.Pod] = []
    waits: list[float] = []
    for pod in pods:
        at = (noted or {}).get(pod.metadata.name or "")
        if at is None or pod.metadata.deletion_timestamp is not None:
            continue
        left = times.parse(at) + DELETION_SECONDS - now
        if left < 0:
            overdue.append(pod)
        else:
            pending[pod.metadata.name or ""] = at
            waits.append(left)
    return Granted(pending, overdue, min(waits, default=None))


def healthy(pods: Iterable[core_v1.Pod], pending: Mapping[str, str]) -> int:
    """Pods that are ready and stay."""
    return sum(
        is_ready(pod) and pod.metadata.deletion_timestamp is None and pod.metadata.name not in pending
        for pod in pods
    )


def status(
    budget: policy_v1.PodDisruptionBudget,
    *,
    expected: int,
    desired: int,
    healthy: int,
    pending: dict[str, str],
    now: float,
) -> policy_v1.PodDisruptionBudgetStatus:
    """The status to show. Where no Pods are expected nothing is allowed: the first ones may come before we count again."""
    before = budget.status or policy_v1.PodDisruptionBudgetStatus()
    found = policy_v1.PodDisruptionBudgetStatus(
        current_healthy=healthy,
        desired_healthy=desired,
        expected_pods=expected,
        disruptions_allowed=max(0, healthy - desired) if expected > 0 else 0,
        disrupted_pods=pending or None,
        observed_generation=budget.metadata.generation,
        conditions=before.conditions,
    )
    disruption.show_allowed(found, now=now)
    return found


def failed_status(
    budget: policy_v1.PodDisruptionBudget, why: str, *, now: float
) -> policy_v1.PodDisruptionBudgetStatus:
    """The status when counting failed: as it was, but nothing is allowed."""
    found = codec.struct_clone(budget.status or disruption.new_status())
    disruption.show_failure(found, why, now=now)
    return found
