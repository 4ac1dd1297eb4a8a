"""What nodes and Pods use (`metrics.k8s.io/v1beta1`), which upstream's aggregated metrics server defines, not its API server's schemas.

Source: k8s.io/metrics/pkg/apis/metrics/v1beta1.
"""

from __future__ import annotations

from msgspec import field

from . import meta_v1
from ._model import ApiType, Quantity, Time, none


class ContainerMetrics(ApiType, kw_only=True):
    """What one container uses."""

    name: str = field(default_factory=str)
    usage: dict[str, Quantity] = field(default_factory=dict)


class NodeMetrics(ApiType, kw_only=True):
    """What a node used in the `window` (a Go duration) that ended at `timestamp`."""

    kind: str = field(default_factory="NodeMetrics".__str__)
    api_version: str = field(default_factory="metrics.k8s.io/v1beta1".__str__)
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    timestamp: Time | None = field(default_factory=none)
    window: str = field(default_factory=str)
    usage: dict[str, Quantity] = field(default_factory=dict)


class NodeMetricsList(ApiType, kw_only=True):
    """Several of them."""

    kind: str = field(default_factory="NodeMetricsList".__str__)
    api_version: str = field(default_factory="metrics.k8s.io/v1beta1".__str__)
    metadata: meta_v1.ListMeta = field(default_factory=meta_v1.ListMeta)
    items: list[NodeMetrics] = field(default_factory=[].copy)


class PodMetrics(ApiType, kw_only=True):
    """What the containers of a Pod used in the `window` that ended at `timestamp`."""

    kind: str = field(default_factory="PodMetrics".__str__)
    api_version: str = field(default_factory="metrics.k8s.io/v1beta1".__str__)
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    timestamp: Time | None = field(default_factory=none)
    window: str = field(default_factory=str)
    containers: list[ContainerMetrics] = field(default_factory=[].copy)


class PodMetricsList(ApiType, kw_only=True):
    """Several of them."""

    kind: str = field(default_factory="PodMetricsList".__str__)
    api_version: str = field(default_factory="metrics.k8s.io/v1beta1".__str__)
    metadata: meta_v1.ListMeta = field(default_factory=meta_v1.ListMeta)
    items: list[PodMetrics] = field(default_factory=[].copy)
