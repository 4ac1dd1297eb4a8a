"""The endpoints that a Service should have, from its Pods and their nodes (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from podling.api.pod import is_ready
from podling.api.types import core_v1
from podling.api.types.discovery_v1 import Endpoint, EndpointConditions, EndpointPort
from podling.controllers import backing
from podling.controllers.slices import Id, endpoint_id, ports_id

ZONE = "topology.kubernetes.io/zone"
FindNode = Callable[[str], core_v1.Node | None]


@dataclass(slots=True)
class Group:
    """Endpoints of one address type with the same ports; Pods differ where a port has a name."""

    address_type: str
    ports: list[EndpointPort]
    endpoints: dict[Id, Endpoint] = field(default_factory=dict)


@dataclass(slots=True)
class Desired:
    """`groups` by address type and ports; `homeless` are Pods left out because their node is not known."""

    groups: dict[tuple[str, frozenset[Id]], Group] = field(default_factory=dict)
    homeless: list[core_v1.Pod] = field(default_factory=list)


def desired(service: core_v1.Service, pods: Iterable[core_v1.Pod], find_node: FindNode) -> Desired:
    """What all slices of the Service together should say. A Pod whose node is not known waits, unless unready ones are published."""
    found = Desired()
    publishes_all = bool(service.spec and service.spec.publish_not_ready_addresses)
    for pod in pods:
        if not backing.is_reachable(pod, even_leaving=True):
            continue
        node = find_node((pod.spec.node_name if pod.spec else None) or "")
        if node is None and not publishes_all:
            found.homeless.append(pod)
            continue
        ports = _ports(pod, service)
        for family in backing.families(service):
            addresses = backing.addresses(pod, family)
            group = found.groups.setdefault((family, ports_id(ports)), Group(family, ports))
            if addresses:
                endpoint = _endpoint(pod, node, service, addresses)
                group.endpoints[endpoint_id(endpoint)] = endpoint
    return found


def _ports(pod: core_v1.Pod, service: core_v1.Service) -> list[EndpointPort]:
    return [
        EndpointPort(
            name=port.name or "",
            port=number,
            protocol=port.protocol or "TCP",
            app_protocol=port.app_protocol,
        )
        for port, number in backing.ports(pod, service)
    ]


def _endpoint(
    pod: core_v1.Pod, node: core_v1.Node | None, service: core_v1.Service, addresses: list[str]
) -> Endpoint:
    serving = is_ready(pod)
    terminating = pod.metadata.deletion_timestamp is not None
    publishes_all = bool(service.spec and service.spec.publish_not_ready_addresses)
    return Endpoint(
        addresses=addresses,
        conditions=EndpointConditions(
            ready=publishes_all or (serving and not terminating), serving=serving, terminating=terminating
        ),
        target_ref=backing.target(pod),
        node_name=(pod.spec.node_name if pod.spec else None) or None,
        zone=((node.metadata.labels if node else None) or {}).get(ZONE) or None,
        hostname=backing.hostname(pod, service),
    )
