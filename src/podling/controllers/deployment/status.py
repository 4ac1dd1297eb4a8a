"""What a Deployment says of itself: its counts, and the conditions Available, Progressing and ReplicaFailure (pure).

Reasons and words are upstream's: `kubectl rollout status` reads them.
"""

from __future__ import annotations

from collections.abc import Sequence

from podling.api import times
from podling.api.types import apps_v1

from . import sizes
from .draft import Draft, actual, available, total

Conditions = list[apps_v1.DeploymentCondition]

AVAILABLE, PROGRESSING, FAILURE = "Available", "Progressing", "ReplicaFailure"
COMPLETE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"


def find(conditions: Sequence[apps_v1.DeploymentCondition], type: str) -> apps_v1.DeploymentCondition | None:
    return next((each for each in conditions if each.type == type), None)


def put(
    conditions: Conditions,
    type: str,
    status: str,
    reason: str,
    message: str,
    now: float,
    *,
    anew: bool = False,
) -> Conditions:
    """The conditions with this one. One of the same status and reason stays as it is unless `anew`; its transition time stays with the status."""
    before = find(conditions, type)
    if before is not None and (before.status, before.reason) == (status, reason) and not anew:
        return conditions
    stamp = times.rfc3339(now)
    same = before is not None and before.status == status
    condition = apps_v1.DeploymentCondition(
        type=type,
        status=status,
        reason=reason,
        message=message,
        last_update_time=stamp,
        last_transition_time=before.last_transition_time if before is not None and same else stamp,
    )
    return [*drop(conditions, type), condition]


def drop(conditions: Conditions, type: str) -> Conditions:
    return [each for each in conditions if each.type != type]


def tell_pause(draft: Draft) -> None:
    """Say that the Deployment was paused or goes on, so that its deadline does not count the pause."""
    deployment, status = draft.deployment, _status(draft)
    conditions = status.conditions or []
    known = find(conditions, PROGRESSING)
    if sizes.progress_deadline(deployment) is None or (known is not None and known.reason == TIMED_OUT):
        return
    was_paused = known is not None and known.reason == PAUSED
    is_paused = bool(deployment.spec and deployment.spec.paused)
    if is_paused and not was_paused:
        status.conditions = put(conditions, PROGRESSING, "Unknown", PAUSED, "Deployment is paused", draft.now)
    elif was_paused and not is_paused:
        status.conditions = put(
            conditions, PROGRESSING, "Unknown", RESUMED, "Deployment is resumed", draft.now
        )


def tell_new(draft: Draft, reason: str, message: str) -> None:
    """Say that there is a new ReplicaSet: the deadline starts."""
    status = _status(draft)
    if sizes.progress_deadline(draft.deployment) is not None:
        status.conditions = put(status.conditions or [], PROGRESSING, "True", reason, message, draft.now)


def counts(draft: Draft, new: apps_v1.ReplicaSet | None) -> apps_v1.DeploymentStatus:
    """The numbers, and whether enough Pods are available. Zeros are left out, as upstream's are."""
    deployment, before = draft.deployment, _status(draft)
    everything = draft.all
    there = available(everything)
    enough = there >= sizes.min_available(deployment)
    conditions = put(
        before.conditions or [],
        AVAILABLE,
        "True" if enough else "False",
        "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        f"Deployment {'has' if enough else 'does not have'} minimum availability.",
        draft.now,
    )
    statuses = [each.status for each in everything if each.status]
    return apps_v1.DeploymentStatus(
        observed_generation=deployment.metadata.generation,
        replicas=actual(everything) or None,
        updated_replicas=actual([new] if new else []) or None,
        ready_replicas=sum(each.ready_replicas or 0 for each in statuses) or None,
        available_replicas=there or None,
        unavailable_replicas=max(0, total(everything) - there) or None,
        terminating_replicas=sum(each.terminating_replicas or 0 for each in statuses),
        collision_count=before.collision_count,
        conditions=conditions,
    )


