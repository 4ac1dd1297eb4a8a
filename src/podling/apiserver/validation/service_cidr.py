"""The rules of ServiceCIDRs: a range never changes; a second one may be added to give the first its other IP family.

(k8s.io/kubernetes/pkg/apis/networking/validation)
"""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import networking_v1

from . import addresses
from .metadata import IMMUTABLE

CIDRS = Path("spec", "cidrs")


def create(given: networking_v1.ServiceCIDR) -> Iterator[FieldError]:
    cidrs = _of(given)
    if not cidrs:
        yield field.required(CIDRS, "at least one CIDR required")
        return
    if len(cidrs) > 2:
        yield field.invalid(CIDRS, {"CIDRs": cidrs}, "may only hold up to 2 values")
        return
    for index, cidr in enumerate(cidrs):
        yield from addresses.cidr(cidr, CIDRS / index)
    families = [network.version for network in map(addresses.lenient_cidr, cidrs) if network is not None]
    if families in ([4, 4], [6, 6]):
        why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        yield field.invalid(CIDRS, cidrs, why)


def update(given: networking_v1.ServiceCIDR, old: networking_v1.ServiceCIDR) -> Iterator[FieldError]:
    new, before = _of(given), _of(old)
    if len(new) != len(before) and (len(before), len(new)) != (1, 2):
        yield field.invalid(CIDRS, new, IMMUTABLE)
        return
    for index, (cidr, was) in enumerate(zip(new, before, strict=False)):
        if cidr != was:
            yield field.invalid(CIDRS / index, cidr, IMMUTABLE)
    if len(new) > len(before):
        yield from create(given)


def _of(given: networking_v1.ServiceCIDR) -> list[str]:
    return (given.spec.cidrs if given.spec is not None else None) or []
