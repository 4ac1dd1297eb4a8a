"""What the kubelet tells of its node when the object changes (pure, but for the handler at the end).

Source: kubernetes pkg/kubelet/nodestatus/setters.go and kubelet_node_status.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from podling.agent.kit import Kit
from podling.api.types import core_v1
from podling.client.informer import Handler


class Told(NamedTuple):
    type: str
    reason: str
    message: str


_REASONS: Mapping[tuple[str, str], str] = {
    ("MemoryPressure", "False"): "NodeHasSufficientMemory",
    ("MemoryPressure", "True"): "NodeHasInsufficientMemory",
    ("DiskPressure", "False"): "NodeHasNoDiskPressure",
    ("DiskPressure", "True"): "NodeHasDiskPressure",
    ("PIDPressure", "False"): "NodeHasSufficientPID",
    ("PIDPressure", "True"): "NodeHasInsufficientPID",
    ("Ready", "True"): "NodeReady",
    ("Ready", "False"): "NodeNotReady",
}
"""By condition and status; that nobody knows (`Unknown`) is for who noticed it to tell."""


def changes(old: core_v1.Node, new: core_v1.Node) -> Iterator[Told]:
    """What is to be told of a node that was ``old`` and is ``new``."""
    name = new.metadata.name or ""
    before, now = _statuses(old), _statuses(new)
    for condition, status in now.items():
        reason = _REASONS.get((condition, status))
        if reason is not None and before.get(condition) != status:
            yield _now(name, reason)
    if _is_closed(old) != _is_closed(new):
        yield _now(name, "NodeNotSchedulable" if _is_closed(new) else "NodeSchedulable")
    boot, earlier = _boot(new), _boot(old)
    if earlier and boot != earlier:
        yield Told("Warning", "Rebooted", f"Node {name} has been rebooted, boot id: {boot}")


def _now(name: str, reason: str) -> Told:
    return Told("Normal", reason, f"Node {name} status is now: {reason}")


def _statuses(node: core_v1.Node) -> dict[str, str]:
    conditions = (node.status.conditions if node.status else None) or ()
    return {condition.type: condition.status for condition in conditions}


def _is_closed(node: core_v1.Node) -> bool:
    return bool(node.spec and node.spec.unschedulable)


def _boot(node: core_v1.Node) -> str:
    info = node.status.node_info if node.status else None
    return info.boot_id if info is not None else ""


def handler(kit: Kit) -> Handler[core_v1.Node]:
    """Tells of every change of the node that an informer sees."""

    def updated(old: core_v1.Node, new: core_v1.Node) -> None:
        for told in changes(old, new):
            kit.tell_node(new, *told)

    return Handler(on_update=updated)
