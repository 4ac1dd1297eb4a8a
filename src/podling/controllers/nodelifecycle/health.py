"""When a node counts as lost, and what its conditions say then (pure).

A node shows that it lives by renewing its Lease and by writing its status. Only when a sign of life was seen counts, by our own clock, as
that of the node may be wrong (KEP-589; k8s.io/kubernetes/pkg/controller/nodelifecycle). All times are seconds of the event loop, which
stands still while the machine sleeps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from podling.api import times
from podling.api.types import core_v1
from podling.controllers.settings import ControllerSettings

TOLD_BY_NODE = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
"""What nobody knows any more once the node is silent; NetworkUnavailable is others' to say."""


@dataclass(slots=True)
class Health:
    """What has been seen of one node."""

    alive_at: float
    heartbeat: str | None = None
    """`lastHeartbeatTime` of its condition Ready, as last seen; None while it has none."""
    unready_since: float | None = None
    marked: set[str] = field(default_factory=set)
    """UIDs of Pods that have been said to be not ready since the node was lost."""


def condition(node: core_v1.Node, type: str) -> core_v1.NodeCondition | None:
    conditions = node.status.conditions if node.status else None
    return next((each for each in conditions or () if each.type == type), None)


def readiness(node: core_v1.Node) -> str | None:
    """True, False or Unknown; None while nobody has said."""
    found = condition(node, "Ready")
    return found.status if found is not None else None


def first_sight(node: core_v1.Node, *, now: float, wall: float) -> Health:
    """A node that has never said how it is has been silent since it was made; any other gets its full grace."""
    ready = condition(node, "Ready")
    if ready is not None:
        return Health(now, ready.last_heartbeat_time)
    made = node.metadata.creation_timestamp
    return Health(now - max(0.0, wall - times.parse(made)) if made else now)


def observe(health: Health, node: core_v1.Node, *, renewed_at: float | None, now: float) -> None:
    """Take note of what the node shows; `renewed_at` is when a renewal of its Lease was last seen."""
    ready = condition(node, "Ready")
    heartbeat = ready.last_heartbeat_time if ready is not None else None
    if heartbeat != health.heartbeat:
        health.heartbeat, health.alive_at = heartbeat, now
    health.alive_at = max(health.alive_at, renewed_at or 0.0)
    status = ready.status if ready is not None else None
    if status == "True":
        health.unready_since = None
    elif health.unready_since is None:
        health.unready_since = now
    if status != "Unknown":
        health.marked.clear()


def grace_left(health: Health, node: core_v1.Node, *, now: float, settings: ControllerSettings) -> float:
    """Seconds until the node is lost if it stays silent; 0 or less when it is."""
    new = readiness(node) is None
    grace = settings.node_startup_grace_period if new else settings.node_monitor_grace_period
    return health.alive_at + grace - now


def lost_conditions(node: core_v1.Node, *, wall: float) -> list[core_v1.NodeCondition]:
    """The conditions to change when the node is lost; none when they say so already."""
    at = times.rfc3339(wall)
    found = []
    for type in TOLD_BY_NODE:
        before = condition(node, type)
        if before is None:
            never = core_v1.NodeCondition(
                type=type,
                status="Unknown",
                reason="NodeStatusNeverUpdated",
                message="Kubelet never posted node status.",
                last_heartbeat_time=node.metadata.creation_timestamp,
                last_transition_time=at,
            )
            found.append(never)
        elif before.status != "Unknown":
            silent = msgspec.structs.replace(
                before,
                status="Unknown",
                reason="NodeStatusUnknown",
                message="Kubelet stopped posting node status.",
                last_transition_time=at,
            )
            found.append(silent)
    return found
