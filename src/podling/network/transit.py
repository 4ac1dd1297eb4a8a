"""What joins the nodes of a cluster that live on one machine: a bridge without an address, and a link to each node.

Each further node is a network namespace whose ``eth0`` is a veth on this bridge.  Its way out is the first node, which
lives in the machine's own namespace; the other nodes' Pods it reaches by routes that ``segment`` makes.  Nobody has an
address on this bridge: each node answers for its gateway's, so no further range is needed.

Synchronous and idempotent, as ``segment``: the kernel's links are the record.  Which nodes there are is the caller's.
"""

from __future__ import annotations

import errno

from . import links, naming
from .host import Host, open_netlink, visiting
from .links import Link
from .naming import Names
from .netlink import Netlink, NetlinkError
from .segment import INTERFACE, outward_mtu, refused, wait_carrying

_GONE = (errno.ENODEV, errno.ENOENT, errno.ESRCH)
_NODE = "/"
"""In place of a node's name; no node is called so."""


class Transit:
    """The links between the nodes of one cluster.  ``machine`` is where the first node lives, ``gateway`` its address."""

    def __init__(self, machine: Host, cluster: str, *, gateway: str) -> None:
        self._machine = machine
        self._names = Names(cluster, _NODE)
        self._gateway = gateway

    @property
    def interface(self) -> str:
        """The first node's side, in the machine's namespace."""
        return self._names.bridge

    def set_up(self) -> None:
        """Make the bridge, or find it.  Raises ``NetworkFault``."""
        with self._machine.netlink() as netlink:
            found, mtu = _look(netlink)
            name = self._names.bridge
            wanted = [links.set_mtu(name=name, mtu=mtu), links.set_up(name=name)]
            if name not in _named(found):
                wanted = [links.add_bridge(name, mac=naming.transit_macs(self._gateway)[1], mtu=mtu)]
            try:
                netlink.apply(*wanted)
            except NetlinkError as error:
                raise refused(f"make bridge {name}", error) from error

    def connect(self, node: str, address: str, *, netns: str) -> None:
        """Give the node's namespace its ``eth0`` and its way out, unless it has them.  For a thread of one's own."""
        with visiting(netns):
            inner = open_netlink()
        with self._machine.netlink() as netlink, inner as inside:
            try:
                if not self._is_connected(node, netlink, inside):
                    self._link(node, address, netlink, netns)
                self._lead_out(inside)
                wait_carrying(inside, INTERFACE)
                wait_carrying(netlink, self._names.veth(node))
            except NetlinkError as error:
                raise refused(f"connect node {node}", error) from error

    def disconnect(self, node: str) -> None:
        """Take the node's link away: its namespace may be held by somebody.  Safe to repeat."""
        self._delete(self._names.veth(node))

    def tear_down(self) -> None:
        """Remove the bridge and every link on it.  Safe to repeat."""
        with self._machine.netlink() as netlink:
            found, _ = _look(netlink)
        ours = [link.name for link in found.values() if self._names.is_veth(link.name)]
        self._delete(*ours, self._names.bridge)

    def _delete(self, *names: str) -> None:
        with self._machine.netlink() as netlink:
            try:
                netlink.apply(*(links.delete_link(name=name) for name in names), ignore=_GONE)
            except NetlinkError as error:
                raise refused(f"remove interfaces {', '.join(names)}", error) from error

    def _is_connected(self, node: str, netlink: Netlink, inside: Netlink) -> bool:
        outer, _ = _look(netlink)
        inner, _ = _look(inside)
        return self._names.veth(node) in _named(outer) and INTERFACE in _named(inner)

    def _link(self, node: str, address: str, netlink: Netlink, netns: str) -> None:
        found, mtu = _look(netlink)
        name = self._names.veth(node)
        bridge = _named(found)[self._names.bridge]
        far, near = naming.transit_macs(address)
        with open(netns, "rb") as namespace:
            netlink.apply(links.delete_link(name=name), ignore=_GONE)
            netlink.apply(
                links.add_veth(
                    name,
                    mac=near,
                    mtu=mtu,
                    master=bridge.index,
                    peer=INTERFACE,
                    peer_mac=far,
                    peer_netns=namespace.fileno(),
                )
            )

    def _lead_out(self, inside: Netlink) -> None:
        index = links.parse_link(inside.get(links.get_link(name=INTERFACE))).index
        inside.apply(
            links.set_up(name="lo"),
            links.set_up(name=INTERFACE),
            links.add_onlink_route("0.0.0.0/0", self._gateway, index=index),
        )


def _look(netlink: Netlink) -> tuple[dict[int, Link], int]:
    """The links, and the MTU of the way out."""
    found = {link.index: link for link in map(links.parse_link, netlink.dump(links.list_links()))}
    routes = [route for route in map(links.parse_route, netlink.dump(links.list_routes())) if route]
    return found, outward_mtu(found, routes)


def _named(found: dict[int, Link]) -> dict[str, Link]:
    return {link.name: link for link in found.values()}
