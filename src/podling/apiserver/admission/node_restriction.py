"""A kubelet touches only what is its own: its Node, its lease, its Pods and the tokens of accounts those run as.

Upstream's NodeRestriction, for users `system:node:<name>` in the group `system:nodes`.
"""

from __future__ import annotations

from typing import Any

from podling.api import codec, kinds
from podling.api.storage import claims, localpath, marks, sidecars
from podling.api.types import core_v1, storage_v1

from .review import Operation, Review, World

GROUP = "system:nodes"
PREFIX = "system:node:"
LEASES = "kube-node-lease"
MIRROR = "kubernetes.io/config.mirror"
_RESERVED = "node-restriction.kubernetes.io"
_OWN_LABELS = {
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
}
_OWN_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")


async def admit(review: Review, world: World) -> None:
    node = _node(review)
    if node is None:
        return
    if not node:
        raise review.forbid(f"could not determine node identity from user {review.user.name}")
    check = _CHECKS.get(review.resource)
    if check is not None:
        check(review, world, node)


def _node(review: Review) -> str | None:
    """The node that asks; None when it is no kubelet, "" when one without a name of its own."""
    if GROUP not in review.user.groups:
        return None
    return review.user.name.removeprefix(PREFIX) if review.user.name.startswith(PREFIX) else ""


def _pods(review: Review, world: World, node: str) -> None:
    if review.subresource == "status":
        _own_pod(review, review.old.body if review.old else None, node, "can only update pod status for pods")
    elif review.subresource == "eviction":
        _own_pod(review, world.read(kinds.POD, review.namespace, review.name), node, "can only evict pods")
    elif review.subresource:
        raise review.forbid(f"unexpected pod subresource {review.subresource}")
    elif review.operation is Operation.CREATE:
        assert review.obj is not None
        pod: core_v1.Pod = review.obj.body
        if MIRROR not in (pod.metadata.annotations or {}):
            raise review.forbid(
                f'pod does not have "{MIRROR}" annotation, node {_quoted(node)} can only create mirror pods'
            )
        if pod.spec is None or pod.spec.node_name != node:
            raise review.forbid(f"node {_quoted(node)} can only create pods with spec.nodeName set to itself")
    elif review.operation is Operation.DELETE:
        _own_pod(review, review.old.body if review.old else None, node, "can only delete pods")
    else:
        raise review.forbid(f"unexpected operation {review.operation.value}")


def _own_pod(review: Review, pod: core_v1.Pod | None, node: str, what: str) -> None:
    if pod is not None and (pod.spec is None or pod.spec.node_name != node):
        raise review.forbid(f"node {_quoted(node)} {what} with spec.nodeName set to itself")


def _nodes(review: Review, world: World, node: str) -> None:
    name = review.name or (review.obj.name if review.obj is not None else "")
    if name != node:
        raise review.forbid(f"node {_quoted(node)} is not allowed to modify node {_quoted(name)}")
    if review.operation is Operation.DELETE:
        raise review.forbid(f"node {_quoted(node)} is not allowed to delete itself")
    if review.obj is None:
        return
    new: core_v1.Node = review.obj.body
    old: core_v1.Node | None = review.old.body if review.old is not None else None
    if old is not None and (_taints(new) != _taints(old)):
        raise review.forbid(f"node {_quoted(node)} is not allowed to modify taints")
    before = (old.metadata.labels if old is not None else None) or {}
    changed = sorted(
        key
        for key, value in {**before, **(new.metadata.labels or {})}.items()
        if before.get(key) != (new.metadata.labels or {}).get(key) and not _may_label(key)
    )
    if changed:
        words = "is not allowed to " + ("set the following labels:" if old is None else "modify labels:")
        raise review.forbid(f"node {_quoted(node)} {words} {', '.join(changed)}")


def _taints(node: core_v1.Node) -> list[core_v1.Taint]:
    return (node.spec.taints if node.spec is not None else None) or []


def _may_label(key: str) -> bool:
    prefix, slash, _ = key.rpartition("/")
    if not slash or key in _OWN_LABELS:
        return True
    if prefix == _RESERVED or prefix.endswith(f".{_RESERVED}"):
        return False
    if any(prefix == own or prefix.endswith(f".{own}") for own in _OWN_PREFIXES):
        return True
    return not any(
        prefix == domain or prefix.endswith(f".{domain}") for domain in ("kubernetes.io", "k8s.io")
    )


def _leases(review: Review, world: World, node: str) -> None:
    if review.namespace != LEASES:
        raise review.forbid(f"can only access leases in the {_quoted(LEASES)} system namespace")
    name = review.name or (review.obj.name if review.obj is not None else "")
    if name != node:
        raise review.forbid(f"can only access node lease with the same name as the requesting node: {name}")


def _csi_nodes(review: Review, world: World, node: str) -> None:
    name = review.name or (review.obj.name if review.obj is not None else "")
    if name != node:
        raise review.forbid("can only access CSINode with the same name as the requesting node")


def _tokens(review: Review, world: World, node: str) -> None:
    if review.subresource != "token" or review.obj is None:
        return
    ref: Any = review.obj.body.spec.bound_object_ref
    if ref is None:
        raise review.forbid("node requested token not bound to a pod")
    if ref.kind != "Pod" or not ref.uid or not ref.name:
        raise review.forbid("node requested token not bound to a pod")
    pod: core_v1.Pod | None = world.read(kinds.POD, review.namespace, ref.name)
    if pod is None:
        raise review.forbid(f'pod "{ref.name}" not found')
    if pod.metadata.uid != ref.uid:
        raise review.forbid(
            f"the UID in the bound object reference ({ref.uid}) does not match the UID in record. The object might have been deleted and then recreated"
        )
    if pod.spec is None or pod.spec.node_name != node:
        raise review.forbid("node requested token bound to a pod scheduled on a different node")
    if pod.spec.service_account_name != review.name:
        raise review.forbid("node requested token for a service account that its pod does not run as")


