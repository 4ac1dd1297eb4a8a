"""Services and what leads to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .layout import (
    AGE,
    NAME,
    NONE,
    SELECTOR,
    UNSET,
    Cells,
    Column,
    Layout,
    age,
    labels,
    name,
    selector,
    some_of,
)

if TYPE_CHECKING:
    from podling.api.types.core_v1 import Endpoints, Service, ServicePort
    from podling.api.types.discovery_v1 import EndpointSlice
    from podling.api.types.networking_v1 import (
        Ingress,
        IngressClass,
        IngressRule,
        IPAddress,
        NetworkPolicy,
        ServiceCIDR,
    )

_SHOWN = 3


def _service(obj: Service, now: float) -> Cells:
    spec = obj.spec
    addresses = (spec.cluster_ips if spec else None) or []
    return [
        name(obj),
        (spec.type if spec else None) or "",
        addresses[0] if addresses else NONE,
        _external(obj),
        ",".join(map(_port, (spec.ports if spec else None) or ())) or NONE,
        age(obj, now),
        labels(spec.selector if spec else None),
    ]


def _external(obj: Service) -> str:
    spec = obj.spec
    own = list((spec.external_ips if spec else None) or ())
    match spec.type if spec else None:
        case "ClusterIP" | "NodePort":
            return ",".join(own) or NONE
        case "LoadBalancer":
            balancer = obj.status.load_balancer if obj.status else None
            return ",".join([*_ingress_points(balancer.ingress if balancer else None), *own]) or "<pending>"
        case "ExternalName":
            return (spec.external_name if spec else None) or ""
        case _:
            return "<unknown>"


def _ingress_points(points: Iterable[Any] | None) -> list[str]:
    """Addresses, or else host names, of a load balancer."""
    return sorted({point.ip or point.hostname for point in points or () if point.ip or point.hostname})


def _port(port: ServicePort) -> str:
    outside = f":{port.node_port}" if port.node_port else ""
    return f"{port.port}{outside}/{port.protocol or 'TCP'}"


SERVICES = Layout(
    (
        NAME,
        Column("Type", "How it is reached."),
        Column("Cluster-IP", "Its address inside the cluster."),
        Column("External-IP", "Its addresses outside."),
        Column("Port(s)", "Its ports, and those of the nodes."),
        AGE,
        SELECTOR,
    ),
    _service,
)


def _endpoints(obj: Endpoints, now: float) -> Cells:
    found: list[str] = []
    for subset in obj.subsets or ():
        addresses = [address.ip for address in subset.addresses or ()]
        if subset.ports:
            found += [_host_port(ip, port.port) for port in subset.ports for ip in addresses]
        else:
            found += addresses
    text = some_of(found, len(found), _SHOWN) if obj.subsets else NONE
    return [name(obj), text, age(obj, now)]


def _host_port(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


ENDPOINTS = Layout((NAME, Column("Endpoints", "Addresses that serve."), AGE), _endpoints)


def _endpoint_slice(obj: EndpointSlice, now: float) -> Cells:
    ports = [
        str(port.port) if port.port is not None else "*" if port.name is None else port.name
        for port in obj.ports or ()
    ]
    addresses = [address for endpoint in obj.endpoints or () for address in endpoint.addresses]
    return [
        name(obj),
        obj.address_type,
        some_of(ports, len(ports), _SHOWN) or UNSET,
        some_of(addresses, len(addresses), _SHOWN) or UNSET,
        age(obj, now),
    ]


ENDPOINT_SLICES = Layout(
    (
        NAME,
        Column("AddressType", "Which sort of addresses."),
        Column("Ports", "Ports that all of them serve."),
        Column("Endpoints", "Addresses that serve."),
        AGE,
    ),
    _endpoint_slice,
)


def _ingress(obj: Ingress, now: float) -> Cells:
    spec = obj.spec
    balancer = obj.status.load_balancer if obj.status else None
    return [
        name(obj),
        (spec.ingress_class_name if spec else None) or NONE,
        _hosts((spec.rules if spec else None) or []),
        ",".join(_ingress_points(balancer.ingress if balancer else None)),
        "80, 443" if spec is not None and spec.tls else "80",
        age(obj, now),
    ]


def _hosts(rules: list[IngressRule]) -> str:
    shown: list[str] = []
    for rule in rules:
        if len(shown) == _SHOWN:
            return f"{','.join(shown)} + {len(rules) - _SHOWN} more..."
        if rule.host:
            shown.append(rule.host)
    return ",".join(shown) or "*"


INGRESSES = Layout(
    (
        NAME,
        Column("Class", "Which controller serves it."),
        Column("Hosts", "Hosts that it is for."),
        Column("Address", "Where its load balancer is."),
        Column("Ports", "Ports that are open."),
        AGE,
    ),
    _ingress,
)


def _ingress_class(obj: IngressClass, now: float) -> Cells:
    spec = obj.spec
    given = spec.parameters if spec else None
    parameters = NONE
    if given is not None:
        group = f".{given.api_group}" if given.api_group is not None else ""
        parameters = f"{given.kind}{group}/{given.name}"
    return [name(obj), (spec.controller if spec else None) or "", parameters, age(obj, now)]


INGRESS_CLASSES = Layout(
    (NAME, Column("Controller", "Who serves it."), Column("Parameters", "Where more is said."), AGE),
    _ingress_class,
)


def _network_policy(obj: NetworkPolicy, now: float) -> Cells:
    return [name(obj), selector(obj.spec.pod_selector if obj.spec else None), age(obj, now)]


NETWORK_POLICIES = Layout(
    (NAME, Column("Pod-Selector", "Labels of the Pods it is for."), AGE), _network_policy
)


def _ip_address(obj: IPAddress, now: float) -> Cells:
    parent = obj.spec.parent_ref if obj.spec else None
    shown = NONE
    if parent is not None:
        resource = f"{parent.resource}.{parent.group}" if parent.group else parent.resource
        shown = "/".join(part for part in (resource.lower(), parent.namespace, parent.name) if part)
    return [name(obj), shown]


IP_ADDRESSES = Layout((NAME, Column("ParentRef", "What has the address.")), _ip_address)
"""Upstream adds a third cell, the age, that no column is defined for; nobody can show it."""


def _service_cidr(obj: ServiceCIDR, now: float) -> Cells:
    return [name(obj), ",".join((obj.spec.cidrs if obj.spec else None) or ()), age(obj, now)]


SERVICE_CIDRS = Layout(
    (NAME, Column("CIDRs", "Ranges that Services get addresses from."), AGE), _service_cidr
)
