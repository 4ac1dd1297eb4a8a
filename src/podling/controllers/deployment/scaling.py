"""Following a change of size without rolling on: of one ReplicaSet, or of several in proportion (pure; upstream's `scale`)."""

from __future__ import annotations

from podling.api.types import apps_v1

from . import sizes
from .draft import DESIRED, MAX, Draft, active, by_age, replicas_of, total, without


def is_due(draft: Draft) -> bool:
    """Whether the Deployment's size has changed since the ReplicaSets were last sized."""
    wanted = str(sizes.replicas_of(draft.deployment))
    noted = [(each.metadata.annotations or {}).get(DESIRED) for each in active(draft.all)]
    return any(size is not None and size != wanted for size in noted)


def scale(draft: Draft, new: apps_v1.ReplicaSet | None) -> None:
    wanted = sizes.replicas_of(draft.deployment)
    old = without(draft.all, new)
    only = _active_or_latest(draft, new, old)
    if only is not None:
        draft.resize(only, wanted)
        draft.note_size(only)  # even where somebody else has sized it: else this stays due for ever
    elif new is not None and _is_saturated(draft, new):
        for each in active(old):
            draft.resize(each, 0)
    elif sizes.is_rolling(draft.deployment):
        _in_proportion(draft)


def _active_or_latest(
    draft: Draft, new: apps_v1.ReplicaSet | None, old: list[apps_v1.ReplicaSet]
) -> apps_v1.ReplicaSet | None:
    """The one ReplicaSet that has Pods; where none has, the new or the youngest; None where several have."""
    having = active(draft.all)
    if not having:
        return new or max(old, key=by_age, default=None)
    return having[0] if len(having) == 1 else None


def _is_saturated(draft: Draft, new: apps_v1.ReplicaSet) -> bool:
    """Whether the new ReplicaSet has everything that the Deployment asks for, and had so when it was sized."""
    wanted = sizes.replicas_of(draft.deployment)
    noted = (new.metadata.annotations or {}).get(DESIRED)
    found = (new.status.available_replicas or 0) if new.status else 0
    return replicas_of(new) == wanted and noted == str(wanted) and found == wanted


def _in_proportion(draft: Draft) -> None:
    """Spread the change over all that have Pods, the largest taking what rounding leaves."""
    wanted = sizes.replicas_of(draft.deployment)
    having = active(draft.all)
    allowed = wanted + sizes.max_surge(draft.deployment) if wanted > 0 else 0
    to_add = allowed - total(having)
    having.sort(
        key=by_age, reverse=to_add >= 0
    )  # of equal ones the newer grows first, the older shrinks first
    having.sort(key=replicas_of, reverse=True)
    added = 0
    goals: list[int] = []
    for each in having:
        share = _share(draft, each, to_add, added) if to_add else 0
        added += share
        goals.append(replicas_of(each) + share)
    if to_add and goals:
        goals[0] = max(0, goals[0] + to_add - added)
    for each, goal in zip(having, goals, strict=True):
        draft.resize(each, goal)
        draft.note_size(each)


def _share(draft: Draft, replica_set: apps_v1.ReplicaSet, to_add: int, added: int) -> int:
    left = to_add - added
    if not left or not replicas_of(replica_set):
        return 0
    fraction = _fraction(draft, replica_set)
    return min(fraction, left) if to_add > 0 else max(fraction, left)


def _fraction(draft: Draft, replica_set: apps_v1.ReplicaSet) -> int:
    """By how much the ReplicaSet should change so that it has its old part of the whole."""
    wanted, present = sizes.replicas_of(draft.deployment), replicas_of(replica_set)
    if wanted == 0:
        return -present
    largest = wanted + sizes.max_surge(draft.deployment)
    noted = (replica_set.metadata.annotations or {}).get(MAX, "")
    status = draft.deployment.status or apps_v1.DeploymentStatus()
    before = int(noted) if noted.isdecimal() and int(noted) else status.replicas or 0
    if not before:
        return 0
    return int(present * largest / before + 0.5) - present  # half away from zero, as upstream rounds
