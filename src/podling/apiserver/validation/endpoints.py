"""The rules of Endpoints, and of addresses that are endpoints.

Unlike upstream's, addresses of the loopback range are let through: without privileges Pods share the machine's network and have no others.
What such an address may not do is for the proxy to decide.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from .metadata import each

SUBSETS = Path("subsets")
PROTOCOLS = ("SCTP", "TCP", "UDP")
NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def create(endpoints: core_v1.Endpoints) -> Iterator[FieldError]:
    for index, subset in enumerate(endpoints.subsets or ()):
        path = SUBSETS / index
        if not subset.addresses and not subset.not_ready_addresses:
            yield field.required(path, "must specify `addresses` or `notReadyAddresses`")
        for key, addresses in (
            ("addresses", subset.addresses),
            ("notReadyAddresses", subset.not_ready_addresses),
        ):
            for number, address in enumerate(addresses or ()):
                yield from _address(address, path / key / number)
        needs_names = len(subset.ports or ()) > 1
        for number, port in enumerate(subset.ports or ()):
            yield from _port(port, path / "ports" / number, needs_name=needs_names)


def update(endpoints: core_v1.Endpoints, _: core_v1.Endpoints) -> Iterator[FieldError]:
    yield from create(endpoints)


def _address(address: core_v1.EndpointAddress, path: Path) -> Iterator[FieldError]:
    if parsed(address.ip) is None:
        yield field.invalid(path / "ip", address.ip, NO_ADDRESS)
    else:
        yield from not_special(address.ip, path / "ip")
    if address.hostname:
        yield from each(names.dns1123_label, address.hostname, path / "hostname")
    if address.node_name is not None:
        yield from each(names.dns1123_subdomain, address.node_name, path / "nodeName")


def _port(port: core_v1.EndpointPort, path: Path, *, needs_name: bool) -> Iterator[FieldError]:
    if port.name:
        yield from each(names.dns1123_label, port.name, path / "name")
    elif needs_name:
        yield field.required(path / "name")
    for why in names.port_number(port.port):
        yield field.invalid(path / "port", port.port, why)
    yield from protocol(port.protocol, path / "protocol")
    if port.app_protocol is not None:
        yield from each(names.label_key, port.app_protocol, path / "appProtocol")


def protocol(given: str | None, path: Path) -> Iterator[FieldError]:
    if not given:
        yield field.required(path)
    elif given not in PROTOCOLS:
        yield field.not_supported(path, given, PROTOCOLS)


def parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, None if it is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def not_special(text: str, path: Path) -> Iterator[FieldError]:
    """Faults of an address that nobody else could reach an endpoint at."""
    address = parsed(text)
    if address is None:
        yield field.invalid(path, text, "must be a valid IP address")
    elif address.is_unspecified:
        yield field.invalid(path, text, f"may not be unspecified ({text})")
    elif address.is_link_local:
        why = "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
        yield field.invalid(path, text, why)
    elif address.is_multicast and _is_link_local_multicast(address):
        why = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
        yield field.invalid(path, text, why)


def _is_link_local_multicast(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address in ipaddress.IPv4Network("224.0.0.0/24")
    return address.packed[1] & 0x0F == 0x02
