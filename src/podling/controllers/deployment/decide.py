"""One pass over a Deployment: what is to be changed, and what its status will be (pure)."""

from __future__ import annotations

from podling.api.types import apps_v1

from . import generations, rollout, scaling, sizes, status
from .draft import Draft, without


def decide(draft: Draft, *, old_pods_left: bool) -> apps_v1.DeploymentStatus:
    """Change the draft by one step; the status that it then has. `old_pods_left`: Pods of other ReplicaSets than the new one live."""
    if draft.deployment.metadata.deletion_timestamp is not None:
        return status.counts(draft, generations.find_new(draft))
    status.tell_pause(draft)
    paused = bool(draft.deployment.spec and draft.deployment.spec.paused)
    if paused or scaling.is_due(draft):
        return _resize(draft, paused=paused)
    if sizes.is_rolling(draft.deployment):
        new = _new(draft)
        changed = rollout.roll(draft, new)
    else:
        found = _known_new(draft)
        changed = not rollout.recreate(draft, found, old_pods_left=old_pods_left)
        if changed:
            return status.of_rollout(draft, found)
        new = found or _new(draft)
        draft.resize(new, sizes.replicas_of(draft.deployment))
    if not changed and status.is_complete(
        draft.deployment, draft.deployment.status or apps_v1.DeploymentStatus()
    ):
        _clean_up(draft, new)
    return status.of_rollout(draft, new)


def _resize(draft: Draft, *, paused: bool) -> apps_v1.DeploymentStatus:
    new = _known_new(draft)
    scaling.scale(draft, new)
    if paused:
        _clean_up(draft, new)
    return status.counts(draft, new)


def _known_new(draft: Draft) -> apps_v1.ReplicaSet | None:
    """The new ReplicaSet if there is one, numbered as the newest."""
    new = generations.find_new(draft)
    if new is not None:
        generations.adopt_as_new(draft, new, without(draft.all, new))
        known = (draft.deployment.status and draft.deployment.status.conditions) or []
        if status.find(known, status.PROGRESSING) is None:
            status.tell_new(draft, "FoundNewReplicaSet", f'Found new replica set "{new.metadata.name}"')
    return new


def _new(draft: Draft) -> apps_v1.ReplicaSet:
    new = _known_new(draft)
    if new is None:
        new = generations.make_new(draft, draft.all)
        status.tell_new(draft, "NewReplicaSetCreated", f'Created new replica set "{new.metadata.name}"')
    return new


def _clean_up(draft: Draft, new: apps_v1.ReplicaSet | None) -> None:
    draft.deleted.extend(generations.surplus(draft, without(draft.all, new)))
