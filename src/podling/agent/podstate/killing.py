"""Ending one container: how long it may take and what its Event says."""

from __future__ import annotations

from podling.agent import labels
from podling.api.types import core_v1
from podling.runtime.interface import Container

from .actions import KillContainer
from .draft import Draft
from .view import View

FORGOTTEN_GRACE = 1
"""Seconds for the containers of a Pod whose object is gone (kubelet `SyncTerminatingRuntimePod`)."""


def kill(draft: Draft, container: Container, message: str, *, grace: float, again: bool = False) -> None:
    """Order the end of ``container`` within ``grace`` seconds from now; an order that would end later gives way."""
    kill_by(draft, container, message, deadline=draft.view.now + grace, again=again)


def kill_by(
    draft: Draft, container: Container, message: str, *, deadline: float, again: bool = False
) -> None:
    """As `kill`, by a time in seconds since the epoch."""
    order = KillContainer(container.id, container.name, deadline, message, again)
    under_way = draft.view.busy.get(order.key)
    if isinstance(under_way, KillContainer) and order.deadline < under_way.deadline:
        draft.replace(order)
    else:
        draft.act(order)


def grace_of(view: View, probe: core_v1.Probe | None = None) -> int:
    """Seconds that the spec gives a container to end by itself; a probe that failed may have its own."""
    if probe is not None and probe.termination_grace_period_seconds is not None:
        return probe.termination_grace_period_seconds
    grace = view.spec.termination_grace_period_seconds
    return labels.DEFAULT_GRACE if grace is None else grace


def ending_grace(view: View) -> int:
    """Seconds that the whole Pod has to end: what the deletion says goes over what the spec says."""
    if view.removed and not view.static:
        return FORGOTTEN_GRACE
    if view.verdict is not None and view.verdict.grace is not None:
        return view.verdict.grace
    asked = view.pod.metadata.deletion_grace_period_seconds
    return grace_of(view) if asked is None else asked
