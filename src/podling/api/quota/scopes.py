"""Which Pods and claims a quota with scopes counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from podling.api.pod import compute_qos_class
from podling.api.types import core_v1

Requirement = core_v1.ScopedResourceSelectorRequirement

BEST_EFFORT, NOT_BEST_EFFORT = "BestEffort", "NotBestEffort"
TERMINATING, NOT_TERMINATING = "Terminating", "NotTerminating"
PRIORITY_CLASS = "PriorityClass"
CROSS_NAMESPACE = "CrossNamespacePodAffinity"
VOLUME_ATTRIBUTES_CLASS = "VolumeAttributesClass"


def requirements(spec: core_v1.ResourceQuotaSpec | None) -> list[Requirement]:
    """Everything that a quota demands of what it counts: all of it must hold."""
    if spec is None:
        return []
    selector = spec.scope_selector
    return [
        *(Requirement(scope_name=scope, operator="Exists") for scope in spec.scopes or ()),
        *((selector.match_expressions if selector else None) or ()),
    ]


def pod_meets(required: Requirement, pod: core_v1.Pod) -> bool:
    spec = pod.spec or core_v1.PodSpec()
    match required.scope_name:
        case "Terminating":
            return _ends(spec)
        case "NotTerminating":
            return not _ends(spec)
        case "BestEffort":
            return compute_qos_class(spec) == BEST_EFFORT
        case "NotBestEffort":
            return compute_qos_class(spec) != BEST_EFFORT
        case "PriorityClass":
            return _named(required, {spec.priority_class_name} if spec.priority_class_name else set())
        case "CrossNamespacePodAffinity":
            return _looks_across_namespaces(spec.affinity)
    return False


def claim_meets(required: Requirement, claim: core_v1.PersistentVolumeClaim) -> bool:
    if required.scope_name != VOLUME_ATTRIBUTES_CLASS:
        return False
    status = claim.status or core_v1.PersistentVolumeClaimStatus()
    changing = status.modify_volume_status
    names = {
        claim.spec.volume_attributes_class_name if claim.spec else None,
        status.current_volume_attributes_class_name,
        changing.target_volume_attributes_class_name if changing else None,
    }
    return _named(required, {name for name in names if name})


def nothing_meets(required: Requirement, body: Any) -> bool:
    """Kinds that no scope is about are counted by quotas without scopes only."""
    return False


def _named(required: Requirement, names: set[str]) -> bool:
    """Whether one of the names (or the lack of any) is as the operator wants it."""
    values = set(required.values or ())
    match required.operator:
        case "Exists":
            return bool(names)
        case "DoesNotExist":
            return not names
        case "In":
            return bool(names & values)
        case "NotIn":
            return not names or bool(names - values)
    return False


def _ends(spec: core_v1.PodSpec) -> bool:
    return spec.active_deadline_seconds is not None and spec.active_deadline_seconds >= 0


def _looks_across_namespaces(affinity: core_v1.Affinity | None) -> bool:
    if affinity is None:
        return False
    return any(term.namespaces or term.namespace_selector is not None for term in _terms(affinity))


def _terms(affinity: core_v1.Affinity) -> Iterable[core_v1.PodAffinityTerm]:
    for part in (affinity.pod_affinity, affinity.pod_anti_affinity):
        if part is not None:
            yield from part.required_during_scheduling_ignored_during_execution or ()
            for weighted in part.preferred_during_scheduling_ignored_during_execution or ():
                yield weighted.pod_affinity_term
