"""The codec, and the socket against the kernel's own tables (reading them needs no privilege)."""

import errno
import ipaddress
from pathlib import Path

import pytest

from podling.network import links, netlink
from podling.network.host import Host
from podling.network.netlink import NetlinkError

HOST = Host("", "", Path())


def test_attributes_are_padded_and_read_back() -> None:
    data = netlink.text(3, "eth0") + netlink.u8(5, 7) + netlink.nested(18, netlink.u32(1, 9))
    assert len(data) % 4 == 0
    found = netlink.attributes(data)
    assert found[3] == b"eth0\0"
    assert found[5] == b"\x07"
    assert netlink.attributes(found[18])[1] == (9).to_bytes(4, "little")


def test_damaged_attributes_end_the_reading_instead_of_looping() -> None:
    assert netlink.attributes(b"\0\0\0\0" * 4) == {}


def test_the_loopback_interface_is_listed_with_its_name_and_mtu() -> None:
    with HOST.netlink() as kernel:
        found = [links.parse_link(body) for body in kernel.dump(links.list_links())]
        alone = links.parse_link(kernel.get(links.get_link(name="lo")))
    assert alone in found
    assert (alone.name, alone.index, alone.mac) == ("lo", 1, bytes(6))


def test_a_missing_interface_is_an_error_with_its_number() -> None:
    with HOST.netlink() as kernel, pytest.raises(NetlinkError) as caught:
        kernel.get(links.get_link(name="none-such"))
    assert caught.value.errno == errno.ENODEV


def test_routes_of_the_main_table_are_read() -> None:
    with HOST.netlink() as kernel:
        parsed = [links.parse_route(body) for body in kernel.dump(links.list_routes())]
    assert all(route is None or isinstance(route.destination, ipaddress.IPv4Network) for route in parsed)


async def test_a_listening_socket_takes_connections() -> None:
    with HOST.listen("127.0.0.1", 0) as server, HOST.socket() as client:
        port = server.getsockname()[1]
        assert client.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS)


def test_a_taken_port_is_named() -> None:
    with HOST.listen("127.0.0.1", 0) as server:
        port = server.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            HOST.listen("127.0.0.1", port)
