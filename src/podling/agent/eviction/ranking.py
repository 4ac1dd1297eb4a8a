"""Who is evicted first for which resource, and what is said about it (pure).

Memory and disk: those above their requests first, then by priority, then by how far they are above. Processes: by
priority, then by their number. Critical Pods are never evicted. (Source: kubelet `pkg/kubelet/eviction/helpers.go`.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podling.api import pod as pods
from podling.api import quantity
from podling.api.quantity import Format
from podling.api.types import core_v1

from .signals import INODES, MEMORY, PIDS, SIGNALS, STORAGE, Observation
from .thresholds import Threshold
from .usage import Usage

_OF_CONTAINERS = (MEMORY, STORAGE)


def order(candidates: Iterable[core_v1.Pod], usages: Mapping[str, Usage], resource: str) -> list[core_v1.Pod]:
    """The Pods in the order in which they are to be evicted; ``usages`` by UID."""

    def key(pod: core_v1.Pod) -> tuple[bool, bool, int, int]:
        usage = usages.get(pod.metadata.uid or "")
        priority = (pod.spec.priority if pod.spec else None) or 0
        used = usage.total.get(resource, 0) if usage is not None else 0
        over = used - _requested(pod, resource)
        if resource == PIDS:
            return False, False, priority, -used
        return usage is not None, over <= 0, priority, -over

    return sorted((pod for pod in candidates if not pods.is_critical(pod)), key=key)


def message(pod: core_v1.Pod, usage: Usage | None, threshold: Threshold, seen: Observation) -> str:
    """Upstream's words, trailing spaces included."""
    resource = SIGNALS[threshold.signal].resource
    least = _spelled(threshold.least.of(seen.capacity), resource)
    told = (
        f"The node was low on resource: {resource}. "
        f"Threshold quantity: {least}, available: {_spelled(seen.available, resource)}. "
    )
    spec = pod.spec or core_v1.PodSpec()
    for container in (*spec.containers, *pods.sidecars(spec)):
        used = (usage.containers.get(container.name, {}) if usage is not None else {}).get(resource)
        asked = _asked(container, resource)
        if resource in _OF_CONTAINERS and used is not None and quantity.of(used) > asked:
            told += (
                f"Container {container.name} was using {_spelled(used, resource)}, request is {asked}, "
                f"has larger consumption of {resource}. "
            )
    return told


def _requested(pod: core_v1.Pod, resource: str) -> int:
    if resource in (INODES, PIDS):
        return 0
    return pods.requests(pod).get(resource, quantity.ZERO).value()


def _asked(container: core_v1.Container, resource: str) -> quantity.Quantity:
    requests = (container.resources.requests if container.resources else None) or {}
    return quantity.parse(requests[resource]) if resource in requests else quantity.ZERO


def _spelled(amount: int, resource: str) -> str:
    format = Format.BINARY_SI if resource in _OF_CONTAINERS else Format.DECIMAL_SI
    return str(quantity.of(amount, format))
