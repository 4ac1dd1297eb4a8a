"""The rules of EndpointSlices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import discovery_v1

from .endpoints import not_special, parsed, protocol
from .metadata import each, immutable, labels

ADDRESS_TYPE, ENDPOINTS, PORTS = Path("addressType"), Path("endpoints"), Path("ports")
MAX_ENDPOINTS = 1000
MAX_ADDRESSES = 100
MAX_PORTS = 20000
MAX_TOPOLOGY = 16
MAX_HINTS = 8
_TYPES = ("FQDN", "IPv4", "IPv6")
_FEW_SEGMENTS = "should be a domain with at least two segments separated by dots"


def create(slice_: discovery_v1.EndpointSlice) -> Iterator[FieldError]:
    if not slice_.address_type:
        yield field.required(ADDRESS_TYPE)
    elif slice_.address_type not in _TYPES:
        yield field.not_supported(ADDRESS_TYPE, slice_.address_type, _TYPES)
    yield from _endpoints(slice_)
    yield from _ports(slice_.ports or [])


def update(slice_: discovery_v1.EndpointSlice, old: discovery_v1.EndpointSlice) -> Iterator[FieldError]:
    yield from create(slice_)
    yield from immutable(slice_.address_type, old.address_type, ADDRESS_TYPE)


def _endpoints(slice_: discovery_v1.EndpointSlice) -> Iterator[FieldError]:
    endpoints = slice_.endpoints or []
    if len(endpoints) > MAX_ENDPOINTS:
        yield field.too_many(ENDPOINTS, len(endpoints), MAX_ENDPOINTS)
        return
    for index, endpoint in enumerate(endpoints):
        path = ENDPOINTS / index
        yield from _addresses(endpoint.addresses, slice_.address_type, path / "addresses")
        if endpoint.node_name is not None:
            yield from each(names.dns1123_subdomain, endpoint.node_name, path / "nodeName")
        topology = endpoint.deprecated_topology or {}
        if len(topology) > MAX_TOPOLOGY:
            yield field.too_many(path / "deprecatedTopology", len(topology), MAX_TOPOLOGY)
        yield from labels(topology, path / "deprecatedTopology")
        if endpoint.hostname is not None:
            yield from each(names.dns1123_label, endpoint.hostname, path / "hostname")
        if endpoint.hints is not None:
            yield from _hints(endpoint.hints, path / "hints")


def _addresses(addresses: Sequence[str], type: str, path: Path) -> Iterator[FieldError]:
    if not addresses:
        yield field.required(path, "must contain at least 1 address")
    elif len(addresses) > MAX_ADDRESSES:
        yield field.too_many(path, len(addresses), MAX_ADDRESSES)
    for index, address in enumerate(addresses):
        here = path / index
        if type in ("IPv4", "IPv6"):
            found = parsed(address)
            if found is None or f"IPv{found.version}" != type:
                yield field.invalid(here, address, f"must be a valid {type} address")
            yield from not_special(address, here)
        elif type == "FQDN":
            yield from _domain(address, here)


def _domain(name: str, path: Path) -> Iterator[FieldError]:
    if not name:
        yield field.required(path)
        return
    name = name.removesuffix(".")
    wrong = names.dns1123_subdomain(name)
    for why in wrong:
        yield field.invalid(path, name, why)
    if wrong:
        return
    parts = name.split(".")
    if len(parts) < 2:
        yield field.invalid(path, name, _FEW_SEGMENTS)
    for part in parts:
        yield from each(names.dns1123_label, part, path)


def _hints(hints: discovery_v1.EndpointHints, path: Path) -> Iterator[FieldError]:
    zones = [zone.name for zone in hints.for_zones or ()]
    yield from _named(zones, path / "forZones", names.label_value)
    nodes = [node.name for node in hints.for_nodes or ()]
    yield from _named(nodes, path / "forNodes", names.dns1123_subdomain)


def _named(given: Sequence[str], path: Path, rule: Callable[[str], list[str]]) -> Iterator[FieldError]:
    if len(given) > MAX_HINTS:
        yield field.too_many(path, len(given), MAX_HINTS)
        return
    seen = set()
    for index, name in enumerate(given):
        here = path / index / "name"
        if name in seen:
            yield field.duplicate(here, name)
        seen.add(name)
        yield from each(rule, name, here)


def _ports(ports: Sequence[discovery_v1.EndpointPort]) -> Iterator[FieldError]:
    if len(ports) > MAX_PORTS:
        yield field.too_many(PORTS, len(ports), MAX_PORTS)
        return
    seen = set()
    for index, port in enumerate(ports):
        path, name = PORTS / index, port.name or ""
        if name:
            yield from each(names.dns1123_label, name, path / "name")
        if name in seen:
            yield field.duplicate(path / "name", name)
        seen.add(name)
        yield from protocol(port.protocol, path / "protocol")
        if port.app_protocol is not None:
            yield from each(names.label_key, port.app_protocol, path / "appProtocol")
