"""What a node's agent may see: the Secrets, ConfigMaps and claims of its own Pods, and nobody else's.

A simplified reading of upstream's graph (plugin/pkg/auth/authorizer/node): instead of keeping a graph of references,
the Pods that are bound to the node are asked at the moment of the question.  What every node may do alike is the
ClusterRole ``system:node``, whose rules stand in ``NODE_RULES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from podling.api.storage.sidecars import secrets_shown
from podling.api.types import core_v1, rbac_v1
from podling.apiserver.request import RequestInfo, UserInfo

from .rbac import covers_request

USER_PREFIX, GROUP = "system:node:", "system:nodes"

LEASES = "kube-node-lease"
LEASE_VERBS = ("create", "delete", "get", "patch", "update")

PodsOf = Callable[[str], Sequence[core_v1.Pod]]
"""The Pods bound to a node, by its name."""
Volumes = Callable[[], Iterable[core_v1.PersistentVolume]]


def node_of(user: UserInfo) -> str:
    """The node that the user is the agent of, or ""."""
    named = user.name.startswith(USER_PREFIX) and GROUP in user.groups
    return user.name.removeprefix(USER_PREFIX) if named else ""


class NodeAuthorizer:
    """Judges requests of nodes' agents.  ``rules`` are those that every agent has, ``volumes`` all of the cluster."""

    def __init__(self, rules: Sequence[rbac_v1.PolicyRule], pods_of: PodsOf, volumes: Volumes) -> None:
        self._rules = rules
        self._pods_of = pods_of
        self._volumes = volumes

    def allows(self, user: UserInfo, info: RequestInfo) -> bool:
        """Whether the agent of a node may do this; False for anybody else."""
        node = node_of(user)
        if not node:
            return False
        if info.group == "" and info.resource in REFERENCES:
            return info.verb in ("get", "list", "watch") and bool(info.name) and self._refers(node, info)
        if info.resource == "serviceaccounts":
            wanted = {"token": "create", "": "get"}.get(info.subresource)
            return info.verb == wanted and self._runs_as(node, info)
        if (
            info.resource == "nodes"
            and info.verb in ("get", "update", "patch", "delete")
            and info.name != node
        ):
            return False
        if info.group == "coordination.k8s.io" and info.resource == "leases":
            own = info.verb == "create" or info.name == node
            return own and info.namespace == LEASES and info.verb in LEASE_VERBS
        if info.group == "storage.k8s.io" and info.resource == "csinodes" and info.verb != "create":
            own = info.name == node
            return own and any(covers_request(rule, info) for rule in self._rules)
        return any(covers_request(rule, info) for rule in self._rules)

    def reason(self, user: UserInfo, info: RequestInfo) -> str:
        """Why an agent was not allowed, in upstream's words; nothing for anybody else."""
        node = node_of(user)
        if node and info.group == "" and info.resource in REFERENCES:
            return f"no relationship found between node '{node}' and this object"
        return ""

    def _refers(self, node: str, info: RequestInfo) -> bool:
        reads, pods = REFERENCES[info.resource], self._pods_of(node)
        if any(info.name in reads(pod) for pod in pods if pod.metadata.namespace == info.namespace):
            return True
        return info.resource == "secrets" and self._is_behind(pods, info)

    def _is_behind(self, pods: Sequence[core_v1.Pod], info: RequestInfo) -> bool:
        """Whether a volume behind a claim of these Pods has its driver shown the Secret, of whatever namespace."""
        claims = {(pod.metadata.namespace, claim) for pod in pods for claim in claims_of(pod)}
        return bool(claims) and any(
            _claimed(volume) in claims and (info.namespace, info.name) in secrets_shown(volume)
            for volume in self._volumes()
        )

    def _runs_as(self, node: str, info: RequestInfo) -> bool:
        return any(
            pod.spec is not None
            and pod.metadata.namespace == info.namespace
            and (pod.spec.service_account_name or "default") == info.name
            for pod in self._pods_of(node)
        )


def secrets_of(pod: core_v1.Pod) -> Iterator[str]:
    """The names of all Secrets that a Pod refers to."""
    spec = pod.spec or core_v1.PodSpec()
    for pull in spec.image_pull_secrets or ():
        yield pull.name or ""
    for source in _projections(spec):
        if source.secret is not None:
            yield source.secret.name or ""
    for volume in spec.volumes or ():
        if volume.secret is not None:
            yield volume.secret.secret_name or ""
        if volume.csi is not None and volume.csi.node_publish_secret_ref is not None:
            yield volume.csi.node_publish_secret_ref.name or ""
    for container in _containers(spec):
        for source_all in container.env_from or ():
            if source_all.secret_ref is not None:
                yield source_all.secret_ref.name or ""
        for variable in container.env or ():
            if variable.value_from is not None and variable.value_from.secret_key_ref is not None:
                yield variable.value_from.secret_key_ref.name or ""


def config_maps_of(pod: core_v1.Pod) -> Iterator[str]:
    """The names of all ConfigMaps that a Pod refers to."""
    spec = pod.spec or core_v1.PodSpec()
    for source in _projections(spec):
        if source.config_map is not None:
            yield source.config_map.name or ""
    for volume in spec.volumes or ():
        if volume.config_map is not None:
            yield volume.config_map.name or ""
    for container in _containers(spec):
        for source_all in container.env_from or ():
            if source_all.config_map_ref is not None:
                yield source_all.config_map_ref.name or ""
        for variable in container.env or ():
            if variable.value_from is not None and variable.value_from.config_map_key_ref is not None:
                yield variable.value_from.config_map_key_ref.name or ""


def claims_of(pod: core_v1.Pod) -> Iterator[str]:
    """The names of all PersistentVolumeClaims that a Pod uses, generic ephemeral ones included."""
    for volume in (pod.spec.volumes if pod.spec else None) or ():
        if volume.persistent_volume_claim is not None:
            yield volume.persistent_volume_claim.claim_name
        elif volume.ephemeral is not None:
            yield f"{pod.metadata.name}-{volume.name}"


def _claimed(volume: core_v1.PersistentVolume) -> tuple[str | None, str | None]:
    ref = (volume.spec.claim_ref if volume.spec else None) or core_v1.ObjectReference()
    return ref.namespace, ref.name


def _projections(spec: core_v1.PodSpec) -> Iterator[core_v1.VolumeProjection]:
    for volume in spec.volumes or ():
        if volume.projected is not None:
            yield from volume.projected.sources or ()


def _containers(spec: core_v1.PodSpec) -> Iterator[core_v1.Container | core_v1.EphemeralContainer]:
    yield from spec.containers
    yield from spec.init_containers or ()
    yield from spec.ephemeral_containers or ()


REFERENCES: dict[str, Callable[[core_v1.Pod], Iterator[str]]] = {
    "secrets": secrets_of,
    "configmaps": config_maps_of,
    "persistentvolumeclaims": claims_of,
}
