"""What the Events of a resize say: the resources in question, as JSON, in the order that upstream gives them (pure).

(Source: kubelet `pkg/kubelet/events`, `PodResizeStartedMsg` and its siblings.)
"""

from __future__ import annotations

from typing import Any

import msgspec

from podling.api import pod as pods
from podling.api.types import core_v1

from .allocation import NOTHING


def message(lead: str, pod: core_v1.Pod, *, error: str = "") -> str:
    """``lead``, and what the Pod has or wants."""
    spec = pod.spec or core_v1.PodSpec()
    told: dict[str, Any] = {}
    sidecars = [_summary(container) for container in spec.init_containers or () if pods.is_sidecar(container)]
    if sidecars:
        told["initContainers"] = sidecars
    told["containers"] = [_summary(container) for container in spec.containers]
    told["generation"] = pod.metadata.generation or 0
    if error:
        told["error"] = error
    return f"{lead}: {msgspec.json.encode(told).decode()}"


def _summary(container: core_v1.Container) -> dict[str, Any]:
    return {"name": container.name, "resources": msgspec.to_builtins(container.resources or NOTHING)}
