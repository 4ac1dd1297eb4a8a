"""Ephemeral containers: put beside the others for somebody who looks into the Pod; each runs once and is never started again.

They neither wait for the init containers nor bear on phase or readiness, and end with the Pod.
(Source: concepts/workloads/pods/ephemeral-containers; kubelet `computePodActions`, EphemeralContainersToStart.)
"""

from __future__ import annotations

from podling.runtime.interface import ContainerState, Sandbox

from .draft import Draft
from .starting import start
from .view import View


def run(draft: Draft, sandbox: Sandbox) -> None:
    """Order the start of those that have never run."""
    for container in draft.view.ephemerals:
        if not _has_run(draft.view, container.name):
            start(draft, container, sandbox)


def _has_run(view: View, name: str) -> bool:
    record = view.newest(name)
    if record is not None:
        return record.state is not ContainerState.CREATED
    known = view.known_status(name)
    return known is not None and bool(known.container_id)
