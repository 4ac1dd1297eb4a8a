"""What sets a StatefulSet's Pods apart: name, ordinal, labels, host name, and volumes on claims of their own (pure; API reference, "StatefulSet")."""

from __future__ import annotations

import re

import msgspec

from podling.api import codec
from podling.api.types import apps_v1, core_v1
from podling.controllers.podcontrol import pod_from
from podling.controllers.revisions import HASH

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
_NAME = re.compile(r"(.+)-(0|[1-9][0-9]*)")


def pod_name(stateful: apps_v1.StatefulSet, ordinal: int) -> str:
    return f"{stateful.metadata.name}-{ordinal}"


def claim_name(stateful: apps_v1.StatefulSet, template: core_v1.PersistentVolumeClaim, ordinal: int) -> str:
    return f"{template.metadata.name}-{pod_name(stateful, ordinal)}"


def ordinal_of(stateful: apps_v1.StatefulSet, pod: core_v1.Pod) -> int | None:
    """None for a Pod that is not called as one of the set's is."""
    match = _NAME.fullmatch(pod.metadata.name or "")
    return int(match[2]) if match and match[1] == stateful.metadata.name else None


def start(stateful: apps_v1.StatefulSet) -> int:
    """The lowest ordinal."""
    return (stateful.spec.ordinals.start if stateful.spec.ordinals else None) or 0


def labels(pod_name: str, ordinal: int) -> dict[str, str]:
    """Those that every Pod of a set bears."""
    return {POD_NAME: pod_name, POD_INDEX: str(ordinal)}


def template_of(revision: apps_v1.ControllerRevision) -> core_v1.PodTemplateSpec:
    """The Pod template that a revision brings back."""
    template = msgspec.json.decode(bytes(revision.data))["spec"]["template"]
    template.pop("$patch", None)
    return codec.struct_decode(core_v1.PodTemplateSpec, msgspec.json.encode(template))


def pod_for(stateful: apps_v1.StatefulSet, ordinal: int, revision: apps_v1.ControllerRevision) -> core_v1.Pod:
    """The Pod of that ordinal, as that revision has it."""
    pod = pod_from(template_of(revision), stateful)
    name = pod.metadata.name = pod_name(stateful, ordinal)
    pod.metadata.labels = {
        **(pod.metadata.labels or {}),
        HASH: revision.metadata.name or "",
        **labels(name, ordinal),
    }
    spec = pod.spec = pod.spec or core_v1.PodSpec()
    spec.hostname = name
    spec.subdomain = stateful.spec.service_name
    templates = stateful.spec.volume_claim_templates or []
    if templates:
        claimed = {each.metadata.name for each in templates}
        own = [volume for volume in spec.volumes or () if volume.name not in claimed]
        spec.volumes = [*(_volume(stateful, each, ordinal) for each in templates), *own]
    return pod


def _volume(
    stateful: apps_v1.StatefulSet, template: core_v1.PersistentVolumeClaim, ordinal: int
) -> core_v1.Volume:
    source = core_v1.PersistentVolumeClaimVolumeSource(claim_name=claim_name(stateful, template, ordinal))
    return core_v1.Volume(name=template.metadata.name or "", persistent_volume_claim=source)
