"""A node's Pod network: a bridge, one veth per Pod, routes to the other nodes, and those that keep the ranges at home.

It connects sandboxes (``SandboxNetwork`` of ``podling.runtime.interface``, met by shape) on the node that its ``Host``
names.  ``ipam`` decides addresses, ``segment`` speaks netlink, ``hostports`` packet rules; which sandboxes exist is
the runtime's business.

What the kernel holds is the record: a Pod's link carries its address (see ``naming``), so a new ``NodeNetwork`` adopts
what an earlier one made by listing the bridge's ports, and a link that vanished with its namespace frees its address.
All netlink work goes through one thread: the kernel does it under one lock anyway, and a lock that somebody else
holds (thirty namespaces being torn down) must not stall the event loop.

Addresses of the cluster's and Services' ranges that nobody has hit an unreachable route and never leave the machine.
The only setting of the machine itself that is changed is ``net.ipv4.ip_forward``, and only from 0 to 1; it stays so,
as with every container engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from podling.aio.tasks import Tasks

from . import rules
from .errors import AddressesExhausted, NetworkFault, NotSupported
from .host import Host, open_netlink
from .hostports import HostPorts
from .ipam import Ipam, IpamStatistics
from .naming import Names
from .segment import Plan, Segment, Uplink

T = TypeVar("T")

LINGER_SECONDS = 1.0
"""How long a detached Pod's link waits for its namespace to end and take it along, before it is deleted."""


class PortMapping(Protocol):
    """A ``hostPort`` as the runtime interface has it."""

    @property
    def protocol(self) -> str: ...
    @property
    def container_port(self) -> int: ...
    @property
    def host_port(self) -> int: ...
    @property
    def host_ip(self) -> str: ...


