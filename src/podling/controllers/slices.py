"""EndpointSlices as their controllers see them: what makes endpoints and ports the same, and what is to be written (pure).

Two endpoints are one if they have the same addresses, host name and target; what else is said of them may change in place
(upstream's EndpointSet). `Slices` carries writes out and waits until its informer shows them before anything is decided anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from podling.api import codec
from podling.api.errors import NotFound
from podling.api.types import core_v1, discovery_v1
from podling.client.client import Client
from podling.client.informer import Informer

from .expectations import Expectations
from .ownership import controller_of
from .reconcile import Key
from .termination import ignoring_termination

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
BY_SERVICE = SERVICE_NAME

Slice = discovery_v1.EndpointSlice
Endpoint = discovery_v1.Endpoint
Port = discovery_v1.EndpointPort
Id = tuple[Hashable, ...]


def by_service(slice_: Slice) -> Sequence[str]:
    """Index function: `namespace/name` of the Service that a slice belongs to."""
    name = (slice_.metadata.labels or {}).get(SERVICE_NAME)
    return (f"{slice_.metadata.namespace}/{name}",) if name else ()


def is_managed_by(slice_: Slice, manager: str) -> bool:
    return (slice_.metadata.labels or {}).get(MANAGED_BY) == manager


def service_key(slice_: Slice, manager: str) -> Iterable[Key]:
    """The Service of one of the manager's own slices."""
    name = (slice_.metadata.labels or {}).get(SERVICE_NAME)
    if name and is_managed_by(slice_, manager):
        yield Key(slice_.metadata.namespace or "", name)


def endpoint_id(endpoint: Endpoint) -> Id:
    ref = endpoint.target_ref or core_v1.ObjectReference()
    return tuple(sorted(endpoint.addresses)), endpoint.hostname, ref.namespace, ref.name


def ports_id(ports: Iterable[Port] | None) -> frozenset[Id]:
    """Ports as a set: slices of one Service differ in them, not in their order."""
    return frozenset(
        (port.name or "", port.protocol or "TCP", port.port, port.app_protocol) for port in ports or ()
    )


def say_the_same(one: Endpoint, other: Endpoint) -> bool:
    """Whether two states of an endpoint agree in all but hints, which are given separately."""
    return _said(one) == _said(other)


def _said(endpoint: Endpoint) -> Id:
    state = endpoint.conditions or discovery_v1.EndpointConditions()
    ref = endpoint.target_ref or core_v1.ObjectReference()
    target = (ref.kind, ref.uid, ref.api_version, ref.field_path)
    return endpoint.node_name, endpoint.zone, state.ready, state.serving, state.terminating, target


def is_owned_by(slice_: Slice, owner: Any) -> bool:
    reference = controller_of(slice_)
    return reference is not None and reference.uid == owner.metadata.uid


@dataclass(slots=True)
class Writes:
    """What is to be done; `update` holds changed copies."""

    create: list[Slice] = field(default_factory=list)
    update: list[Slice] = field(default_factory=list)
    delete: list[Slice] = field(default_factory=list)

    def add(self, more: Writes) -> None:
        self.create += more.create
        self.update += more.update
        self.delete += more.delete

    def recycle(self, owner: Any) -> None:
        """Turn slices that would go into ones that would be made, if both are the owner's and of one address type."""
        for doomed in list(self.delete):
            if not is_owned_by(doomed, owner):
                continue
            fresh = next((made for made in self.create if made.address_type == doomed.address_type), None)
            if fresh is None:
                continue
            self.create.remove(fresh)
            self.delete.remove(doomed)
            reused = codec.struct_clone(doomed)
            reused.metadata.labels = fresh.metadata.labels
            reused.metadata.annotations = fresh.metadata.annotations
            reused.endpoints, reused.ports = fresh.endpoints, fresh.ports
            self.update.append(reused)


class Slices:
    """One manager's slices: reading them by Service, and writing them."""

    def __init__(self, client: Client, informer: Informer[Any], manager: str) -> None:
        self._writes = client.resource(Slice)
        self._informer = informer
        self._manager = manager
        self._expectations = Expectations(informer)

    def of(self, key: Key) -> list[Slice]:
        """The manager's slices of a Service, oldest first."""
        found = self._informer.by_index(BY_SERVICE, str(key))
        mine = [slice_ for slice_ in found if is_managed_by(slice_, self._manager)]
        return sorted(mine, key=lambda slice_: (slice_.metadata.creation_timestamp, slice_.metadata.name))

    def is_current(self, key: Key) -> bool:
        """Whether the informer shows all that was written for this Service."""
        return self._expectations.satisfied(key)

    def forget(self, key: Key) -> None:
        self._expectations.forget(key)

    async def carry_out(self, key: Key, writes: Writes) -> None:
        """Create, update, delete, in this order; raises ApiError, ClientError."""
        with ignoring_termination():
            for slice_ in writes.create:
                self._expectations.created(key, await self._writes.create(slice_))
        for slice_ in writes.update:
            self._expectations.created(key, await self._writes.update(slice_))
        for slice_ in writes.delete:
            await self._delete(key, slice_)

    async def _delete(self, key: Key, slice_: Slice) -> None:
        meta = slice_.metadata
        self._expectations.deleting(key, slice_)
        try:
            await self._writes.delete(meta.name or "", namespace=meta.namespace, uid=meta.uid)
        except NotFound:
            return
        except BaseException:
            self._expectations.not_deleted(key, slice_)
            raise
