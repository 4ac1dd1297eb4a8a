"""What an administrator may want otherwise, frozen; each with unit, default and reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerSettings:
    """Settings of all controllers.

    root_ca                   certificates (PEM) that Pods verify the API server with; published in every namespace.
    terminated_pod_threshold  finished Pods that are kept; beyond it the oldest go. Upstream's default; 0 keeps all.
    missing_node_seconds      how long a node must be gone before its Pods are given up; upstream's, so that a node that is
                              registered again at once keeps its Pods.
    """

    root_ca: str
    terminated_pod_threshold: int = 12500
    missing_node_seconds: float = 40.0
