"""The netlink side of a node's Pod network: bridge, routes, one veth per Pod.  Synchronous, for one thread.

The kernel's state is the record and every step is written so that doing it again is harmless: ``set_up`` makes what
is missing and reports which Pod links are there, ``tear_down`` removes what is left.  When to do what, and who gets
which address, is ``bridge``'s business.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import links, naming
from .errors import NetworkFault, NotPermitted, RangeInUse
from .host import open_netlink, visiting
from .links import Link, Route
from .naming import Names
from .netlink import Message, Netlink, NetlinkError

log = logging.getLogger(__name__)

INTERFACE = "eth0"
DEFAULT_MTU = 1500
_GONE = (errno.ENODEV, errno.ENOENT, errno.ESRCH)
_SYSCTLS = Path("/proc/sys/net/ipv4")


@dataclass(frozen=True, slots=True)
class Uplink:
    """The link towards the cluster's other nodes: its name, and their Pods' ranges with the gateway of each."""

    interface: str
    peers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the segment is to be: names, the gateway with its prefix length, the ranges kept at home, the other nodes."""

    names: Names
    gateway: str
    prefix: int
    kept: tuple[str, ...]
    uplink: Uplink | None = None


class Segment:
    """One node's bridge.  Every method must run in a thread that lives in the node's namespace."""

    def __init__(self, plan: Plan, netlink: Netlink) -> None:
        self._plan = plan
        self._netlink = netlink
        self._bridge = 0
        self._mtu = DEFAULT_MTU

    def close(self) -> None:
        self._netlink.close()

    def set_up(self) -> dict[str, str]:
        """Make bridge and routes, or find them; return the Pods' links with their addresses.  Raises ``NetworkFault``."""
        self.sweep()
        found, routes = self._links(), self._routes()
        self._refuse_overlap(found, routes)
        self._mtu = outward_mtu(found, routes)
        try:
            self._bridge = self._make_bridge(found)
            metric = self._plan.names.number
            self._netlink.apply(*(links.add_unreachable(kept, metric=metric) for kept in self._plan.kept))
            self._reach_peers(metric)
        except NetlinkError as error:
            raise refused(f"make bridge {self._plan.names.bridge}", error) from error
        self._allow_forwarding()
        return self._pods(found)

    def connect(self, veth: str, address: str, *, netns: str) -> None:
        """Give the namespace its interface: two system calls on the node's side, two inside; 1 ms, the kernel's."""
        with visiting(netns):
            inside = open_netlink()
        with inside as pod, open(netns, "rb") as namespace:
            try:
                self._netlink.apply(
                    self._veth(veth, address, netns=namespace.fileno()), links.set_hairpin(name=veth)
                )
                index = links.parse_link(pod.get(links.get_link(name=INTERFACE))).index
                pod.apply(
                    links.set_up(name="lo"),
                    links.set_up(name=INTERFACE),
                    links.add_address(index, address, prefix=self._plan.prefix),
                    links.add_default_route(self._plan.gateway),
                )
                wait_carrying(pod, INTERFACE)
                wait_carrying(self._netlink, veth)
                wait_carrying(self._netlink, self._plan.names.bridge)
            except NetlinkError as error:
                raise refused(f"connect network namespace {netns}", error) from error

    def try_veth(self) -> None:
        """Make a link pair and remove it: does the kernel do that?  For ``probe``."""
        name = self._plan.names.veth("probe")
        with open("/proc/thread-self/ns/net", "rb") as here:
            try:
                self._netlink.apply(
                    self._veth(name, self._plan.gateway, netns=here.fileno()), links.delete_link(name=name)
                )
            except NetlinkError as error:
                raise refused("make a veth pair", error) from error

    def condemn(self, veth: str) -> bool:
        """Mark a Pod's link to go with ``sweep``; False if it is gone already.

        A link whose namespace ends goes with it at no further cost, while deleting one holds the kernel's network lock
        for some 25 ms, in which no other Pod can be connected.
        """
        try:
            self._netlink.apply(links.set_group(name=veth, group=self._plan.names.number))
        except NetlinkError as error:
            if error.errno in _GONE:
                return False
            raise refused(f"remove interface {veth}", error) from error
        return True

    def sweep(self) -> None:
        """Delete all condemned links that are still there."""
        try:
            self._netlink.apply(links.delete_group(self._plan.names.number), ignore=_GONE)
        except NetlinkError as error:
            raise refused("remove interfaces", error) from error

    def present(self) -> set[str]:
        """The names of the Pods' links that exist."""
        return {link.name for link in self._links().values() if self._plan.names.is_veth(link.name)}

    def tear_down(self) -> None:
        """Remove everything of this node, whoever made it.  Safe to repeat."""
        names = self._plan.names
        doomed = [*sorted(self.present()), names.bridge]
        ours = (links.PROTOCOL, names.number)
        routes = [route for route in self._routes() if (route.protocol, route.metric) == ours]
        try:
            self._netlink.apply(
                *(links.delete_link(name=name) for name in doomed),
                *(links.delete_route(str(one.destination), metric=names.number) for one in routes),
                ignore=_GONE,
            )
        except NetlinkError as error:
            raise refused(f"remove bridge {names.bridge}", error) from error

    def _veth(self, name: str, address: str, *, netns: int) -> Message:
        return links.add_veth(
            name,
            mac=naming.host_mac(address),
            mtu=self._mtu,
            master=self._bridge,
            peer=INTERFACE,
            peer_mac=naming.pod_mac(address),
            peer_netns=netns,
        )

    def _links(self) -> dict[int, Link]:
        parsed = map(links.parse_link, self._netlink.dump(links.list_links()))
        return {link.index: link for link in parsed}

    def _routes(self) -> list[Route]:
        parsed = map(links.parse_route, self._netlink.dump(links.list_routes()))
        return [route for route in parsed if route is not None]

    def _refuse_overlap(self, found: dict[int, Link], routes: Sequence[Route]) -> None:
        """Our routes would cut off, or be cut by, what the machine itself has inside the ranges."""
        names = self._plan.names
        for route in routes:
            name = found[route.index].name if route.index in found else ""
            if (route.protocol, route.metric) == (links.PROTOCOL, names.number) or name == names.bridge:
                continue
            for kept in map(ipaddress.IPv4Network, self._plan.kept):
                if route.destination.subnet_of(kept):
                    where = f"to interface {name}" if name else "nowhere (another cluster?)"
                    raise RangeInUse(
                        f"cannot use {kept} for Pods or Services: this machine routes {route.destination} {where}"
                    )

    def _make_bridge(self, found: dict[int, Link]) -> int:
        name, gateway = self._plan.names.bridge, self._plan.gateway
        if any(link.name == name for link in found.values()):
            self._netlink.apply(links.set_mtu(name=name, mtu=self._mtu), links.set_up(name=name))
        else:
            self._netlink.apply(links.add_bridge(name, mac=naming.gateway_mac(gateway), mtu=self._mtu))
        index = links.parse_link(self._netlink.get(links.get_link(name=name))).index
        self._netlink.apply(links.add_address(index, gateway, prefix=self._plan.prefix))
        return index

    def _reach_peers(self, metric: int) -> None:
        """Routes to the other nodes' Pods: each node answers for its gateway's address on the link between them."""
        if self._plan.uplink is None or not self._plan.uplink.peers:
            return
        index = links.parse_link(self._netlink.get(links.get_link(name=self._plan.uplink.interface))).index
        self._netlink.apply(
            *(
                links.add_onlink_route(pods, via, index=index, metric=metric, source=self._plan.gateway)
                for pods, via in self._plan.uplink.peers
            )
        )

    def _allow_forwarding(self) -> None:
        own = f"conf/{self._plan.names.bridge}"
        for name in ("ip_forward", f"{own}/forwarding", f"{own}/route_localnet"):
            file = _SYSCTLS / name
            try:
                if file.read_text().strip() == "0":
                    file.write_text("1")
            except OSError as error:
                log.warning(
                    "cannot set %s to 1, Pods may not reach outside or hostPorts: %s", file, error.strerror
                )

    def _pods(self, found: dict[int, Link]) -> dict[str, str]:
        ports = [link for link in found.values() if link.master == self._bridge]
        addresses = {link.name: naming.address_in(link.mac) for link in ports}
        is_veth = self._plan.names.is_veth
        return {name: address for name, address in addresses.items() if address and is_veth(name)}


