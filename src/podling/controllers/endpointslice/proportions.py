"""Endpoints shared out among zones in proportion to their CPUs (pure; KEP-2433, upstream's topologycache).

Every zone must come to at least its share less what an overload of a fifth allows; where that cannot be, there are no hints. An
endpoint serves its own zone unless that has too many and another too few; what has been shared out already stays where it suits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from podling.api import quantity
from podling.api.pod.resources import Spelled
from podling.api.types import core_v1
from podling.controllers.slices import Endpoint

from .desired import ZONE

OVERLOAD = 0.2
_CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


class Disabled(Exception):
    """Why there are no hints, in upstream's words."""


def ratios(nodes: Iterable[core_v1.Node]) -> dict[str, float] | None:
    """Each zone's share of the CPUs of ready nodes; None where a node does not say enough or there is one zone only."""
    found: Counter[str] = Counter()
    for node in nodes:
        labels = node.metadata.labels or {}
        if any(label in labels for label in _CONTROL_PLANE) or not _is_ready(node):
            continue
        allocatable: Spelled = (node.status.allocatable if node.status else None) or {}
        cpu = quantity.parse(allocatable.get("cpu", "0")).milli_value()
        if not labels.get(ZONE) or not cpu:
            return None
        found[labels[ZONE]] += cpu
    total = found.total()
    return {zone: cpu / total for zone, cpu in found.items()} if len(found) > 1 else None


def distribute(ready: Sequence[Endpoint], shares: Mapping[str, float] | None) -> dict[int, str]:
    """The zone that each endpoint is to serve, by the endpoint's `id`. Raises Disabled."""
    if shares is None:
        raise Disabled(
            "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
        )
    wanted, most = _targets(len(ready), shares)
    if any(not each.zone for each in ready):
        raise Disabled("One or more endpoints do not have a zone specified")
    zones: dict[int, str] = {}
    held: Counter[str] = Counter()
    for each in ready:
        zone = _hinted(each)
        if zone not in shares or held[zone] >= most[zone]:
            zone = each.zone or ""
        zones[id(each)] = zone
        held[zone] += 1
    _even_out(ready, zones, held, wanted)
    return zones


def _targets(count: int, shares: Mapping[str, float]) -> tuple[dict[str, float], dict[str, int]]:
    """How many endpoints each zone should have, and how many at most."""
    numbers = f"({count} endpoints, {len(shares)} zones)"
    if len(shares) > count:
        raise Disabled(f"Insufficient number of endpoints {numbers}")
    least = {zone: math.ceil(share * count / (1 + OVERLOAD)) for zone, share in shares.items()}
    spare = count - sum(least.values())
    if spare < 0:
        raise Disabled(
            "Unable to allocate minimum required endpoints to each zone without exceeding overload "
            f"threshold {numbers}"
        )
    wanted = {zone: max(share * count, least[zone]) for zone, share in shares.items()}
    return wanted, {zone: number + spare for zone, number in least.items()}


def _even_out(
    ready: Sequence[Endpoint], zones: dict[int, str], held: Counter[str], wanted: Mapping[str, float]
) -> None:
    """Move one endpoint after the other from the zone most above its target to the one most below, while that helps."""
    while True:
        over = {zone: held[zone] - wanted.get(zone, 0.0) for zone in held}
        giver = max(over, key=lambda zone: (over[zone], zone), default="")
        taker = max(wanted, key=lambda zone: (wanted[zone] - held[zone], zone))
        give, take = over.get(giver, 0.0), wanted[taker] - held[taker]
        if min(give, take) < 0.5 or max(give, take) < 1.0:
            return
        moved = next(each for each in ready if zones[id(each)] == giver)
        zones[id(moved)] = taker
        held[giver] -= 1
        held[taker] += 1


def _hinted(endpoint: Endpoint) -> str:
    zones = (endpoint.hints.for_zones if endpoint.hints else None) or []
    return zones[0].name if len(zones) == 1 else ""


def _is_ready(node: core_v1.Node) -> bool:
    return any(
        condition.type == "Ready" and condition.status == "True"
        for condition in (node.status.conditions if node.status else None) or ()
    )
