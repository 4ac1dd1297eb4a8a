"""Which ReplicaSet is the new one, what it is called, and how the generations are numbered (pure).

The new ReplicaSet is the oldest whose template is the Deployment's. Its name ends in a hash of the template; should another template have the same hash, the
Deployment's `collisionCount` goes into the next one.
"""

from __future__ import annotations

import msgspec

from podling.api import codec
from podling.api.types import apps_v1, core_v1, meta_v1
from podling.controllers.hashing import short_hash
from podling.controllers.ownership import controller_reference

from . import sizes
from .draft import DESIRED, MAX, Draft, replicas_of, total

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
_HISTORY_CHARACTERS = 2000
_NOT_COPIED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
    REVISION,
    HISTORY,
    DESIRED,
    MAX,
}


def same_template(one: core_v1.PodTemplateSpec | None, other: core_v1.PodTemplateSpec | None) -> bool:
    """Equal but for the label with the hash."""
    return one is not None and other is not None and bool(codec.semantic_equal(_bare(one), _bare(other)))


def find_new(draft: Draft) -> apps_v1.ReplicaSet | None:
    assert draft.deployment.spec is not None
    template = draft.deployment.spec.template
    return next(
        (each for each in draft.all if each.spec and same_template(each.spec.template, template)), None
    )


def revision_of(replica_set: apps_v1.ReplicaSet) -> int:
    """0 where the annotation says nothing of use."""
    text = (replica_set.metadata.annotations or {}).get(REVISION, "")
    return int(text) if text.isdecimal() else 0


def adopt_as_new(draft: Draft, new: apps_v1.ReplicaSet, old: list[apps_v1.ReplicaSet]) -> None:
    """Number the new ReplicaSet above all others, and let it follow the Deployment in annotations and readiness."""
    assert draft.deployment.spec is not None and new.spec is not None
    annotate(draft, new, max(map(revision_of, old), default=0) + 1)
    new.spec.min_ready_seconds = draft.deployment.spec.min_ready_seconds
    number_deployment(draft, new)


def number_deployment(draft: Draft, new: apps_v1.ReplicaSet) -> None:
    revision = (new.metadata.annotations or {}).get(REVISION)
    meta = draft.deployment.metadata
    if revision is not None and (meta.annotations or {}).get(REVISION) != revision:
        meta.annotations = {**(meta.annotations or {}), REVISION: revision}


def annotate(draft: Draft, new: apps_v1.ReplicaSet, revision: int) -> None:
    """The Deployment's annotations, and the revision; those that the ReplicaSet had earlier are kept as its history."""
    copied = {
        name: value
        for name, value in (draft.deployment.metadata.annotations or {}).items()
        if name not in _NOT_COPIED
    }
    annotations = {**(new.metadata.annotations or {}), **copied}
    before = annotations.get(REVISION, "")
    if revision_of(new) < revision:
        annotations[REVISION] = str(revision)
        if before:
            annotations[HISTORY] = _remember(annotations.get(HISTORY, ""), before)
    new.metadata.annotations = annotations


def make_new(draft: Draft, old: list[apps_v1.ReplicaSet]) -> apps_v1.ReplicaSet:
    """The ReplicaSet of a template that there was none of yet, as large as may be at once."""
    deployment = draft.deployment
    assert deployment.spec is not None
    status = deployment.status or apps_v1.DeploymentStatus()
    hash_ = short_hash(deployment.spec.template, status.collision_count)
    template = codec.struct_clone(deployment.spec.template)
    template.metadata.labels = {**(template.metadata.labels or {}), HASH: hash_}
    selector = codec.struct_clone(deployment.spec.selector)
    selector.match_labels = {**(selector.match_labels or {}), HASH: hash_}
    new = apps_v1.ReplicaSet(
        metadata=meta_v1.ObjectMeta(
            name=f"{draft.name}-{hash_}",
            namespace=deployment.metadata.namespace,
            labels=dict(template.metadata.labels),
            owner_references=[controller_reference(deployment)],
        ),
        spec=apps_v1.ReplicaSetSpec(
            replicas=0,
            min_ready_seconds=deployment.spec.min_ready_seconds,
            selector=selector,
            template=template,
        ),
        status=apps_v1.ReplicaSetStatus(),
    )
    annotate(draft, new, max(map(revision_of, old), default=0) + 1)
    draft.created = new
    draft.resize(new, room_for_new(draft, new))
    draft.note_size(new)
    number_deployment(draft, new)
    return new


def room_for_new(draft: Draft, new: apps_v1.ReplicaSet) -> int:
    """How large the new ReplicaSet may be now."""
    wanted, present = sizes.replicas_of(draft.deployment), replicas_of(new)
    if not sizes.is_rolling(draft.deployment):
        return wanted
    room = wanted + sizes.max_surge(draft.deployment) - total(draft.all)
    if room <= 0:
        return present
    return present + min(room, wanted - present)


def surplus(draft: Draft, old: list[apps_v1.ReplicaSet]) -> list[apps_v1.ReplicaSet]:
    """Old ReplicaSets beyond `revisionHistoryLimit`, lowest revision first; those that still have Pods are spared."""
    limit = sizes.history_limit(draft.deployment)
    staying = [each for each in old if each.metadata.deletion_timestamp is None]
    if limit is None or len(staying) <= limit:
        return []
    lowest = sorted(staying, key=revision_of)[: len(staying) - limit]
    return [each for each in lowest if _is_spent(each)]


def _is_spent(replica_set: apps_v1.ReplicaSet) -> bool:
    status = replica_set.status or apps_v1.ReplicaSetStatus()
    seen = (status.observed_generation or 0) >= (replica_set.metadata.generation or 0)
    return replicas_of(replica_set) == 0 and status.replicas == 0 and seen


def _remember(history: str, revision: str) -> str:
    numbers = [*history.split(","), revision] if history else [revision]
    while len(",".join(numbers)) > _HISTORY_CHARACTERS:
        numbers.pop(0)
    return ",".join(numbers)


def _bare(template: core_v1.PodTemplateSpec) -> core_v1.PodTemplateSpec:
    labels = {name: value for name, value in (template.metadata.labels or {}).items() if name != HASH}
    return msgspec.structs.replace(
        template, metadata=msgspec.structs.replace(template.metadata, labels=labels)
    )
