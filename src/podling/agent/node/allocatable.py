"""What a node has for Pods: its capacity less what is reserved, and the extended resources that somebody gave it (pure).

    allocatable = capacity - kube-reserved - system-reserved - hard eviction thresholds

(Source: tasks/administer-cluster/reserve-compute-resources, extended-resource-node.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podling.agent.eviction.thresholds import Threshold
from podling.api import pod as pods
from podling.api import quantity
from podling.api.quantity import Quantity

_KIB = 1024
_KEPT_FREE = {"memory.available": "memory", "nodefs.available": "ephemeral-storage"}


def of(
    capacity: Mapping[str, str], reserved: Iterable[Mapping[str, str]], thresholds: Iterable[Threshold]
) -> dict[str, str]:
    """Of the node's own resources; never less than nothing."""
    left = {name: quantity.parse(text) for name, text in capacity.items()}
    for part in reserved:
        for name, text in part.items():
            _take(left, name, quantity.parse(text))
    for threshold in thresholds:
        name = _KEPT_FREE.get(threshold.signal, "")
        if threshold.grace is None and name in left:
            free = threshold.least.of(quantity.parse(capacity[name]).value())
            whole = -(-free // _KIB) * _KIB
            _take(left, name, quantity.of(whole, quantity.Format.BINARY_SI))
    return {name: str(amount) for name, amount in left.items()}


def extended(capacity: Mapping[str, str]) -> dict[str, str]:
    """The resources of a Node that are not Kubernetes' own: an administrator's word on them is all there is."""
    return {name: text for name, text in capacity.items() if pods.is_extended(name)}


def _take(left: dict[str, Quantity], name: str, amount: Quantity) -> None:
    if name in left:
        rest = left[name] - amount
        left[name] = rest if rest > quantity.ZERO else quantity.of(0, quantity.Format.DECIMAL_SI)
