"""Where a volume is to be attached, whom it is kept from, and when it may be detached (pure).

(Source: upstream's `pkg/controller/volume/attachdetach/reconciler`.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from podling.api.storage import attachments
from podling.api.storage.claims import ONCE_POD
from podling.api.types import core_v1, storage_v1

UNMOUNT_SECONDS = 360.0
"""How long a node that is not well may take to let go of a volume (maxWaitForUnmountDuration)."""
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_ALONE = {"ReadWriteOnce", ONCE_POD}

Source = core_v1.CSIPersistentVolumeSource
Users = Mapping[str, Sequence[core_v1.Pod]]
"""The Pods that use a volume, by node."""


def source_of(volume: core_v1.PersistentVolume | None) -> Source | None:
    return volume.spec.csi if volume is not None and volume.spec is not None else None


def users(pods: Iterable[core_v1.Pod]) -> Users:
    """Those that have a node and are not over."""
    found: dict[str, list[core_v1.Pod]] = {}
    for pod in pods:
        node = pod.spec.node_name if pod.spec else None
        over = pod.status is not None and pod.status.phase in ("Succeeded", "Failed")
        if node and not over:
            found.setdefault(node, []).append(pod)
    return found


def is_exclusive(volume: core_v1.PersistentVolume) -> bool:
    """Whether the volume is attached to one node at a time."""
    modes = (volume.spec.access_modes if volume.spec else None) or []
    return bool(modes) and set(modes) <= _ALONE


def to_attach(
    volume: core_v1.PersistentVolume, wanted: Collection[str], has: Collection[str]
) -> tuple[list[str], list[str]]:
    """Nodes that the volume is to be attached to now, and those that are kept from it by others."""
    missing = sorted(set(wanted) - set(has))
    if not is_exclusive(volume):
        return missing, []
    free = 0 if has else 1
    return missing[:free], missing[free:]


def kept_from(pod: core_v1.Pod, volume: str, there: Users) -> str:
    """Why ``pod`` does not get the volume, which is attached to other nodes for other Pods."""
    others = [other for pods in there.values() for other in pods]
    names = sorted(o.metadata.name or "" for o in others if o.metadata.namespace == pod.metadata.namespace)
    foreign = len(others) - len(names)
    parts = [", ".join(names)] if names else []
    parts += [f"{foreign} pod(s) in different namespaces"] if foreign else []
    told = f'Multi-Attach error for volume "{volume}" Volume is already'
    if not parts:
        return f"{told} exclusively attached to one node and can't be attached to another"
    return f"{told} used by {'pod(s) ' if names else ''}{' and '.join(parts)}"


def patience(node: core_v1.Node | None, volume: str) -> float | None:
    """Seconds that detaching is put off; None: until the node says that it uses the volume no more.

    A node that is gone may still write to it.
    """
    if node is None:
        return UNMOUNT_SECONDS
    if any(taint.key == OUT_OF_SERVICE for taint in (node.spec.taints if node.spec else None) or ()):
        return 0.0
    status = node.status or core_v1.NodeStatus()
    if volume not in (status.volumes_in_use or ()):
        return 0.0
    well = any(each.type == "Ready" and each.status == "True" for each in status.conditions or ())
    return None if well else UNMOUNT_SECONDS


def is_managed(node: core_v1.Node | None) -> bool:
    return node is not None and (node.metadata.annotations or {}).get(attachments.MANAGED) == "true"


def is_attached(attachment: storage_v1.VolumeAttachment) -> bool:
    """Whether the volume is attached, and nobody wants it otherwise."""
    attached = attachment.status is not None and attachment.status.attached
    return attached and attachment.metadata.deletion_timestamp is None
