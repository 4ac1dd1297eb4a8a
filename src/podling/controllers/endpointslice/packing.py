"""Which slice holds which endpoint: as few writes as can be (pure).

Endpoints stay in the slice in which they are. What is new goes first into slices that change anyway, then into one other slice that has
room for all that is left, then into new ones; slices are never rearranged to save space. A slice that would go is reused for one
that would come. A Service without endpoints keeps one empty slice.
"""

from __future__ import annotations

from collections.abc import Sequence

from podling.api import codec
from podling.api.types import core_v1, meta_v1
from podling.controllers import backing
from podling.controllers.ownership import controller_reference
from podling.controllers.slices import (
    MANAGED_BY,
    SERVICE_NAME,
    Endpoint,
    Id,
    Port,
    Slice,
    Writes,
    endpoint_id,
    is_owned_by,
    ports_id,
    say_the_same,
)

from .desired import Desired, Group

MANAGER = "endpointslice-controller.k8s.io"
MAX_ENDPOINTS = 100
_RESERVED = (SERVICE_NAME, MANAGED_BY, backing.HEADLESS_LABEL)


def plan(
    service: core_v1.Service, current: Sequence[Slice], wanted: Desired, *, most: int = MAX_ENDPOINTS
) -> Writes:
    """What turns the current slices into those that are wanted, before hints."""
    families = backing.families(service)
    writes = Writes(delete=[slice_ for slice_ in current if slice_.address_type not in families])
    for family in families:
        own = [slice_ for slice_ in current if slice_.address_type == family]
        groups = {ports: group for (of, ports), group in wanted.groups.items() if of == family}
        writes.add(_plan_family(service, own, groups, family, most))
    return writes


def _plan_family(
    service: core_v1.Service,
    current: Sequence[Slice],
    groups: dict[frozenset[Id], Group],
    family: str,
    most: int,
) -> Writes:
    writes = Writes()
    by_ports: dict[frozenset[Id], list[Slice]] = {}
    for slice_ in current:
        if is_owned_by(slice_, service):
            by_ports.setdefault(ports_id(slice_.ports), []).append(slice_)
        else:
            writes.delete.append(slice_)
    for ports, group in groups.items():
        writes.add(_pack(service, by_ports.pop(ports, []), group, most))
    writes.delete += [slice_ for rest in by_ports.values() for slice_ in rest]
    if len(writes.delete) == len(current) and not writes.create:
        _keep_empty(service, writes, family)
    return writes


def _keep_empty(service: core_v1.Service, writes: Writes, family: str) -> None:
    """The one slice of a Service without endpoints; it stays if it is there already."""
    empty = new_slice(service, family, [])
    for slice_ in writes.delete:
        if (
            not slice_.endpoints
            and not slice_.ports
            and is_owned_by(slice_, service)
            and slice_.metadata.labels == empty.metadata.labels
        ):
            writes.delete.remove(slice_)
            return
    writes.create.append(empty)


def _pack(service: core_v1.Service, current: Sequence[Slice], group: Group, most: int) -> Writes:
    """Slices of one set of ports."""
    writes, left, unchanged = Writes(), dict(group.endpoints), []
    for slice_ in current:
        kept = [left.pop(each) for each in map(endpoint_id, slice_.endpoints or ()) if each in left]
        labels = labels_of(service)
        same = len(kept) == len(slice_.endpoints or ()) and all(
            map(say_the_same, kept, slice_.endpoints or ())
        )
        if same and labels == slice_.metadata.labels:
            unchanged.append(slice_)
        elif kept or same:
            writes.update.append(_changed(slice_, kept, labels))
        else:
            writes.delete.append(slice_)
    rest = list(left.values())
    for slice_ in sorted(writes.update, key=lambda slice_: -len(slice_.endpoints or ())):
        rest = _fill(slice_, rest, most)
    while rest:
        room = _roomiest(unchanged, len(rest), most)
        if room is None:
            target = new_slice(service, group.address_type, group.ports)
            writes.create.append(target)
        else:
            unchanged.remove(room)
            target = _changed(room, list(room.endpoints or ()), labels_of(service))
            writes.update.append(target)
        rest = _fill(target, rest, most)
    return writes


def _changed(slice_: Slice, endpoints: list[Endpoint], labels: dict[str, str]) -> Slice:
    """A copy with other endpoints, which keep the hints that they had until hints are given anew."""
    hints = {endpoint_id(each): each.hints for each in slice_.endpoints or ()}
    copy = codec.struct_clone(slice_)
    copy.metadata.labels = labels
    copy.endpoints = [codec.struct_clone(each) for each in endpoints]
    for each in copy.endpoints:
        each.hints = hints.get(endpoint_id(each))
    return copy


def _fill(slice_: Slice, endpoints: list[Endpoint], most: int) -> list[Endpoint]:
    """Put in what there is room for; what is left."""
    held = slice_.endpoints = slice_.endpoints or []
    room = max(0, most - len(held))
    held += endpoints[:room]
    return endpoints[room:]


def _roomiest(slices: Sequence[Slice], count: int, most: int) -> Slice | None:
    """The slice that is fullest with so many more in it; None where they fit into none, or fill one by themselves."""
    fitting = [slice_ for slice_ in slices if len(slice_.endpoints or ()) + count <= most]
    if count >= most:
        return None
    return max(fitting, key=lambda slice_: len(slice_.endpoints or ()), default=None)


def new_slice(service: core_v1.Service, family: str, ports: Sequence[Port]) -> Slice:
    owner = controller_reference(service)
    owner.api_version, owner.kind = "v1", "Service"
    return Slice(
        metadata=meta_v1.ObjectMeta(
            generate_name=backing.generate_name(service.metadata.name or ""),
            namespace=service.metadata.namespace,
            labels=labels_of(service),
            owner_references=[owner],
        ),
        address_type=family,
        endpoints=[],
        ports=list(ports),
    )


def labels_of(service: core_v1.Service) -> dict[str, str]:
    """The Service's own labels, and those that say whose the slice is."""
    own = {key: value for key, value in (service.metadata.labels or {}).items() if key not in _RESERVED}
    headless = {} if backing.has_address(service) else {backing.HEADLESS_LABEL: ""}
    return {**own, **headless, SERVICE_NAME: service.metadata.name or "", MANAGED_BY: MANAGER}