def of_rollout(draft: Draft, new: apps_v1.ReplicaSet | None) -> apps_v1.DeploymentStatus:
    """As `counts`, with how the rollout goes on."""
    status = counts(draft, new)
    conditions = status.conditions or []
    if sizes.progress_deadline(draft.deployment) is None:
        conditions = drop(conditions, PROGRESSING)
    else:
        conditions = _progress(draft, new, status, conditions)
    status.conditions = _failures(draft, new, conditions)
    return status


def is_complete(deployment: apps_v1.Deployment, status: apps_v1.DeploymentStatus) -> bool:
    wanted = sizes.replicas_of(deployment)
    numbers = (status.updated_replicas or 0, status.replicas or 0, status.available_replicas or 0)
    seen = (status.observed_generation or 0) >= (deployment.metadata.generation or 0)
    return numbers == (wanted, wanted, wanted) and seen


def seconds_to_deadline(draft: Draft, status: apps_v1.DeploymentStatus) -> float | None:
    """When to look again whether the Deployment is stuck; None when that is settled or not asked for."""
    deadline = sizes.progress_deadline(draft.deployment)
    known = find(status.conditions or (), PROGRESSING)
    if (
        deadline is None
        or known is None
        or known.reason == TIMED_OUT
        or is_complete(draft.deployment, status)
    ):
        return None
    return max(0.0, _updated(known) + deadline - draft.now) + 1.0


def _progress(
    draft: Draft,
    new: apps_v1.ReplicaSet | None,
    status: apps_v1.DeploymentStatus,
    conditions: Conditions,
) -> Conditions:
    before, deployment = _status(draft), draft.deployment
    known = find(conditions, PROGRESSING)
    settled = status.replicas == status.updated_replicas
    if settled and known is not None and known.reason == COMPLETE:
        return conditions
    what = f'ReplicaSet "{new.metadata.name}"' if new else f'Deployment "{draft.name}"'
    if is_complete(deployment, status):
        return put(
            conditions, PROGRESSING, "True", COMPLETE, f"{what} has successfully progressed.", draft.now
        )
    if _has_moved(before, status):
        message = f"{what} is progressing."
        return put(conditions, PROGRESSING, "True", "ReplicaSetUpdated", message, draft.now, anew=True)
    if _is_stuck(draft, known):
        return put(
            conditions, PROGRESSING, "False", TIMED_OUT, f"{what} has timed out progressing.", draft.now
        )
    return conditions


def _has_moved(before: apps_v1.DeploymentStatus, after: apps_v1.DeploymentStatus) -> bool:
    def old(status: apps_v1.DeploymentStatus) -> int:
        return (status.replicas or 0) - (status.updated_replicas or 0)

    return (
        (after.updated_replicas or 0) > (before.updated_replicas or 0)
        or old(after) < old(before)
        or (after.ready_replicas or 0) > (before.ready_replicas or 0)
        or (after.available_replicas or 0) > (before.available_replicas or 0)
    )


def _is_stuck(draft: Draft, known: apps_v1.DeploymentCondition | None) -> bool:
    deadline = sizes.progress_deadline(draft.deployment)
    if known is None or deadline is None or known.reason == COMPLETE:
        return False
    return known.reason == TIMED_OUT or _updated(known) + deadline < draft.now


def _failures(draft: Draft, new: apps_v1.ReplicaSet | None, conditions: Conditions) -> Conditions:
    """ReplicaFailure as the new ReplicaSet has it, else any other."""
    others = [each for each in draft.all if each is not new]
    for each in (*([new] if new else []), *others):
        for failure in (each.status.conditions if each.status else None) or ():
            if failure.type == FAILURE:
                return put(
                    conditions,
                    FAILURE,
                    failure.status or "",
                    failure.reason or "",
                    failure.message or "",
                    draft.now,
                )
    return drop(conditions, FAILURE)


def _updated(condition: apps_v1.DeploymentCondition) -> float:
    return times.parse(condition.last_update_time) if condition.last_update_time else 0.0


def _status(draft: Draft) -> apps_v1.DeploymentStatus:
    if draft.deployment.status is None:
        draft.deployment.status = apps_v1.DeploymentStatus()
    return draft.deployment.status
