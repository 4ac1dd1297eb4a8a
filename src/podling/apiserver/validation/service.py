"""The rules of Services.

Address ranges are not known here: whether a clusterIP can be had is decided by whoever allocates it.
"""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from .metadata import each, labels

SPEC = Path("spec")
HEADLESS = "None"
MAX_AFFINITY_SECONDS = 86400
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_AFFINITY = ("ClientIP", "None")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_TRAFFIC = ("Cluster", "Local")
_FAMILIES = ("IPv4", "IPv6")
_POLICIES = ("SingleStack", "PreferDualStack", "RequireDualStack")


def create(service: core_v1.Service) -> Iterator[FieldError]:
    spec = service.spec or core_v1.ServiceSpec()
    headless = spec.cluster_ip == HEADLESS
    if not spec.ports and not headless and spec.type != "ExternalName":
        yield field.required(SPEC / "ports")
    yield from _type(spec)
    yield from _ports(spec, headless=headless)
    if spec.selector:
        yield from labels(spec.selector, SPEC / "selector")
    yield from _affinity(spec)
    yield from _addresses(spec)
    for value, name, supported in (
        (spec.internal_traffic_policy, "internalTrafficPolicy", _TRAFFIC),
        (spec.external_traffic_policy, "externalTrafficPolicy", _TRAFFIC),
        (spec.ip_family_policy, "ipFamilyPolicy", _POLICIES),
    ):
        if value and value not in supported:
            yield field.not_supported(SPEC / name, value, supported)
    for index, family in enumerate(spec.ip_families or ()):
        if family not in _FAMILIES:
            yield field.not_supported(SPEC / "ipFamilies" / index, family, _FAMILIES)


def update(service: core_v1.Service, old: core_v1.Service) -> Iterator[FieldError]:
    spec, before = service.spec or core_v1.ServiceSpec(), old.spec or core_v1.ServiceSpec()
    kept = spec.type != "ExternalName" and before.type != "ExternalName"
    if kept and before.cluster_ip and spec.cluster_ip != before.cluster_ip:
        yield field.invalid(SPEC / "clusterIPs" / 0, [spec.cluster_ip or ""], "may not change once set")
    yield from create(service)


def _type(spec: core_v1.ServiceSpec) -> Iterator[FieldError]:
    if spec.type not in _TYPES:
        yield field.not_supported(SPEC / "type", spec.type or "", _TYPES)
    if spec.type == "ExternalName":
        if spec.cluster_ip:
            yield field.forbidden(SPEC / "clusterIPs", "may not be set for ExternalName services")
        name = (spec.external_name or "").removesuffix(".")
        if not name:
            yield field.required(SPEC / "externalName")
        else:
            yield from each(names.dns1123_subdomain, name, SPEC / "externalName")
    elif spec.type in ("NodePort", "LoadBalancer") and spec.cluster_ip == HEADLESS:
        why = f"may not be set to 'None' for {spec.type} services"
        yield field.invalid(SPEC / "clusterIPs" / 0, HEADLESS, why)


def _ports(spec: core_v1.ServiceSpec, *, headless: bool) -> Iterator[FieldError]:
    ports = spec.ports or []
    seen_names, seen_ports = set(), set()
    for index, port in enumerate(ports):
        here = SPEC / "ports" / index
        if not port.name:
            if len(ports) > 1:
                yield field.required(here / "name")
        else:
            yield from each(names.dns1123_label, port.name, here / "name")
            if port.name in seen_names:
                yield field.duplicate(here / "name", port.name)
            seen_names.add(port.name)
        for why in names.port_number(port.port):
            yield field.invalid(here / "port", port.port, why)
        if not port.protocol:
            yield field.required(here / "protocol")
        elif port.protocol not in _PROTOCOLS:
            yield field.not_supported(here / "protocol", port.protocol, _PROTOCOLS)
        target = port.target_port if port.target_port is not None else port.port
        for why in names.port_number(target) if isinstance(target, int) else names.port_name(target):
            yield field.invalid(here / "targetPort", target, why)
        if port.node_port and spec.type not in ("NodePort", "LoadBalancer"):
            yield field.forbidden(here / "nodePort", "may not be used when `type` is 'ClusterIP'")
        claim = (port.protocol, port.port)
        if claim in seen_ports and not headless:
            yield field.duplicate(here, {"port": port.port, "protocol": port.protocol})
        seen_ports.add(claim)


def _affinity(spec: core_v1.ServiceSpec) -> Iterator[FieldError]:
    path = SPEC / "sessionAffinity"
    if not spec.session_affinity:
        yield field.required(path)
    elif spec.session_affinity not in _AFFINITY:
        yield field.not_supported(path, spec.session_affinity, _AFFINITY)
    elif spec.session_affinity == "ClientIP":
        config = spec.session_affinity_config
        seconds = config.client_ip.timeout_seconds if config and config.client_ip else None
        where = SPEC / "sessionAffinityConfig" / "clientIP" / "timeoutSeconds"
        if seconds is None:
            yield field.required(where, "when session affinity type is ClientIP")
        elif not 0 < seconds <= MAX_AFFINITY_SECONDS:
            yield field.invalid(
                where, seconds, f"must be greater than 0 and less than {MAX_AFFINITY_SECONDS}"
            )
    elif spec.session_affinity_config is not None:
        why = "must not be set when session affinity is None"
        yield field.forbidden(SPEC / "sessionAffinityConfig", why)


def _addresses(spec: core_v1.ServiceSpec) -> Iterator[FieldError]:
    addresses = spec.cluster_ips or []
    if spec.cluster_ip and addresses and addresses[0] != spec.cluster_ip:
        yield field.invalid(SPEC / "clusterIPs", addresses, "first value must match `clusterIP`")
    for index, address in enumerate(addresses):
        if address != HEADLESS:
            yield from each(names.ip_address, address, SPEC / "clusterIPs" / index)
        elif len(addresses) > 1:
            why = "'None' must be the first and only value"
            yield field.invalid(SPEC / "clusterIPs" / index, address, why)
    for index, address in enumerate(spec.external_ips or ()):
        yield from each(names.ip_address, address, SPEC / "externalIPs" / index)