def wait_carrying(netlink: Netlink, name: str) -> None:
    """Return when the link passes packets: what is sent before is dropped, and repeated only after a second.

    Links come up in the kernel's own time (its link watch).  Asking for one makes that happen at once from Linux 6.8
    on; before, there is an announcement to wait for, at most for a second.
    """
    ask = links.get_link(name=name)
    if not links.parse_link(netlink.get(ask)).carries:
        with netlink.announcements(links.LINK_EVENTS):
            deadline = time.monotonic() + 1
            while not links.parse_link(netlink.get(ask)).carries and time.monotonic() < deadline:
                netlink.wait(deadline - time.monotonic())


def outward_mtu(found: dict[int, Link], routes: Sequence[Route]) -> int:
    outward = [route for route in routes if route.destination.prefixlen == 0 and route.index in found]
    if not outward:
        return DEFAULT_MTU
    return found[min(outward, key=lambda route: route.metric).index].mtu


def refused(what: str, error: NetlinkError) -> NetworkFault:
    """The fault that a kernel's refusal to do ``what`` means."""
    if error.errno in (errno.EPERM, errno.EACCES):
        return NotPermitted(f"cannot {what}: {error.strerror} (CAP_NET_ADMIN is needed)")
    if error.errno == errno.EOPNOTSUPP:
        return NotPermitted(f"cannot {what}: {error.strerror} (a kernel module is missing)")
    return NetworkFault(f"cannot {what}: {error.strerror}")
