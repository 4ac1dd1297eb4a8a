"""Which nodes a cluster has, and what each is given: name, number, Pod range, address (pure).

The first node lives in the main process and in the machine's own network namespace.  Each further one is a host of its
own: a network namespace, a control group, a folder, and an agent process.  Node N has the N-th /24 of the cluster's
range, and that range's gateway is its address: the one under which its Pods, the other nodes and the API server know it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from itertools import islice

from .config import ClusterConfig


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node; ``number`` 0 is the first."""

    name: str
    number: int
    pod_cidr: str

    @property
    def first(self) -> bool:
        return self.number == 0

    @property
    def address(self) -> str:
        """The node's InternalIP: the gateway of its Pod range."""
        return str(ipaddress.IPv4Network(self.pod_cidr)[1])


def plans(config: ClusterConfig) -> tuple[NodePlan, ...]:
    """The cluster's nodes: ``X``, ``X-2``, ``X-3``.  More nodes later change nothing about those that are there."""
    ranges = ipaddress.IPv4Network(config.cluster_cidr).subnets(new_prefix=24)
    names = [config.node, *(f"{config.node}-{number}" for number in range(2, config.nodes + 1))]
    return tuple(
        NodePlan(name, number, str(pods))
        for number, (name, pods) in enumerate(zip(names, islice(ranges, config.nodes), strict=True))
    )
