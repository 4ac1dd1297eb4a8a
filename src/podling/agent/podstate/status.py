"""A Pod's status from a view of it: what kubelet's `generateAPIPodStatus` and `TerminatePod` give.

The parts are in `containers`, `phase` and `conditions`.  Fields of others (foreign conditions, resize, claims) pass through.
A terminal phase is never left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from podling.api import pod as pods
from podling.api import times
from podling.api.types import core_v1
from podling.runtime.interface import SandboxState

from . import conditions, containers, phase, restarts
from .draft import Waiting
from .view import Verdict, View

TERMINAL = ("Succeeded", "Failed")


def of(view: View, *, waiting: Mapping[str, Waiting]) -> core_v1.PodStatus:
    """The status of a Pod that is to run."""
    return _assemble(view, _Shown(view, waiting))


def of_ending(view: View, *, stopped: bool) -> core_v1.PodStatus:
    """The status of a Pod that ends; ``stopped``: nothing of it runs any more, so its phase becomes terminal."""
    shown = _Shown(view, {}, final=stopped and not view.shutdown)
    if shown.final:
        containers.close(view, shown.inits, shown.main)
    return _assemble(view, shown)


def failed(view: View, *, reason: str, message: str) -> core_v1.PodStatus:
    """The last status with its phase turned to Failed, for a cause that no container shows."""
    return structs.replace(view.status, phase="Failed", reason=reason, message=message)


def refused(view: View, verdict: Verdict) -> core_v1.PodStatus:
    """The status of a Pod that the node did not admit (kubelet `rejectPod`)."""
    return structs.replace(
        view.status,
        phase="Failed",
        reason=verdict.reason,
        message=f"Pod was rejected: {verdict.message}",
        start_time=view.status.start_time or times.rfc3339(view.now),
        observed_generation=view.pod.metadata.generation,
    )


class _Shown:
    """The container statuses of one status in the making."""

    def __init__(self, view: View, waiting: Mapping[str, Waiting], *, final: bool = False) -> None:
        self.final = final
        self.inits = [containers.of(view, c, waiting.get(c.name), init=True) for c in view.inits]
        main = [containers.of(view, c, waiting.get(c.name), init=False) for c in view.spec.containers]
        self.main = sorted(main, key=lambda status: status.name)
        self.ephemerals = [containers.of_ephemeral(view, c, waiting.get(c.name)) for c in view.ephemerals]


def _assemble(view: View, shown: _Shown) -> core_v1.PodStatus:
    old = view.status
    now_phase, reason, message = _phase(view, shown)
    pod_ips, host_ips = _addresses(view)
    status = structs.replace(
        view.pod.status or core_v1.PodStatus(),
        phase=now_phase,
        reason=reason,
        message=message,
        init_container_statuses=shown.inits or None,
        container_statuses=shown.main or None,
        ephemeral_container_statuses=shown.ephemerals or None,
        host_ip=host_ips[0] if host_ips else None,
        host_ips=[core_v1.HostIP(ip=ip) for ip in host_ips] or None,
        pod_ip=pod_ips[0] if pod_ips else None,
        pod_ips=[core_v1.PodIP(ip=ip) for ip in pod_ips] or None,
        start_time=old.start_time or times.rfc3339(view.now),
        qos_class=old.qos_class or pods.qos_class(view.pod),
        observed_generation=view.pod.metadata.generation,
        **_whole(view),
    )
    status.conditions = conditions.of(view, status)
    return status


def _whole(view: View) -> dict[str, Any]:
    """What has been granted to the Pod as a whole, and what is in force of it (KEP-5419)."""
    granted = view.spec.resources
    if granted is None:
        return {"allocated_resources": None, "resources": None}
    before = view.resizing.whole
    actual = before.spec.resources if before is not None and before.spec is not None else granted
    return {"allocated_resources": granted.requests, "resources": actual}


def _phase(view: View, shown: _Shown) -> tuple[str, str | None, str | None]:
    """Phase, reason and message."""
    old = view.status
    if view.verdict is not None and (shown.final or view.verdict.refused):
        return "Failed", view.verdict.reason, view.verdict.message
    if old.phase in TERMINAL:
        return old.phase, old.reason, old.message
    computed = phase.of(view.spec, shown.inits, shown.main, again=restarts.replaced(view), final=shown.final)
    if shown.final and computed not in TERMINAL:
        computed = "Failed"
    return (computed, old.reason, old.message) if computed == old.phase else (computed, None, None)


def _addresses(view: View) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The Pod's and the host's; a Pod whose sandbox is gone keeps showing the address it had."""
    host = view.host_ips
    if view.spec.host_network:
        return (host if view.sandboxes or view.status.pod_ip else ()), host
    newest = view.sandboxes[0] if view.sandboxes else None
    if newest is not None and newest.state is SandboxState.READY and newest.ips:
        return newest.ips, host
    return tuple(entry.ip for entry in view.status.pod_ips or []), host
