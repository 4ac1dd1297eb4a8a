"""The words of route netlink that a Pod network needs: links, addresses, routes (pure; ``netlink`` sends them).

Numbers are of ``linux/if_link.h``, ``linux/if_addr.h`` and ``linux/rtnetlink.h``.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass

from .netlink import CREATE, EXCL, REPLACE, Message, attribute, attributes, nested, text, u8, u32

_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _DELADDR, _GETADDR = 20, 21, 22
_NEWROUTE, _DELROUTE, _GETROUTE = 24, 25, 26

_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")

_UP = 0x1
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_OPERSTATE = 1, 3, 4, 10, 16
_IFLA_LINKINFO, _IFLA_GROUP, _IFLA_NET_NS_FD = 18, 27, 28
_OPERSTATE_UP = 6
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_VETH_PEER, _BRPORT_MODE = 1, 4
_BR_FORWARD_DELAY, _BR_STP_STATE, _BR_MCAST_SNOOPING = 1, 5, 23
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY = 1, 4, 5, 6
_RTA_PREFSRC = 7
_MAIN_TABLE = 254
_UNSPECIFIED, _UNICAST, _UNREACHABLE = 0, 1, 7
_UNIVERSE, _NOWHERE = 0, 255
_ONLINK = 0x4

# Who installed a route (`proto` in `ip route`): a number nobody has registered, so that ours are told from others'.
PROTOCOL = 0x50
LINK_EVENTS = 1


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface.

    ``master`` is the index of its bridge or 0; ``carries`` says that it really passes packets (operational state UP),
    ``group`` is a number that links can be deleted by together.
    """

    index: int
    name: str
    mac: bytes
    mtu: int
    master: int
    carries: bool
    group: int


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv4 address of the link with ``index``, with its prefix length."""

    index: int
    address: str
    prefix: int


@dataclass(frozen=True, slots=True)
class Route:
    """An IPv4 route of the main table; ``index`` is the outgoing link or 0."""

    destination: ipaddress.IPv4Network
    index: int
    protocol: int
    metric: int


def _link(index: int = 0, *, up: bool = False) -> bytes:
    flags = _UP if up else 0
    return _LINK.pack(socket.AF_UNSPEC, 0, index, flags, flags)


def add_bridge(name: str, *, mac: bytes, mtu: int) -> Message:
    """A bridge, up, that forwards at once and floods multicast (it has few ports and no routers to listen for)."""
    data = nested(_INFO_DATA, u32(_BR_FORWARD_DELAY, 0), u32(_BR_STP_STATE, 0), u8(_BR_MCAST_SNOOPING, 0))
    info = nested(_IFLA_LINKINFO, text(_INFO_KIND, "bridge"), data)
    body = _link(up=True) + text(_IFLA_IFNAME, name) + attribute(_IFLA_ADDRESS, mac) + u32(_IFLA_MTU, mtu)
    return Message(_NEWLINK, CREATE | EXCL, body + info)


def add_veth(
    name: str, *, mac: bytes, mtu: int, master: int, peer: str, peer_mac: bytes, peer_netns: int
) -> Message:
    """A veth whose near end is up on bridge ``master`` and whose far end ``peer`` lies, down, in the namespace of fd ``peer_netns``.

    A far end that is to be up already makes the kernel answer ENOTCONN: set it up from within.
    """
    far = (
        _link()
        + text(_IFLA_IFNAME, peer)
        + attribute(_IFLA_ADDRESS, peer_mac)
        + u32(_IFLA_MTU, mtu)
        + u32(_IFLA_NET_NS_FD, peer_netns)
    )
    info = nested(_IFLA_LINKINFO, text(_INFO_KIND, "veth"), nested(_INFO_DATA, attribute(_VETH_PEER, far)))
    near = text(_IFLA_IFNAME, name) + attribute(_IFLA_ADDRESS, mac) + u32(_IFLA_MTU, mtu)
    return Message(_NEWLINK, CREATE | EXCL, _link(up=True) + near + u32(_IFLA_MASTER, master) + info)


def set_hairpin(*, name: str) -> Message:
    """Let the bridge send a packet back out of the port it came in by: a Pod calls itself through a hostPort.

    Needed only where ``br_netfilter`` is loaded, whose address translation happens within the bridge.
    """
    data = nested(_INFO_SLAVE_DATA, u8(_BRPORT_MODE, 1))
    info = nested(_IFLA_LINKINFO, text(_INFO_SLAVE_KIND, "bridge"), data)
    return Message(_NEWLINK, 0, _link() + text(_IFLA_IFNAME, name) + info)


def set_up(*, name: str) -> Message:
    return Message(_SETLINK, 0, _link(up=True) + text(_IFLA_IFNAME, name))


def set_mtu(*, name: str, mtu: int) -> Message:
    return Message(_SETLINK, 0, _link() + text(_IFLA_IFNAME, name) + u32(_IFLA_MTU, mtu))


def delete_link(*, name: str) -> Message:
    return Message(_DELLINK, 0, _link() + text(_IFLA_IFNAME, name))


def set_group(*, name: str, group: int) -> Message:
    return Message(_SETLINK, 0, _link() + text(_IFLA_IFNAME, name) + u32(_IFLA_GROUP, group))


def delete_group(group: int) -> Message:
    """Delete all links of a group at the price of one: most of it is waiting for the kernel's readers (25 ms)."""
    return Message(_DELLINK, 0, _link() + u32(_IFLA_GROUP, group))


