"""What the Endpoints of a Service say (pure).

Ports that the same Pods have in the same state share a subset, so Pods whose named port differs lie in several. A Pod on its way out is
not among them. One object holds a thousand addresses at most; ready ones come first, then each subset its share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from podling.api import codec
from podling.api.pod import is_ready
from podling.api.types import core_v1, meta_v1
from podling.controllers import backing

CAPACITY = 1000
MANAGED_BY = "endpoints.kubernetes.io/managed-by"
MANAGER = "endpoint-controller"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
TRUNCATED = "truncated"
_RESERVED = (MANAGED_BY, backing.HEADLESS_LABEL)


class _Port(NamedTuple):
    """What makes a port of a subset; `number` is -1 for Services without ports."""

    number: int
    name: str
    protocol: str
    app_protocol: str | None


_NO_PORT = _Port(-1, "", "", None)


def decide(
    service: core_v1.Service, pods: Iterable[core_v1.Pod], current: core_v1.Endpoints | None
) -> core_v1.Endpoints | None:
    """The Endpoints as they ought to be; None when they are. The trigger time is left to the writer."""
    wanted = core_v1.Endpoints(
        metadata=meta_v1.ObjectMeta(name=service.metadata.name, namespace=service.metadata.namespace)
        if current is None
        else codec.struct_clone(current.metadata)
    )
    cut, is_over = truncated(subsets(service, pods))
    wanted.subsets = cut
    wanted.metadata.labels = _labels(service)
    annotations = dict(wanted.metadata.annotations or {})
    annotations.pop(OVER_CAPACITY, None)
    wanted.metadata.annotations = {**annotations, OVER_CAPACITY: TRUNCATED} if is_over else annotations
    return None if current is not None and codec.semantic_equal(current, wanted) else wanted


def _labels(service: core_v1.Service) -> dict[str, str]:
    own = {key: value for key, value in (service.metadata.labels or {}).items() if key not in _RESERVED}
    headless = {} if backing.has_address(service) else {backing.HEADLESS_LABEL: ""}
    return {**own, **headless, MANAGED_BY: MANAGER}


def subsets(service: core_v1.Service, pods: Iterable[core_v1.Pod]) -> list[core_v1.EndpointSubset]:
    """All addresses of the Service's main family, packed and in a fixed order."""
    publishes_all = bool(service.spec and service.spec.publish_not_ready_addresses)
    family = backing.families(service)[0]
    behind: dict[_Port, dict[str, tuple[core_v1.EndpointAddress, bool]]] = {}
    for pod in pods:
        found = backing.addresses(pod, family)
        if not found or not backing.is_reachable(pod, even_leaving=publishes_all):
            continue
        address = core_v1.EndpointAddress(
            ip=found[0],
            node_name=(pod.spec.node_name if pod.spec else None) or None,
            target_ref=backing.target(pod),
            hostname=backing.hostname(pod, service),
        )
        for port in _ports(pod, service):
            state = publishes_all or is_ready(pod)
            behind.setdefault(port, {})[pod.metadata.uid or ""] = (address, state)
    return _packed(behind)


def _ports(pod: core_v1.Pod, service: core_v1.Service) -> list[_Port]:
    if not (service.spec and service.spec.ports):
        return [] if backing.has_address(service) else [_NO_PORT]
    return [
        _Port(number, port.name or "", port.protocol or "TCP", port.app_protocol)
        for port, number in backing.ports(pod, service)
    ]


def _packed(
    behind: dict[_Port, dict[str, tuple[core_v1.EndpointAddress, bool]]],
) -> list[core_v1.EndpointSubset]:
    """One subset for all ports that the same addresses have in the same state."""
    alike: dict[frozenset[tuple[str, bool]], list[_Port]] = {}
    for port in sorted(behind, key=lambda port: (port.name, port.number, port.protocol)):
        who = frozenset((uid, ready) for uid, (_, ready) in behind[port].items())
        alike.setdefault(who, []).append(port)
    made = []
    for ports in alike.values():
        found = sorted(behind[ports[0]].values(), key=lambda each: (each[0].ip, _target(each[0])))
        made.append(
            core_v1.EndpointSubset(
                addresses=[address for address, ready in found if ready] or None,
                not_ready_addresses=[address for address, ready in found if not ready] or None,
                ports=[_port(port) for port in ports if port is not _NO_PORT] or None,
            )
        )
    return made


def _target(address: core_v1.EndpointAddress) -> str:
    return (address.target_ref.name if address.target_ref else None) or ""


def _port(port: _Port) -> core_v1.EndpointPort:
    return core_v1.EndpointPort(
        name=port.name or None, port=port.number, protocol=port.protocol, app_protocol=port.app_protocol
    )


def truncated(
    given: Sequence[core_v1.EndpointSubset], *, capacity: int = CAPACITY
) -> tuple[list[core_v1.EndpointSubset], bool]:
    """As many addresses as fit, and whether some did not."""
    ready = sum(len(subset.addresses or ()) for subset in given)
    waiting = sum(len(subset.not_ready_addresses or ()) for subset in given)
    if ready + waiting <= capacity:
        return list(given), False
    cuts_ready = ready > capacity
    room, total = (capacity, ready) if cuts_ready else (capacity - ready, waiting)
    left, cut = room, []
    for subset in given:
        held = (subset.addresses if cuts_ready else subset.not_ready_addresses) or []
        kept = held[: min(left, math.ceil(len(held) / total * room))]
        left -= len(kept)
        cut.append(
            core_v1.EndpointSubset(
                addresses=(kept or None) if cuts_ready else subset.addresses,
                not_ready_addresses=None if cuts_ready else kept or None,
                ports=subset.ports,
            )
        )
    return cut, True