def _volumes(review: Review, world: World, node: str) -> None:
    """A node makes and removes its own local volumes, for claims that were placed on it."""
    found: core_v1.Node | None = world.read(kinds.NODE, "", node)
    hostname = ((found.metadata.labels if found is not None else None) or {}).get(localpath.HOSTNAME, node)
    given = [each.body for each in (review.obj, review.old) if each is not None]
    if given and all(_drives(world, node, volume) for volume in given):
        _driven_volume(review, world, node)
        return
    if not all(localpath.is_on(volume, hostname) for volume in given):
        raise review.forbid(f"node {_quoted(node)} can only write local volumes of its own")
    if review.operation is not Operation.CREATE or review.obj is None:
        return
    ref = review.obj.body.spec.claim_ref
    claim = world.read(kinds.PERSISTENT_VOLUME_CLAIM, ref.namespace or "", ref.name or "") if ref else None
    if claim is None or claim.metadata.uid != ref.uid or not localpath.wanted_here(claim, node):
        raise review.forbid(f"node {_quoted(node)} can only create volumes for claims that were placed on it")


def _drives(world: World, node: str, volume: core_v1.PersistentVolume) -> bool:
    """Whether the volume is of a CSI driver that the node has and whose controller service its agent is to call."""
    source = volume.spec.csi if volume.spec else None
    return source is not None and _has_driver(world, node, source.driver)


def _has_driver(world: World, node: str, name: str) -> bool:
    mine: storage_v1.CSINode | None = world.read(kinds.CSI_NODE, "", node)
    has = mine is not None and any(each.name == name for each in mine.spec.drivers)
    return has and sidecars.is_built_in(world.read(kinds.CSI_DRIVER, "", name))


def _driven_volume(review: Review, world: World, node: str) -> None:
    """It may be made for a claim that asks the driver for one, showing it no Secrets but those that the class names; else it only ends."""
    if review.obj is None:
        return
    volume: core_v1.PersistentVolume = review.obj.body
    spec = volume.spec or core_v1.PersistentVolumeSpec()
    if review.old is not None:
        old = codec.clone(review.old).body
        old.spec.capacity = spec.capacity
        if not codec.semantic_equal(old.spec, spec):
            raise review.forbid(
                f"node {_quoted(node)} is not allowed to update fields other than spec.capacity"
            )
        return
    ref = spec.claim_ref or core_v1.ObjectReference()
    claim = world.read(kinds.PERSISTENT_VOLUME_CLAIM, ref.namespace or "", ref.name or "")
    found = world.read(kinds.STORAGE_CLASS, "", claims.class_of(claim)) if claim is not None else None
    driver = spec.csi.driver if spec.csi else ""
    if (
        claim is None
        or claim.metadata.uid != ref.uid
        or found is None
        or found.provisioner != driver
        or (claim.metadata.annotations or {}).get(marks.SELECTED_NODE, node) != node
    ):
        raise review.forbid(f"node {_quoted(node)} can only create volumes for claims that were placed on it")
    if not sidecars.secrets_shown(volume) <= sidecars.secrets_named(claim, found):
        raise review.forbid(f"node {_quoted(node)} can only refer to Secrets that the StorageClass names")


def _attachments(review: Review, world: World, node: str) -> None:
    """A node says what came of attaching a volume to it."""
    old: storage_v1.VolumeAttachment | None = review.old.body if review.old is not None else None
    if old is None or old.spec.node_name != node or not _has_driver(world, node, old.spec.attacher):
        raise review.forbid(
            f"node {_quoted(node)} can only update volume attachments of its own drivers to itself"
        )


def _claims(review: Review, world: World, node: str) -> None:
    """A node enlarges what its volumes are claimed for, and says that it cannot have a volume."""
    if review.obj is None or review.old is None:
        raise review.forbid(f"unexpected operation {review.operation.value}")
    new, old = codec.clone(review.obj).body, codec.clone(review.old).body
    if review.subresource == "status":
        new.status = new.status or core_v1.PersistentVolumeClaimStatus()
        before = old.status or core_v1.PersistentVolumeClaimStatus()
        new.status.capacity, new.status.conditions = before.capacity, before.conditions
        if not codec.semantic_equal(new.status, before):
            raise review.forbid(
                f"node {_quoted(node)} is not allowed to update fields other than status.capacity and status.conditions"
            )
        return
    notes = dict(old.metadata.annotations or {})
    is_placed = notes.pop(marks.SELECTED_NODE, None) == node and not claims.volume_name(old)
    same = codec.semantic_equal(new.spec, old.spec) and (new.metadata.annotations or {}) == notes
    if review.subresource or not is_placed or not same:
        raise review.forbid(f"node {_quoted(node)} can only give back claims that were placed on it")


def _quoted(name: str) -> str:
    return f'"{name}"'


_CHECKS = {
    "csinodes.storage.k8s.io": _csi_nodes,
    "leases.coordination.k8s.io": _leases,
    "nodes": _nodes,
    "persistentvolumeclaims": _claims,
    "persistentvolumes": _volumes,
    "pods": _pods,
    "serviceaccounts": _tokens,
    "volumeattachments.storage.k8s.io": _attachments,
}
