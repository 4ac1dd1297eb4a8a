"""The rules of IP addresses and CIDRs in API fields (k8s.io/apimachinery/pkg/util/validation/ip.go, KEP-4858).

Fields that are older than the strict rules take any spelling that cannot be misread; what an object held before may stay
in it as it is.  Newer fields take the canonical spelling only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.gotext import quote

from .endpoints import parsed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LENGTH = re.compile("0*[0-9]{1,3}")
_LEADING_ZEROS = re.compile("(?<![0-9])0+(?=[0-9])")


def legacy_ip(value: str, path: Path, *, kept: Collection[str] = ()) -> Iterator[FieldError]:
    """Faults of an address in an old field; `kept` are the values that were there before."""
    if value in kept:
        return
    address = lenient_ip(value)
    if address is None:
        yield field.invalid(path, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
    elif parsed(value) is None:
        yield field.invalid(path, value, "must not have leading 0s")
    elif _is_mapped(address):
        yield field.invalid(path, value, "must not be an IPv4-mapped IPv6 address")


def legacy_cidr(value: str, path: Path, *, kept: Collection[str] = ()) -> Iterator[FieldError]:
    """Faults of a CIDR in an old field; `kept` are the values that were there before."""
    if value in kept:
        return
    network = lenient_cidr(value)
    if network is None:
        why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
        yield field.invalid(path, value, why)
        return
    text, _, length = value.partition("/")
    address = parsed(text)
    if address is None or length != str(network.prefixlen):
        yield field.invalid(path, value, "must not have leading 0s in IP or prefix length")
    elif _is_mapped(address):
        yield field.invalid(path, value, "must not have an IPv4-mapped IPv6 address")
    elif address != network.network_address:
        yield field.invalid(path, value, "must not have bits set beyond the prefix length")


def cidr_warnings(value: str, path: Path) -> Iterator[str]:
    """What may be misread in a CIDR that was taken, or is not how others write it."""
    network = lenient_cidr(value)
    if network is None:
        return
    text, _, length = value.partition("/")
    strict, lenient = parsed(text), lenient_ip(text)
    is_ambiguous = lenient is not None and lenient != network.network_address
    if is_ambiguous:
        one = f"{lenient}/{network.max_prefixlen}"
        meant = f"{quote(str(network))} or {quote(one)}"
        yield f"{path}: CIDR value {quote(value)} is ambiguous in this context (should be {meant}?)"
    if strict is None or length != str(network.prefixlen) or _is_mapped(strict):
        told = f"{path}: non-standard CIDR value {quote(value)} will be considered invalid in a future Kubernetes release"
        yield f"{told}: use {quote(str(network))}"
    elif not is_ambiguous and value != str(network):
        told = f"{path}: IPv6 CIDR value {quote(value)} should be in RFC 5952 canonical format"
        yield f"{told} ({quote(str(network))})"


def cidr(value: str, path: Path) -> Iterator[FieldError]:
    """Faults of a CIDR in a field that takes the canonical spelling only."""
    faults = list(legacy_cidr(value, path))
    yield from faults
    network = lenient_cidr(value)
    if not faults and value != str(network):
        yield field.invalid(path, value, f"must be in canonical form ({quote(str(network))})")


def lenient_ip(text: str) -> Address | None:
    """The address by the old, generous reading, which takes octets with leading zeros; None if it is none."""
    if "%" in text:
        return None
    head, colon, tail = text.rpartition(":")
    return parsed(head + colon + _LEADING_ZEROS.sub("", tail) if "." in tail else text)


def lenient_cidr(text: str) -> Network | None:
    """The network by the old, generous reading; bits beyond the prefix are passed over."""
    head, _, length = text.partition("/")
    address = lenient_ip(head)
    if address is None or not _LENGTH.fullmatch(length) or int(length[-3:]) > address.max_prefixlen:
        return None
    return ipaddress.ip_network((address, int(length[-3:])), strict=False)


def _is_mapped(address: Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None
