"""The rules of Nodes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from . import resources
from .metadata import each

SPEC = Path("spec")
STATUS = Path("status")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def create(node: core_v1.Node) -> Iterator[FieldError]:
    spec = node.spec or core_v1.NodeSpec()
    yield from _taints(spec.taints or [])
    for index, text in enumerate(spec.pod_cidrs or ()):
        yield from _range(text, SPEC / "podCIDRs" / index)
    yield from _amounts(node)


def update(node: core_v1.Node, old: core_v1.Node) -> Iterator[FieldError]:
    spec, before = node.spec or core_v1.NodeSpec(), old.spec or core_v1.NodeSpec()
    yield from create(node)
    if before.pod_cidrs and spec.pod_cidrs != before.pod_cidrs:
        yield field.forbidden(
            SPEC / "podCIDRs", 'node updates may not change podCIDR except from "" to valid'
        )
    if before.provider_id and spec.provider_id != before.provider_id:
        yield field.forbidden(
            SPEC / "providerID", 'node updates may not change providerID except from "" to valid'
        )


def update_status(node: core_v1.Node, old: core_v1.Node) -> Iterator[FieldError]:
    yield from _amounts(node)
    seen = set()
    for index, address in enumerate((node.status.addresses if node.status is not None else None) or ()):
        claim = (address.type, address.address)
        if claim in seen:
            yield field.duplicate(STATUS / "addresses" / index, address)
        seen.add(claim)


def _amounts(node: core_v1.Node) -> Iterator[FieldError]:
    status = node.status or core_v1.NodeStatus()
    for amounts, name in ((status.capacity, "capacity"), (status.allocatable, "allocatable")):
        for resource, text in (amounts or {}).items():
            here = (STATUS / name).key(resource)
            yield from each(names.label_key, resource, here)
            yield from resources.amount(resource, text, here)


def _range(text: str, path: Path) -> Iterator[FieldError]:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        yield field.invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")


def _taints(taints: list[core_v1.Taint]) -> Iterator[FieldError]:
    seen = set()
    for index, taint in enumerate(taints):
        here = SPEC / "taints" / index
        yield from each(names.label_key, taint.key, here / "key")
        wrong = names.label_value(taint.value or "")
        if wrong:
            yield field.invalid(here / "value", taint.value, ";".join(wrong))
        if not taint.effect:
            yield field.required(here / "effect")
        elif taint.effect not in _EFFECTS:
            yield field.not_supported(here / "effect", taint.effect, _EFFECTS)
        claim = (taint.key, taint.effect)
        if claim in seen:
            yield field.duplicate(here, taint)
        seen.add(claim)
