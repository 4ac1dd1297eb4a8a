"""Nodes of one machine as hosts to each other: Pods meet across them, leave by the machine, and nothing else leaks."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from netns_tools import in_netns
from test_node_network import Config, Pod, caller_seen, refusal

from podling.network.bridge import NodeNetwork, Ranges
from podling.network.host import Host
from podling.network.naming import Names
from podling.network.segment import INTERFACE, Uplink
from podling.network.transit import Transit

pytestmark = pytest.mark.linux

CLUSTER, SERVICES = "10.42.0.0/16", "10.43.0.0/16"
NODES = [
    ("one", "10.42.0.0/24", "10.42.0.1"),
    ("two", "10.42.1.0/24", "10.42.1.1"),
    ("three", "10.42.2.0/24", "10.42.2.1"),
]


@pytest.fixture
def transit(machine: Host, names: Names) -> Transit:
    return Transit(machine, names.cluster, gateway="10.42.0.1")


@pytest.fixture
async def pods(
    machine: Host, names: Names, transit: Transit, netns: Callable[[], str], tmp_path: Path, outside: str
) -> AsyncIterator[list[Pod]]:
    """Three nodes, the first in the machine's own namespace, with a Pod on each."""
    transit.set_up()
    networks, made = [], []
    for name, cidr, address in NODES:
        first = name == "one"
        host = machine if first else Host(netns(), "unused", tmp_path / name)
        if not first:
            transit.connect(name, address, netns=host.netns)
        peers = tuple((range, gateway) for other, range, gateway in NODES if other != name)
        network = NodeNetwork(
            host,
            Names(names.cluster, name),
            ranges=Ranges(cidr, CLUSTER, SERVICES),
            uplink=Uplink(transit.interface if first else INTERFACE, peers),
        )
        await network.start()
        networks.append(network)
        path = netns()
        (ip,) = await network.attach("pod", path, Config())
        made.append(Pod(name, path, ip))
    yield made
    for network in networks:
        await network.close()


async def test_pods_of_all_nodes_see_each_other_under_their_own_addresses(pods: list[Pod]) -> None:
    assert [pod.ip for pod in pods] == ["10.42.0.2", "10.42.1.2", "10.42.2.2"]
    for server in pods:
        for client in pods:
            if client is not server:
                assert await caller_seen(server.host, client.host, server.ip, 80) == client.ip


async def test_nodes_answer_pods_of_others_at_their_gateways(pods: list[Pod], machine: Host) -> None:
    one, two, _ = pods
    assert await caller_seen(machine, two.host, "10.42.0.1", 80) == two.ip
    assert await caller_seen(two.host, machine, two.ip, 80) == "10.42.0.1"
    assert await refusal(one.host, "10.42.1.1") == errno.ECONNREFUSED


async def test_pods_of_further_nodes_leave_by_the_machine_with_its_address_and_mtu(
    pods: list[Pod], outside: str
) -> None:
    for pod in pods:
        assert await caller_seen(Host(outside, "", Path()), pod.host, "198.51.100.1", 80) == "198.51.100.2"
        assert "mtu 1400" in in_netns(pod.netns, "ip", "link", "show", INTERFACE)


async def test_addresses_that_nobody_has_go_nowhere_from_any_node(pods: list[Pod]) -> None:
    for pod in pods:
        assert await refusal(pod.host, "10.42.9.9") == errno.EHOSTUNREACH
        assert await refusal(pod.host, "10.43.0.10") == errno.EHOSTUNREACH


async def test_a_node_without_its_link_is_out_of_reach_and_the_others_are_not(
    pods: list[Pod], transit: Transit, machine: Host
) -> None:
    one, two, three = pods
    transit.disconnect("two")
    transit.disconnect("two")
    assert await refusal(one.host, two.ip) in (errno.EHOSTUNREACH, errno.ETIMEDOUT)
    assert await caller_seen(one.host, three.host, one.ip, 80) == three.ip
    transit.tear_down()
    transit.tear_down()
    assert transit.interface not in in_netns(machine.netns, "ip", "link")


async def test_setting_up_again_finds_what_is_there(pods: list[Pod], transit: Transit) -> None:
    one, two, _ = pods
    transit.set_up()
    assert await caller_seen(one.host, two.host, one.ip, 80) == two.ip
