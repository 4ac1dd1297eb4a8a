"""What is measured: the group that upstream has from an aggregated metrics server. Nothing of it is ever stored."""

from __future__ import annotations

from .row import Kind

_VERBS = ("get", "list")


def _measured(name: str, plural: str, *, namespaced: bool) -> Kind:
    return Kind(
        group="metrics.k8s.io",
        version="v1beta1",
        kind=name,
        plural=plural,
        singular="",
        namespaced=namespaced,
        type=f"metrics_v1beta1:{name}",
        verbs=_VERBS,
    )


NODE_METRICS = _measured("NodeMetrics", "nodes", namespaced=False)
POD_METRICS = _measured("PodMetrics", "pods", namespaced=True)
