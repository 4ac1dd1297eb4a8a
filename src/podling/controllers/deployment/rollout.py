"""From the old template to the new one: rolling, or all at once after the last old Pod is gone (pure)."""

from __future__ import annotations

from podling.api.types import apps_v1

from . import generations, sizes
from .draft import Draft, active, actual, available, replicas_of, total, without


def roll(draft: Draft, new: apps_v1.ReplicaSet) -> bool:
    """One step of a rolling update: first up, then down; whether anything was changed."""
    return _grow(draft, new) or _shrink(draft, new)


def recreate(draft: Draft, new: apps_v1.ReplicaSet | None, *, old_pods_left: bool) -> bool:
    """One step of a Recreate: down to nothing, wait, then up; whether the new ReplicaSet may have its Pods now."""
    old = without(draft.all, new)
    going = [draft.resize(each, 0) for each in active(old)]
    return not any(going) and not actual(old) and not old_pods_left


def _grow(draft: Draft, new: apps_v1.ReplicaSet) -> bool:
    wanted = sizes.replicas_of(draft.deployment)
    if replicas_of(new) > wanted:
        return draft.resize(new, wanted)
    return draft.resize(new, generations.room_for_new(draft, new))


def _shrink(draft: Draft, new: apps_v1.ReplicaSet) -> bool:
    """Take away old Pods: first those that are not available anyway, then as many as availability allows."""
    old = without(draft.all, new)
    if not total(old):
        return False
    missing_new = replicas_of(new) - available([new])
    least = sizes.min_available(draft.deployment)
    may_go = total(draft.all) - least - missing_new
    if may_go <= 0:
        return False
    unhealthy = _drop_unhealthy(draft, old, may_go)
    return _drop_available(draft, old, available(draft.all) - least) or unhealthy


def _drop_unhealthy(draft: Draft, old: list[apps_v1.ReplicaSet], may_go: int) -> bool:
    gone = 0
    for each in old:
        broken = replicas_of(each) - available([each])
        count = min(may_go - gone, broken)
        if count > 0 and draft.resize(each, replicas_of(each) - count):
            gone += count
    return gone > 0


def _drop_available(draft: Draft, old: list[apps_v1.ReplicaSet], may_go: int) -> bool:
    gone = 0
    for each in old:
        count = min(replicas_of(each), may_go - gone)
        if count > 0 and draft.resize(each, replicas_of(each) - count):
            gone += count
    return gone > 0