def get_link(*, name: str) -> Message:
    return Message(_GETLINK, 0, _link() + text(_IFLA_IFNAME, name))


def list_links() -> Message:
    return Message(_GETLINK, 0, _link())


def parse_link(body: bytes) -> Link:
    _, _, index, _, _ = _LINK.unpack_from(body)
    found = attributes(body[_LINK.size :])
    return Link(
        index=index,
        name=found.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="replace"),
        mac=found.get(_IFLA_ADDRESS, b""),
        mtu=_number(found.get(_IFLA_MTU)),
        master=_number(found.get(_IFLA_MASTER)),
        carries=found.get(_IFLA_OPERSTATE) == bytes((_OPERSTATE_UP,)),
        group=_number(found.get(_IFLA_GROUP)),
    )


def add_address(index: int, address: str, *, prefix: int) -> Message:
    return Message(_NEWADDR, CREATE | REPLACE, _address(index, address, prefix))


def delete_address(index: int, address: str, *, prefix: int) -> Message:
    return Message(_DELADDR, 0, _address(index, address, prefix))


def _address(index: int, address: str, prefix: int) -> bytes:
    packed = ipaddress.IPv4Address(address).packed
    header = _ADDRESS.pack(socket.AF_INET, prefix, 0, _UNIVERSE, index)
    return header + attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)


def list_addresses() -> Message:
    return Message(_GETADDR, 0, _ADDRESS.pack(socket.AF_INET, 0, 0, 0, 0))


def parse_address(body: bytes) -> Address:
    _, prefix, _, _, index = _ADDRESS.unpack_from(body)
    found = attributes(body[_ADDRESS.size :])
    packed = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS) or b"\0\0\0\0"
    return Address(index=index, address=str(ipaddress.IPv4Address(packed)), prefix=prefix)


def add_default_route(gateway: str) -> Message:
    header = _ROUTE.pack(socket.AF_INET, 0, 0, 0, _MAIN_TABLE, PROTOCOL, _UNIVERSE, _UNICAST, 0)
    return Message(
        _NEWROUTE, CREATE | EXCL, header + attribute(_RTA_GATEWAY, ipaddress.IPv4Address(gateway).packed)
    )


def add_onlink_route(network: str, gateway: str, *, index: int, metric: int = 0, source: str = "") -> Message:
    """To ``network`` by ``gateway``, which is behind link ``index`` though no address of the link says so.

    ``source`` is the address that the machine itself speaks with there.
    """
    wanted = ipaddress.IPv4Network(network)
    header = _ROUTE.pack(
        socket.AF_INET, wanted.prefixlen, 0, 0, _MAIN_TABLE, PROTOCOL, _UNIVERSE, _UNICAST, _ONLINK
    )
    way = attribute(_RTA_GATEWAY, ipaddress.IPv4Address(gateway).packed) + u32(_RTA_OIF, index)
    if source:
        way += attribute(_RTA_PREFSRC, ipaddress.IPv4Address(source).packed)
    destination = attribute(_RTA_DST, wanted.network_address.packed) if wanted.prefixlen else b""
    return Message(_NEWROUTE, CREATE | REPLACE, header + destination + way + u32(_RTA_PRIORITY, metric))


def add_unreachable(network: str, *, metric: int) -> Message:
    """Packets to ``network`` that no better route takes are answered "no route to host" and go nowhere."""
    return Message(_NEWROUTE, CREATE | REPLACE, _route(network, metric, scope=_UNIVERSE, sort=_UNREACHABLE))


def delete_route(network: str, *, metric: int) -> Message:
    """Our route to ``network`` with that metric, of whatever sort."""
    return Message(_DELROUTE, 0, _route(network, metric, scope=_NOWHERE, sort=_UNSPECIFIED))


def _route(network: str, metric: int, *, scope: int, sort: int) -> bytes:
    wanted = ipaddress.IPv4Network(network)
    header = _ROUTE.pack(socket.AF_INET, wanted.prefixlen, 0, 0, _MAIN_TABLE, PROTOCOL, scope, sort, 0)
    return header + attribute(_RTA_DST, wanted.network_address.packed) + u32(_RTA_PRIORITY, metric)


def list_routes() -> Message:
    return Message(_GETROUTE, 0, _ROUTE.pack(socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0))


def parse_route(body: bytes) -> Route | None:
    """The route, None where it is not of the main table (local addresses, broadcasts, policy routing)."""
    _, prefix, _, _, table, protocol, _, _, _ = _ROUTE.unpack_from(body)
    if table != _MAIN_TABLE:
        return None
    found = attributes(body[_ROUTE.size :])
    destination = ipaddress.IPv4Network((found.get(_RTA_DST, b"\0\0\0\0"), prefix))
    return Route(
        destination=destination,
        index=_number(found.get(_RTA_OIF)),
        protocol=protocol,
        metric=_number(found.get(_RTA_PRIORITY)),
    )


def _number(data: bytes | None) -> int:
    return int(struct.unpack_from("=I", data)[0]) if data else 0