class Attachment(Protocol):
    """What of a ``SandboxConfig`` the network reads."""

    @property
    def port_mappings(self) -> Sequence[PortMapping]: ...
    @property
    def ingress_rate(self) -> int | None: ...
    @property
    def egress_rate(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Ranges:
    """IPv4 ranges in CIDR form: this node's Pods, all Pods of the cluster, all Services."""

    pods: str
    cluster: str
    services: str


@dataclass(frozen=True, slots=True)
class _Started:
    """What exists between ``start`` and ``close``."""

    thread: ThreadPoolExecutor
    segment: Segment
    ports: HostPorts
    tasks: Tasks


class NodeNetwork:
    """The Pod network of one node.  ``start`` makes or adopts it, ``close`` lets go, ``destroy`` removes every trace."""

    def __init__(self, host: Host, names: Names, *, ranges: Ranges, uplink: Uplink | None = None) -> None:
        self._host = host
        self._names = names
        self._ranges = ranges
        self._uplink = uplink
        self._ipam = Ipam(ranges.pods)
        self._connecting: set[str] = set()
        self._condemned: set[str] = set()
        self._state: _Started | None = None

    @property
    def gateway(self) -> str:
        """The node's address on the bridge."""
        return self._ipam.gateway

    def statistics(self) -> IpamStatistics:
        return self._ipam.statistics()

    def __repr__(self) -> str:
        return f"<NodeNetwork {self._names.bridge} {self._ipam!r}>"

    async def start(self) -> None:
        """Make bridge, routes and rules, or find them.  Raises ``NetworkFault`` with what is in the way."""
        thread = self._host.executor()
        try:
            segment = await _in(thread, self._open_segment)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        self._state = _Started(thread, segment, self._host_ports(thread), Tasks(self._names.bridge))
        try:
            for veth, address in (await _in(thread, segment.set_up)).items():
                self._ipam.adopt(veth, address)
            await self._state.ports.start(owners=self._ipam.owners())
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go; Pods stay connected.  Safe to repeat."""
        if self._state is not None:
            state, self._state = self._state, None
            await state.tasks.close()
            state.thread.submit(state.segment.close)
            state.thread.shutdown(wait=False)

    async def destroy(self) -> None:
        """Remove interfaces, routes and rules, also those of a node that was never started here.  Safe to repeat."""
        await self.close()
        with self._host.executor() as thread:
            await _in(thread, self._tear_down)
            await self._host_ports(thread).destroy()

    async def attach(self, sandbox_id: str, netns: str, config: Attachment) -> tuple[str, ...]:
        """Give the namespace at ``netns`` its ``eth0``; return its address.  All or nothing, also when cancelled."""
        if config.ingress_rate is not None or config.egress_rate is not None:
            raise NotSupported(f"cannot connect {sandbox_id}: bandwidth limits are not supported")
        veth = self._names.veth(sandbox_id)
        state = self._started
        self._connecting.add(veth)
        try:
            if veth in self._condemned:
                await self._sweep()
            address = await self._allocate(veth)
            await _in(state.thread, lambda: state.segment.connect(veth, address, netns=netns))
            if forwards := _forwards(config, address):
                await state.ports.publish(veth, forwards)
        except BaseException:
            await self.detach(sandbox_id)
            raise
        finally:
            self._connecting.discard(veth)
        return (address,)

    async def detach(self, sandbox_id: str) -> None:
        """Take back interface, address and hostPorts; nothing happens for what is gone already."""
        veth = self._names.veth(sandbox_id)
        state = self._started
        await state.ports.withdraw(veth)
        if await _in(state.thread, lambda: state.segment.condemn(veth)):
            self._condemned.add(veth)
            if not len(state.tasks):
                state.tasks.start(self._sweep_later(), name="sweep")
        else:
            self._ipam.release(veth)

    async def addresses(self, sandbox_id: str) -> tuple[str, ...]:
        """The sandbox's addresses, also those given by an earlier process; () if it has none."""
        veth = self._names.veth(sandbox_id)
        address = self._ipam.address_of(veth)
        return (address,) if address and veth not in self._condemned else ()

    @property
    def _started(self) -> _Started:
        if self._state is None:
            raise NetworkFault(f"cannot use network {self._names.bridge}: it is not started")
        return self._state

    async def _allocate(self, veth: str) -> str:
        try:
            return self._ipam.allocate(veth)
        except AddressesExhausted:
            await self._sweep()
            present = await _in(self._started.thread, self._started.segment.present)
            for owner in self._ipam.owners():
                if owner not in present and owner not in self._connecting:
                    self._ipam.release(owner)
            return self._ipam.allocate(veth)

    async def _sweep_later(self) -> None:
        while self._condemned:
            await asyncio.sleep(LINGER_SECONDS)
            await self._sweep()

    async def _sweep(self) -> None:
        """Only when its link is gone for sure does an address go to another Pod."""
        doomed = tuple(self._condemned)
        await _in(self._started.thread, self._started.segment.sweep)
        for veth in doomed:
            self._ipam.release(veth)
            self._condemned.discard(veth)

    def _open_segment(self) -> Segment:
        """In the netlink thread, which is at home in the node's namespace."""
        plan = Plan(
            names=self._names,
            gateway=self._ipam.gateway,
            prefix=self._ipam.network.prefixlen,
            kept=(self._ranges.cluster, self._ranges.services),
            uplink=self._uplink,
        )
        return Segment(plan, open_netlink())

    def _tear_down(self) -> None:
        segment = self._open_segment()
        try:
            segment.tear_down()
        finally:
            segment.close()

    def _host_ports(self, thread: Executor) -> HostPorts:
        return HostPorts(
            self._names.table,
            bridge=self._names.bridge,
            pods=self._ranges.pods,
            cluster=self._ranges.cluster,
            folder=self._host.state_dir / "network" / "ports",
            thread=thread,
        )


def _forwards(config: Attachment, address: str) -> list[rules.Forward]:
    return [
        rules.forward(
            mapping.protocol,
            mapping.host_ip,
            mapping.host_port,
            pod_ip=address,
            pod_port=mapping.container_port,
        )
        for mapping in config.port_mappings
        if mapping.host_port
    ]


async def _in(thread: Executor, work: Callable[[], T]) -> T:
    """``work`` in the thread.  A cancelled caller waits for its end, so that undoing comes after doing."""
    future = asyncio.get_running_loop().run_in_executor(thread, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
