"""What mirrors an Endpoints object (pure): one slice for each set of ports and address family, of at most a thousand addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from podling.api import codec
from podling.api.types import core_v1, meta_v1
from podling.api.types.discovery_v1 import Endpoint, EndpointConditions, EndpointPort
from podling.controllers import backing
from podling.controllers.ownership import controller_reference
from podling.controllers.slices import (
    MANAGED_BY,
    SERVICE_NAME,
    Id,
    Slice,
    Writes,
    endpoint_id,
    ports_id,
    say_the_same,
)

MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_ADDRESSES = 1000


def should_mirror(endpoints: core_v1.Endpoints, service: core_v1.Service | None) -> bool:
    """Whether the Endpoints are somebody's own words about a Service that has no selector."""
    if service is None or (service.spec and service.spec.selector):
        return False
    labels, annotations = endpoints.metadata.labels or {}, endpoints.metadata.annotations or {}
    return labels.get(SKIP) != "true" and LEADER not in annotations


@dataclass(slots=True)
class Mirror:
    """The slices wanted, by address type and ports; and how many addresses are not in them."""

    groups: dict[tuple[str, frozenset[Id]], tuple[list[EndpointPort], dict[Id, Endpoint]]] = field(
        default_factory=dict
    )
    invalid: int = 0
    skipped: int = 0
    """All that were left out, those that are no addresses included."""

    def events(self, most: int = MAX_ADDRESSES) -> list[tuple[str, str]]:
        """What the Endpoints are told: reasons and messages."""
        told = []
        if self.invalid:
            told.append(
                (
                    "InvalidIPAddress",
                    f"Skipped {self.invalid} invalid IP addresses when mirroring to EndpointSlices",
                )
            )
        if self.skipped > self.invalid:
            told.append(
                (
                    "TooManyAddressesToMirror",
                    f"A max of {most} addresses can be mirrored to EndpointSlices per Endpoints subset. "
                    f"{self.skipped} addresses were skipped",
                )
            )
        return told


def mirror(endpoints: core_v1.Endpoints, *, most: int = MAX_ADDRESSES) -> Mirror:
    """What the slices together should say."""
    found = Mirror()
    for subset in endpoints.subsets or ():
        ports = [
            EndpointPort(
                name=port.name or "",
                port=port.port,
                protocol=port.protocol or "TCP",
                app_protocol=port.app_protocol,
            )
            for port in subset.ports or ()
        ]
        given = [(address, True) for address in subset.addresses or ()]
        given += [(address, False) for address in subset.not_ready_addresses or ()]
        added = 0
        for address, ready in given:
            if added == most:
                break
            added += _add(found, ports, address, ready)
        found.skipped += len(given) - added
    return found


def _add(found: Mirror, ports: list[EndpointPort], address: core_v1.EndpointAddress, ready: bool) -> bool:
    parsed = backing.parsed_address(address.ip)
    if parsed is None:
        found.invalid += 1
        return False
    endpoint = Endpoint(
        addresses=[str(parsed)],
        conditions=EndpointConditions(ready=ready),
        target_ref=address.target_ref,
        node_name=address.node_name,
        hostname=address.hostname or None,
    )
    _, group = found.groups.setdefault((f"IPv{parsed.version}", ports_id(ports)), (ports, {}))
    group[endpoint_id(endpoint)] = endpoint
    return True


def plan(
    endpoints: core_v1.Endpoints, current: Sequence[Slice], wanted: Mirror, *, most: int = MAX_ADDRESSES
) -> Writes:
    """What turns the current slices into the mirror."""
    writes = Writes()
    known: dict[tuple[str, frozenset[Id]], list[Slice]] = {}
    for slice_ in current:
        known.setdefault((slice_.address_type, ports_id(slice_.ports)), []).append(slice_)
    for key, (ports, group) in wanted.groups.items():
        held = known.pop(key, [])
        writes.delete += held[1:]
        made = _slice(endpoints, key[0], ports, list(group.values())[:most])
        if not held:
            writes.create.append(made)
        elif not _says(held[0], made):
            writes.update.append(_replaced(held[0], made))
    writes.delete += [slice_ for rest in known.values() for slice_ in rest]
    return writes


def _says(slice_: Slice, wanted: Slice) -> bool:
    held = {endpoint_id(each): each for each in slice_.endpoints or ()}
    asked = {endpoint_id(each): each for each in wanted.endpoints or ()}
    return (
        held.keys() == asked.keys()
        and len(held) == len(slice_.endpoints or ())
        and all(say_the_same(held[each], asked[each]) for each in held)
        and slice_.metadata.labels == wanted.metadata.labels
        and (slice_.metadata.annotations or {}) == (wanted.metadata.annotations or {})
    )


def _replaced(slice_: Slice, wanted: Slice) -> Slice:
    copy = codec.struct_clone(slice_)
    copy.metadata.labels, copy.metadata.annotations = wanted.metadata.labels, wanted.metadata.annotations
    copy.endpoints = wanted.endpoints
    return copy


def _slice(
    endpoints: core_v1.Endpoints, family: str, ports: list[EndpointPort], held: list[Endpoint]
) -> Slice:
    meta = endpoints.metadata
    owner = controller_reference(endpoints)
    owner.api_version, owner.kind = "v1", "Endpoints"
    left_out = (backing.TRIGGER_TIME, LAST_APPLIED)
    return Slice(
        metadata=meta_v1.ObjectMeta(
            generate_name=backing.generate_name(meta.name or ""),
            namespace=meta.namespace,
            labels={**(meta.labels or {}), SERVICE_NAME: meta.name or "", MANAGED_BY: MANAGER},
            annotations={key: text for key, text in (meta.annotations or {}).items() if key not in left_out},
            owner_references=[owner],
        ),
        address_type=family,
        endpoints=held,
        ports=ports,
    )
