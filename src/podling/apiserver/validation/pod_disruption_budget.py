"""The rules of PodDisruptionBudgets."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import policy_v1

from . import scheduling
from .conditions import conditions
from .workload import NOT_NEGATIVE, SPEC, counts

_STATUS = Path("status")
_POLICIES = ("AlwaysAllow", "IfHealthyBudget")


def create(budget: policy_v1.PodDisruptionBudget) -> Iterator[FieldError]:
    spec = budget.spec or policy_v1.PodDisruptionBudgetSpec()
    if spec.min_available is not None and spec.max_unavailable is not None:
        yield field.invalid(SPEC, spec, "minAvailable and maxUnavailable cannot be both set")
    yield from _portion(spec.min_available, SPEC / "minAvailable")
    yield from _portion(spec.max_unavailable, SPEC / "maxUnavailable")
    if spec.selector is not None:
        yield from scheduling.label_selector(spec.selector, SPEC / "selector")
    policy = spec.unhealthy_pod_eviction_policy
    if policy is not None and policy not in _POLICIES:
        yield field.not_supported(SPEC / "unhealthyPodEvictionPolicy", policy, _POLICIES)


def update(budget: policy_v1.PodDisruptionBudget, old: policy_v1.PodDisruptionBudget) -> Iterator[FieldError]:
    yield from create(budget)


def update_status(
    budget: policy_v1.PodDisruptionBudget, old: policy_v1.PodDisruptionBudget
) -> Iterator[FieldError]:
    status = budget.status or policy_v1.PodDisruptionBudgetStatus()
    yield from conditions(status.conditions or [], _STATUS / "conditions")
    yield from counts(
        _STATUS,
        disruptionsAllowed=status.disruptions_allowed,
        currentHealthy=status.current_healthy,
        desiredHealthy=status.desired_healthy,
        expectedPods=status.expected_pods,
    )


def _portion(value: int | str | None, path: Path) -> Iterator[FieldError]:
    """A number of Pods or a percentage up to 100."""
    if isinstance(value, str):
        faults = names.percent(value)
        for fault in faults:
            yield field.invalid(path, value, fault)
        if not faults and int(value[:-1]) > 100:
            yield field.invalid(path, value, "must not be greater than 100%")
    elif value is not None and value < 0:
        yield field.invalid(path, value, NOT_NEGATIVE)
