"""Whom an endpoint should serve: hints for proxies that prefer what is near (pure; KEP-4444, KEP-3015, KEP-2433).

- `trafficDistribution: PreferSameZone` (or PreferClose): its own zone; `PreferSameNode`: its own node as well.
- annotation `service.kubernetes.io/topology-mode: Auto`: zones get endpoints in proportion to their CPUs, see `proportions`.
- neither: none.
Slices that would otherwise stay as they are are changed only where their hints are wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from podling.api import codec
from podling.api.types import core_v1
from podling.api.types.discovery_v1 import EndpointHints, ForNode, ForZone
from podling.controllers.slices import Endpoint, Slice, Writes

from .proportions import Disabled, distribute

MODE = ("service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode")
"""The first one that is there counts; it is the older."""
NEAR = ("PreferClose", "PreferSameZone", "PreferSameNode")
ENABLED = ("Normal", "TopologyAwareHintsEnabled")
DISABLED = ("Warning", "TopologyAwareHintsDisabled")

Event = tuple[str, str, str]


def is_auto(service: core_v1.Service) -> bool:
    """Whether the annotation asks for hints in proportion; it outranks the field."""
    annotations = service.metadata.annotations or {}
    return next((annotations[key] for key in MODE if key in annotations), "") in ("Auto", "auto")


def give(
    service: core_v1.Service,
    current: Sequence[Slice],
    writes: Writes,
    ratios: Mapping[str, float] | None,
    family: str,
) -> list[Event]:
    """Set the hints of one address family in what is to be written; more slices may join. What the Service is told.

    `ratios` are the zones' shares of CPU, None where nodes do not say enough.
    """
    had = _were_given(current, family)
    if is_auto(service):
        return _in_proportion(current, writes, ratios, family, had=had)
    distribution = service.spec.traffic_distribution if service.spec else None
    near = distribution if distribution in NEAR else None
    settle(
        current,
        writes,
        family,
        {id(each): _near(each, near) for each in _all_endpoints(current, writes, family)},
    )
    return []


def _in_proportion(
    current: Sequence[Slice], writes: Writes, ratios: Mapping[str, float] | None, family: str, *, had: bool
) -> list[Event]:
    endpoints = _all_endpoints(current, writes, family)
    try:
        zones = distribute([each for each in endpoints if _is_ready(each)], ratios)
    except Disabled as why:
        settle(current, writes, family, {})
        return [(*DISABLED, f"{why}, addressType: {family}")]
    settle(current, writes, family, {each: _hints(zone) for each, zone in zones.items()})
    return [] if had else [(*ENABLED, f"Topology Aware Hints has been enabled, addressType: {family}")]


def settle(
    current: Sequence[Slice], writes: Writes, family: str, wanted: Mapping[int, EndpointHints | None]
) -> None:
    """Make every endpoint's hints those that are wanted, by the endpoint's `id`; those not named get none."""
    for slice_ in _written(writes, family):
        for each in slice_.endpoints or ():
            each.hints = wanted.get(id(each))
    for slice_ in _unwritten(current, writes, family):
        found = [wanted.get(id(each)) for each in slice_.endpoints or ()]
        if any(each.hints != hints for each, hints in zip(slice_.endpoints or (), found, strict=True)):
            copy = codec.struct_clone(slice_)
            for each, hints in zip(copy.endpoints or (), found, strict=True):
                each.hints = hints
            writes.update.append(copy)


def _near(endpoint: Endpoint, distribution: str | None) -> EndpointHints | None:
    """An endpoint that is not ready keeps the hints that it had as long as hints are given at all."""
    if distribution is None:
        return None
    if not _is_ready(endpoint):
        return endpoint.hints
    node = endpoint.node_name if distribution == "PreferSameNode" else None
    return _hints(endpoint.zone, node)


def _hints(zone: str | None, node: str | None = None) -> EndpointHints | None:
    if not zone and not node:
        return None
    return EndpointHints(
        for_zones=[ForZone(name=zone)] if zone else None, for_nodes=[ForNode(name=node)] if node else None
    )


def _is_ready(endpoint: Endpoint) -> bool:
    return endpoint.conditions is not None and endpoint.conditions.ready is True


def _were_given(current: Iterable[Slice], family: str) -> bool:
    return any(
        each.hints is not None
        for slice_ in current
        if slice_.address_type == family
        for each in slice_.endpoints or ()
    )


def _written(writes: Writes, family: str) -> list[Slice]:
    return [slice_ for slice_ in (*writes.create, *writes.update) if slice_.address_type == family]


def _unwritten(current: Iterable[Slice], writes: Writes, family: str) -> list[Slice]:
    touched = {slice_.metadata.name for slice_ in (*writes.update, *writes.delete)}
    return [
        slice_ for slice_ in current if slice_.address_type == family and slice_.metadata.name not in touched
    ]


def _all_endpoints(current: Sequence[Slice], writes: Writes, family: str) -> list[Endpoint]:
    slices = (*_unwritten(current, writes, family), *_written(writes, family))
    return [each for slice_ in slices for each in slice_.endpoints or ()]
