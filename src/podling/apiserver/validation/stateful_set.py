"""The rules of StatefulSets."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from podling.api import codec, field
from podling.api.field import FieldError
from podling.api.types import apps_v1, core_v1

from . import workload
from .pod_spec import one_of
from .workload import SPEC

_MANAGEMENT = ("OrderedReady", "Parallel")
_TYPES = ("RollingUpdate", "OnDelete")
_MAY_CHANGE = (
    "replicas",
    "ordinals",
    "template",
    "update_strategy",
    "revision_history_limit",
    "persistent_volume_claim_retention_policy",
    "min_ready_seconds",
)


def create(stateful: apps_v1.StatefulSet) -> Iterator[FieldError]:
    spec = stateful.spec
    yield from one_of(spec.pod_management_policy, SPEC / "podManagementPolicy", _MANAGEMENT)
    if spec.update_strategy is not None:
        yield from one_of(spec.update_strategy.type, SPEC / "updateStrategy" / "type", _TYPES)
    yield from workload.counts(
        SPEC,
        replicas=spec.replicas,
        minReadySeconds=spec.min_ready_seconds,
        revisionHistoryLimit=spec.revision_history_limit,
    )
    yield from workload.selector(spec.selector)
    yield from workload.template(_with_claims(spec), spec.selector, owner="StatefulSet")


def _with_claims(spec: apps_v1.StatefulSetSpec) -> core_v1.PodTemplateSpec:
    """The template as Pods are made from it: with a volume for each claim, which may be mounted as any other."""
    names = [claim.metadata.name or "" for claim in spec.volume_claim_templates or ()]
    if not names or spec.template.spec is None:
        return spec.template
    whole = codec.struct_clone(spec.template)
    assert whole.spec is not None
    own = [volume for volume in whole.spec.volumes or () if volume.name not in names]
    whole.spec.volumes = own + [
        core_v1.Volume(
            name=name,
            persistent_volume_claim=core_v1.PersistentVolumeClaimVolumeSource(claim_name=name),
        )
        for name in names
    ]
    return whole


def update(stateful: apps_v1.StatefulSet, old: apps_v1.StatefulSet) -> Iterator[FieldError]:
    """What a StatefulSet promises of its Pods' names and volumes is settled when it is made."""
    yield from create(stateful)
    kept = {name: getattr(old.spec, name) for name in _MAY_CHANGE}
    if not codec.semantic_equal(msgspec.structs.replace(stateful.spec, **kept), old.spec):
        why = (
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
            "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        )
        yield field.forbidden(SPEC, why)
