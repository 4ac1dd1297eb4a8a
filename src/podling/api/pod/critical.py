"""Pods that a node must not give up for others: static ones, and those of the highest priorities.

(Source: kubelet `pkg/kubelet/types/pod_update.go`, `IsCriticalPod`, `Preemptable`.)
"""

from __future__ import annotations

from podling.api.types.core_v1 import Pod

from .containers import is_mirror

SYSTEM_PRIORITY = 2_000_000_000
"""Of system-cluster-critical and above."""
SOURCE = "kubernetes.io/config.source"


def is_critical(pod: Pod) -> bool:
    source = (pod.metadata.annotations or {}).get(SOURCE, "api")
    return source != "api" or is_mirror(pod) or _priority(pod) >= SYSTEM_PRIORITY


def is_preemptable(pod: Pod, by: Pod) -> bool:
    """Whether a node may end the Pod so that the critical one can run."""
    if is_critical(by) and not is_critical(pod):
        return True
    return _priority(by) > _priority(pod)


def _priority(pod: Pod) -> int:
    return (pod.spec.priority if pod.spec else None) or 0
