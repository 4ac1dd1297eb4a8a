"""PodDisruptionBudgets as their two keepers see them (pure): the controller that counts, the server that spends.

A budget says how many of the Pods that it selects must stay healthy. The disruption controller writes into its status how many may go
now; the eviction subresource takes one off before it deletes a Pod and writes the Pod's name down in `disruptedPods`, so that the
controller does not count a Pod as healthy whose end has been granted. (Source: API reference, PodDisruptionBudget;
k8s.io/component-helpers/apps/poddisruptionbudget.)
"""

from __future__ import annotations

from collections.abc import Mapping

from podling.api import times
from podling.api.selectors import NOTHING, LabelSelector, SelectorError, from_struct
from podling.api.types import meta_v1
from podling.api.types.policy_v1 import PodDisruptionBudget, PodDisruptionBudgetStatus

DISRUPTION_TARGET = "DisruptionTarget"
"""The Pod's condition that says who ends it, and why (KEP-3329)."""
ALLOWED = "DisruptionAllowed"
ENOUGH, TOO_FEW, SYNC_FAILED = "SufficientPods", "InsufficientPods", "SyncFailed"
"""The reasons of the condition `DisruptionAllowed`."""


def selector(budget: PodDisruptionBudget) -> LabelSelector:
    """Which Pods of its namespace the budget is about: none without a selector, all with an empty one."""
    try:
        return from_struct(budget.spec.selector if budget.spec else None)
    except SelectorError:
        return NOTHING


def covers(budget: PodDisruptionBudget, labels: Mapping[str, str] | None) -> bool:
    return selector(budget).matches(labels)


def new_status() -> PodDisruptionBudgetStatus:
    """Nothing is allowed before the controller has counted; the counts are always shown."""
    return PodDisruptionBudgetStatus(
        current_healthy=0, desired_healthy=0, disruptions_allowed=0, expected_pods=0
    )


def show_allowed(status: PodDisruptionBudgetStatus, *, now: float) -> None:
    """Bring the condition in line with `disruptionsAllowed`, in place."""
    enough = (status.disruptions_allowed or 0) > 0
    _set(status, "True" if enough else "False", ENOUGH if enough else TOO_FEW, "", now)


def show_failure(status: PodDisruptionBudgetStatus, why: str, *, now: float) -> None:
    """The counts cannot be trusted: allow nothing, and say why. In place."""
    status.disruptions_allowed = 0
    _set(status, "False", SYNC_FAILED, why, now)


def allowed_condition(status: PodDisruptionBudgetStatus) -> meta_v1.Condition | None:
    return next((each for each in status.conditions or () if each.type == ALLOWED), None)


def _set(status: PodDisruptionBudgetStatus, holds: str, reason: str, message: str, now: float) -> None:
    before = allowed_condition(status)
    same = before is not None and before.status == holds
    condition = meta_v1.Condition(
        type=ALLOWED,
        status=holds,
        reason=reason,
        message=message,
        observed_generation=status.observed_generation,
        last_transition_time=before.last_transition_time if before and same else times.rfc3339(now),
    )
    others = [each for each in status.conditions or () if each.type != ALLOWED]
    status.conditions = [*others, condition]
