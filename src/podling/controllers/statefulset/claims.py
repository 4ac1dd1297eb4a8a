"""The claims of a StatefulSet's Pods, and to whom they belong (pure; KEP-1847, persistentVolumeClaimRetentionPolicy).

A claim outlives its Pod. Where the policy says that it goes with the set, the set owns it; where it goes when the set shrinks, the Pod that is about to
be ended owns it; the garbage collector does the rest. A claim that somebody else controls is left alone.
"""

from __future__ import annotations

from podling.api import codec
from podling.api.types import apps_v1, core_v1, meta_v1
from podling.controllers.ownership import controller_of, controller_reference

from .identity import claim_name, pod_name


def claims_for(stateful: apps_v1.StatefulSet, ordinal: int) -> list[core_v1.PersistentVolumeClaim]:
    """Those that the Pod of that ordinal needs, as they are to be created."""
    made = []
    for template in stateful.spec.volume_claim_templates or ():
        claim = codec.struct_clone(template)
        claim.status = None
        claim.metadata.name = claim_name(stateful, template, ordinal)
        claim.metadata.namespace = stateful.metadata.namespace
        claim.metadata.labels = {
            **(claim.metadata.labels or {}),
            **(stateful.spec.selector.match_labels or {}),
        }
        if _when_deleted(stateful):
            claim.metadata.owner_references = [controller_reference(stateful)]
        made.append(claim)
    return made


def is_leaving(stateful: apps_v1.StatefulSet, ordinal: int, claim: core_v1.PersistentVolumeClaim) -> bool:
    """Whether the claim is on its way out, or about to be because an earlier Pod of that name took it along. A new Pod waits until it is gone."""
    if claim.metadata.deletion_timestamp is not None:
        return True
    name = pod_name(stateful, ordinal)
    return any((each.kind, each.name) == ("Pod", name) for each in claim.metadata.owner_references or ())


def owners(
    stateful: apps_v1.StatefulSet,
    pod: core_v1.Pod,
    claim: core_v1.PersistentVolumeClaim,
    *,
    condemned: bool,
) -> list[meta_v1.OwnerReference] | None:
    """The claim's owner references as the policy has them; None when they are so already, or somebody else controls the claim."""
    references = claim.metadata.owner_references or []
    ours = {("StatefulSet", stateful.metadata.name), ("Pod", pod.metadata.name)}
    controller = controller_of(claim)
    if controller is not None and (controller.kind, controller.name) not in ours:
        return None
    wanted = [each for each in references if (each.kind, each.name) not in ours]
    if condemned and _when_scaled(stateful):
        wanted.append(controller_reference(pod))
    elif _when_deleted(stateful):
        wanted.append(controller_reference(stateful))
    present = {(each.kind, each.name, each.uid) for each in references}
    return None if present == {(each.kind, each.name, each.uid) for each in wanted} else wanted


def _when_deleted(stateful: apps_v1.StatefulSet) -> bool:
    policy = stateful.spec.persistent_volume_claim_retention_policy
    return policy is not None and policy.when_deleted == "Delete"


def _when_scaled(stateful: apps_v1.StatefulSet) -> bool:
    policy = stateful.spec.persistent_volume_claim_retention_policy
    return policy is not None and policy.when_scaled == "Delete"
