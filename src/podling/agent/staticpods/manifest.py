"""What a file says about a static Pod, and what its mirror in the API looks like (pure).

The UID is a digest of node, file and content: the same file gives the same Pod after a restart of the agent, and a changed one
another, which takes its place.  What needs the API server to be read (Secrets, ConfigMaps, accounts, claims) may not be
named.  (Source: kubelet `pkg/kubelet/config/common.go`, `pkg/api/pod` HasAPIObjectReference.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from podling.agent.errors import AgentFault
from podling.agent.podspec import environment
from podling.api import codec, intake, kinds
from podling.api import pod as pods
from podling.api.errors import ApiError
from podling.api.levels import Level
from podling.api.types import core_v1, meta_v1

HASH = "kubernetes.io/config.hash"
MIRROR = "kubernetes.io/config.mirror"
SOURCE = "kubernetes.io/config.source"
FILE = "file"
_STAYS = core_v1.Toleration(operator="Exists", effect="NoExecute")
"""No trouble of its node drives a static Pod away."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """Where a node's manifests lie, a folder or one file; ``complete`` fills in the API's defaults and refuses what the
    API would refuse (raises ``ApiError``).
    """

    path: Path
    complete: Callable[[core_v1.Pod], None]


@dataclass(frozen=True, slots=True)
class Read:
    """A Pod and what is odd about its file (fields that nobody knows)."""

    pod: core_v1.Pod
    oddities: list[str]


class BadManifest(AgentFault):
    """A file is no Pod that this node could run."""


def read(data: bytes, *, file: str, node: str, complete: Callable[[core_v1.Pod], None]) -> Read:
    """The Pod that ``file`` with this content stands for on ``node``.  Raises ``BadManifest``."""
    try:
        document, *more = codec.yaml_load_all(data, name=file) or [{}]
        if more or (document.get("apiVersion"), document.get("kind")) != ("v1", "Pod"):
            raise BadManifest("couldn't parse as pod: it is to be one object of apiVersion v1 and kind Pod")
        taken = intake.take(kinds.POD, msgspec.json.encode(document), level=Level())
        pod: core_v1.Pod = taken.object.body
        if not pod.metadata.name:
            raise BadManifest("invalid pod: name is needed for the pod")
        _settle(pod, file=file, node=node)
        complete(pod)
    except codec.Malformed as error:
        raise BadManifest(str(error).removeprefix(f"{file}: ")) from error
    except ApiError as error:
        raise BadManifest(f"invalid pod: {error}") from error
    for resource in _references(pod.spec or core_v1.PodSpec()):
        raise BadManifest(f"static pods may not reference {resource}")
    return Read(pod, taken.problems)


def mirror(pod: core_v1.Pod, node: core_v1.Node) -> core_v1.Pod:
    """What the API is to show of the static Pod; the node owns it."""
    meta = pod.metadata
    owner = meta_v1.OwnerReference(
        api_version="v1",
        kind="Node",
        name=node.metadata.name or "",
        uid=node.metadata.uid or "",
        controller=True,
    )
    shown = meta_v1.ObjectMeta(
        name=meta.name,
        namespace=meta.namespace,
        labels=meta.labels,
        annotations={**(meta.annotations or {}), MIRROR: meta.uid or ""},
        owner_references=[owner],
    )
    return core_v1.Pod(metadata=shown, spec=pod.spec)


def is_mirror_of(mirrored: core_v1.Pod, pod: core_v1.Pod) -> bool:
    """Whether that object of the API shows this very Pod, not a former content of its file."""
    return (mirrored.metadata.annotations or {}).get(MIRROR) == pod.metadata.uid


def _settle(pod: core_v1.Pod, *, file: str, node: str) -> None:
    """Give the Pod its place: this node, a name and a UID that no other has."""
    text = f"host:{node}file:{file}".encode() + codec.struct_encode(pod)
    uid = hashlib.md5(text, usedforsecurity=False).hexdigest()
    meta, spec = pod.metadata, pod.spec or core_v1.PodSpec()
    meta.uid, meta.name = uid, f"{meta.name}-{node.lower()}"
    meta.namespace = meta.namespace or "default"
    meta.annotations = {**(meta.annotations or {}), HASH: uid, SOURCE: FILE}
    spec.node_name = node
    if _STAYS not in (spec.tolerations or []):
        spec.tolerations = [*(spec.tolerations or []), _STAYS]
    pod.spec, pod.status = spec, core_v1.PodStatus(phase="Pending")


def _references(spec: core_v1.PodSpec) -> Iterator[str]:
    """The kinds of objects that the Pod cannot do without, in upstream's words."""
    if spec.service_account_name:
        yield "serviceaccounts"
    config_maps, secrets = [], [reference.name or "" for reference in spec.image_pull_secrets or ()]
    for container in pods.all_containers(spec):
        if isinstance(container, core_v1.Container):
            named = environment.references(container)
            config_maps += named[0]
            secrets += named[1]
    if secrets:
        yield "secrets"
    if config_maps:
        yield "configmaps"
    if spec.resource_claims:
        yield "resourceclaims"
    for volume in spec.volumes or ():
        yield from _volume_references(volume)


_OF_VOLUMES = {
    "config_map": "configmaps",
    "secret": "secrets",
    "csi": "csidrivers (via CSI volumes)",
    "persistent_volume_claim": "persistentvolumeclaims",
    "ephemeral": "persistentvolumeclaims (via ephemeral volumes)",
}
_OF_SOURCES = {
    "config_map": "configmaps",
    "secret": "secrets",
    "service_account_token": "serviceaccounts (via projected volumes)",
    "cluster_trust_bundle": "clustertrustbundles",
    "pod_certificate": "podcertificates",
}


def _volume_references(volume: core_v1.Volume) -> Iterator[str]:
    yield from (name for field, name in _OF_VOLUMES.items() if getattr(volume, field, None) is not None)
    for source in (volume.projected.sources if volume.projected else None) or ():
        yield from (name for field, name in _OF_SOURCES.items() if getattr(source, field, None) is not None)
