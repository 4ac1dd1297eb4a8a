"""What nodes and Pods use, as upstream's metrics server shows it to `kubectl get` (its pkg/api/table.go)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from podling.api import quantity

from .layout import NAME, Cells, Column, Layout, name

if TYPE_CHECKING:
    from podling.api.types.metrics_v1beta1 import NodeMetrics, PodMetrics

_COLUMNS = (
    NAME,
    Column("cpu", "Cores in use, as a mean over the window.", format="quantity"),
    Column("memory", "Memory in use.", format="quantity"),
    Column("Window", "How long was measured.", format="duration"),
)


def _sums(usages: Iterable[Mapping[str, str]]) -> list[str]:
    listed = [*usages]
    return [
        str(quantity.total(quantity.parse(usage[what]) for usage in listed if what in usage))
        for what in ("cpu", "memory")
    ]


def _node(obj: NodeMetrics, now: float) -> Cells:
    return [name(obj), *_sums([obj.usage]), obj.window]


def _pod(obj: PodMetrics, now: float) -> Cells:
    return [name(obj), *_sums(container.usage for container in obj.containers), obj.window]


NODES = Layout(_COLUMNS, _node)
PODS = Layout(_COLUMNS, _pod)
