"""A node's Pod network on a throw-away machine: what Pods reach, what stays inside, what is left behind."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from netns_tools import in_netns, remove_netns

from podling.network.bridge import NodeNetwork, Ranges
from podling.network.errors import AddressesExhausted, NetworkFault, NotSupported, RangeInUse
from podling.network.host import Host
from podling.network.hostports import PortTaken
from podling.network.naming import Names
from podling.network.probe import probe

pytestmark = pytest.mark.linux

MakeNetns = Callable[[], str]
LIMIT = 5.0


@dataclass(frozen=True)
class Port:
    host_port: int
    container_port: int = 80
    host_ip: str = ""
    protocol: str = "TCP"


@dataclass(frozen=True)
class Config:
    port_mappings: tuple[Port, ...] = ()
    ingress_rate: int | None = None
    egress_rate: int | None = None


@dataclass(frozen=True)
class Pod:
    id: str
    netns: str
    ip: str

    @property
    def host(self) -> Host:
        return Host(self.netns, "", Path())


AddPod = Callable[..., Awaitable[Pod]]


@pytest.fixture
async def started(network: NodeNetwork) -> NodeNetwork:
    await network.start()
    return network


@pytest.fixture
def add_pod(netns: MakeNetns, started: NodeNetwork) -> AddPod:
    async def add(name: str, *ports: Port) -> Pod:
        path = netns()
        (ip,) = await started.attach(name, path, Config(ports))
        return Pod(name, path, ip)

    return add


@pytest.fixture(autouse=True)
async def _closed(network: NodeNetwork):  # type: ignore[no-untyped-def]
    yield
    await network.close()


async def caller_seen(server: Host, client: Host, target: str, port: int, *, listen_on: int = 80) -> str:
    """Connect from ``client`` to ``target:port``; the caller's address as a server at ``server`` sees it."""
    loop = asyncio.get_running_loop()
    with server.listen("0.0.0.0", listen_on) as listening, client.socket() as calling:
        async with asyncio.timeout(LIMIT):
            accepting = asyncio.create_task(loop.sock_accept(listening))
            try:
                await loop.sock_connect(calling, (target, port))
                accepted, (seen, _) = await accepting
            finally:
                accepting.cancel()
            with accepted:
                await loop.sock_sendall(accepted, b"hello")
                assert await loop.sock_recv(calling, 5) == b"hello"
    return str(seen)


async def refusal(client: Host, target: str, port: int = 80) -> int:
    """The errno that connecting to a place where nobody listens ends with."""
    with client.socket() as calling:
        try:
            async with asyncio.timeout(LIMIT):
                await asyncio.get_running_loop().sock_connect(calling, (target, port))
        except TimeoutError:
            return errno.ETIMEDOUT
        except OSError as error:
            return error.errno or 0
    return 0


async def test_pods_node_and_each_other_are_reached_under_their_own_address(
    add_pod: AddPod, machine: Host, started: NodeNetwork
) -> None:
    one, other = await add_pod("one"), await add_pod("other")
    assert await caller_seen(one.host, other.host, one.ip, 80) == other.ip
    assert await caller_seen(one.host, machine, one.ip, 80) == started.gateway
    assert await caller_seen(machine, one.host, started.gateway, 80) == one.ip
    assert await caller_seen(one.host, one.host, "127.0.0.1", 80) == "127.0.0.1"


async def test_an_attached_pod_can_be_reached_at_once(add_pod: AddPod, machine: Host) -> None:
    for number in range(5):
        pod = await add_pod(f"pod-{number}")
        loop = asyncio.get_running_loop()
        begin = loop.time()
        assert await refusal(machine, pod.ip) == errno.ECONNREFUSED
        assert loop.time() - begin < 0.9  # a first packet that is dropped is sent again after a second


@pytest.mark.usefixtures("outside")
async def test_pods_take_the_mtu_of_the_way_out(
    machine: Host, network: NodeNetwork, netns: MakeNetns
) -> None:
    await network.start()
    path = netns()
    await network.attach("pod", path, Config())
    assert "mtu 1400" in in_netns(path, "ip", "link", "show", "eth0")
    assert "mtu 1400" in in_netns(machine.netns, "ip", "link", "show", "type", "bridge")


async def test_what_leaves_the_cluster_carries_the_nodes_address(
    outside: str, network: NodeNetwork, netns: MakeNetns
) -> None:
    await network.start()
    path = netns()
    await network.attach("pod", path, Config())
    seen = await caller_seen(Host(outside, "", Path()), Host(path, "", Path()), "198.51.100.1", 80)
    assert seen == "198.51.100.2"


@pytest.mark.usefixtures("outside")
async def test_unassigned_addresses_never_leave_the_machine(
    machine: Host, network: NodeNetwork, netns: MakeNetns
) -> None:
    await network.start()
    path = netns()
    await network.attach("pod", path, Config())
    for target in ("10.42.77.7", "10.43.0.1"):
        assert await refusal(machine, target) in (errno.EHOSTUNREACH, errno.ENETUNREACH)
        assert await refusal(Host(path, "", Path()), target) == errno.EHOSTUNREACH


@pytest.mark.parametrize("bridge_calls_iptables", ["0", "1"])
async def test_a_host_port_leads_to_its_pod_from_everywhere(
    outside: str, machine: Host, network: NodeNetwork, netns: MakeNetns, bridge_calls_iptables: str
) -> None:
    switch = "/proc/sys/net/bridge/bridge-nf-call-iptables"
    if Path(switch).exists():
        in_netns(machine.netns, "sh", "-c", f"echo {bridge_calls_iptables} > {switch}")
    await network.start()
    paths = netns(), netns()
    (ip,) = await network.attach("web", paths[0], Config((Port(8080),)))
    (other_ip,) = await network.attach("other", paths[1], Config())
    web, other = Host(paths[0], "", Path()), Host(paths[1], "", Path())
    node = "198.51.100.2"
    assert await caller_seen(web, Host(outside, "", Path()), node, 8080) == "198.51.100.1"
    assert await caller_seen(web, machine, node, 8080) in (node, network.gateway)
    assert await caller_seen(web, machine, "127.0.0.1", 8080) == network.gateway
    assert await caller_seen(web, other, node, 8080) == network.gateway
    assert await caller_seen(web, web, node, 8080) == network.gateway
    assert await caller_seen(web, other, ip, 80) == other_ip
    await network.detach("web")
    assert await refusal(machine, node, 8080) == errno.ECONNREFUSED


async def test_a_host_port_of_one_address_is_not_open_on_others(
    machine: Host, outside: str, network: NodeNetwork, netns: MakeNetns
) -> None:
    await network.start()
    path = netns()
    await network.attach("web", path, Config((Port(8080, host_ip="198.51.100.2"),)))
    web = Host(path, "", Path())
    assert await caller_seen(web, Host(outside, "", Path()), "198.51.100.2", 8080) == "198.51.100.1"
    assert await refusal(machine, "127.0.0.1", 8080) == errno.ECONNREFUSED


async def test_pods_do_not_reach_what_listens_on_the_nodes_loopback(
    add_pod: AddPod, machine: Host, started: NodeNetwork
) -> None:
    pod = await add_pod("pod")
    in_netns(pod.netns, "ip", "route", "add", "127.5.5.5/32", "via", started.gateway)
    in_netns(pod.netns, "ip", "route", "del", "local", "127.0.0.0/8", "dev", "lo", "table", "local")
    in_netns(pod.netns, "ip", "route", "del", "local", "127.0.0.1", "dev", "lo", "table", "local")
    with machine.listen("127.5.5.5", 80):
        loop = asyncio.get_running_loop()
        with pod.host.socket() as calling:
            calling.bind((pod.ip, 0))
            with pytest.raises((TimeoutError, OSError)):
                async with asyncio.timeout(0.5):
                    await loop.sock_connect(calling, ("127.5.5.5", 80))


async def test_a_host_port_that_another_pod_has_is_refused_and_nothing_stays(
    add_pod: AddPod, started: NodeNetwork, machine: Host
) -> None:
    await add_pod("first", Port(8080))
    with pytest.raises(PortTaken, match="hostPort 8080/tcp"):
        await add_pod("second", Port(9090), Port(8080))
    assert await started.addresses("second") == ()
    assert "9090" not in in_netns(machine.netns, "nft", "list", "ruleset")
    await started.detach("first")
    await add_pod("third", Port(8080))


async def test_detaching_is_idempotent_even_without_the_namespace(
    netns: MakeNetns, started: NodeNetwork
) -> None:
    path = netns()
    await started.attach("pod", path, Config())
    remove_netns(Path(path))
    await started.detach("pod")
    await started.detach("pod")
    await started.detach("never-there")
    assert await started.addresses("pod") == ()


async def test_an_address_is_not_given_again_while_its_link_exists(
    machine: Host, names: Names, netns: MakeNetns, network: NodeNetwork
) -> None:
    small = NodeNetwork(machine, names, ranges=Ranges("10.42.0.0/30", "10.42.0.0/16", "10.43.0.0/16"))
    await small.start()
    try:
        paths = netns(), netns(), netns()
        (first,) = await small.attach("one", paths[0], Config())
        with pytest.raises(AddressesExhausted):
            await small.attach("two", paths[1], Config())
        await small.detach("one")
        assert await small.attach("three", paths[2], Config()) == (first,)
        assert "eth0" not in in_netns(paths[0], "ip", "link")
    finally:
        await small.destroy()


async def test_a_failed_attach_leaves_nothing(netns: MakeNetns, started: NodeNetwork, machine: Host) -> None:
    before = in_netns(machine.netns, "ip", "-br", "link")
    with pytest.raises(NetworkFault, match="no-such"):
        await started.attach("pod", "/no-such/netns", Config())
    occupied = netns()
    in_netns(occupied, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "x0")
    with pytest.raises(NetworkFault, match="File exists"):
        await started.attach("pod", occupied, Config())
    assert in_netns(machine.netns, "ip", "-br", "link") == before
    assert started.statistics().used == 0
    with pytest.raises(NotSupported, match="bandwidth"):
        await started.attach("pod", netns(), Config(ingress_rate=1000))


async def test_a_cancelled_attach_leaves_nothing(netns: MakeNetns, started: NodeNetwork) -> None:
    path = netns()
    attaching = asyncio.create_task(started.attach("pod", path, Config((Port(8080),))))
    await asyncio.sleep(0)
    attaching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attaching
    assert await started.addresses("pod") == ()
    await started.attach("other", netns(), Config((Port(8080),)))


async def test_a_new_process_adopts_pods_with_addresses_and_host_ports(
    add_pod: AddPod, started: NodeNetwork, machine: Host, names: Names, ranges: Ranges, netns: MakeNetns
) -> None:
    pod = await add_pod("web", Port(8080))
    gone = await add_pod("gone", Port(8081))
    await started.detach(gone.id)
    await started.close()
    later = NodeNetwork(machine, names, ranges=ranges)
    await later.start()
    try:
        assert await later.addresses("web") == (pod.ip,)
        assert await later.addresses("gone") == ()
        assert await later.attach("new", netns(), Config()) != (pod.ip,)
        assert await caller_seen(pod.host, machine, "127.0.0.1", 8080) == later.gateway
        await later.detach("web")
        assert "8080" not in in_netns(machine.netns, "nft", "list", "ruleset")
    finally:
        await later.close()


async def test_destroying_leaves_no_trace_and_touches_nothing_else(
    add_pod: AddPod, network: NodeNetwork, machine: Host
) -> None:
    in_netns(machine.netns, "nft", "add table ip of-somebody-else")
    await add_pod("pod", Port(8080))
    await network.destroy()
    await network.destroy()
    assert in_netns(machine.netns, "ip", "-br", "link").split()[0] == "lo"
    assert len(in_netns(machine.netns, "ip", "-br", "link").splitlines()) == 1
    assert in_netns(machine.netns, "ip", "route") == ""
    assert in_netns(machine.netns, "nft", "list", "tables") == "table ip of-somebody-else\n"
    assert not any((machine.state_dir / "network" / "ports").iterdir())


@pytest.mark.parametrize("taken", ["10.42.9.0/24", "10.43.0.0/16"])
@pytest.mark.usefixtures("outside")
async def test_ranges_that_the_machine_uses_are_refused(
    machine: Host, network: NodeNetwork, taken: str
) -> None:
    in_netns(machine.netns, "ip", "route", "add", taken, "via", "198.51.100.1")
    with pytest.raises(RangeInUse, match=f"this machine routes {taken} to interface up0"):
        await network.start()
    assert "bridge" not in in_netns(machine.netns, "ip", "-d", "link")


async def test_two_nodes_on_one_machine_do_not_meet(
    started: NodeNetwork, add_pod: AddPod, machine: Host, netns: MakeNetns
) -> None:
    other = NodeNetwork(
        machine, Names("other", "n"), ranges=Ranges("10.52.0.0/24", "10.52.0.0/16", "10.53.0.0/16")
    )
    await other.start()
    try:
        pod = await add_pod("pod")
        await other.attach("pod", netns(), Config())
        await other.destroy()
        assert await refusal(machine, pod.ip) == errno.ECONNREFUSED
    finally:
        await other.destroy()


async def test_thirty_pods_at_once_get_thirty_addresses(
    netns: MakeNetns, started: NodeNetwork, machine: Host
) -> None:
    paths = [netns() for _ in range(30)]
    given = await asyncio.gather(
        *(started.attach(f"pod-{number}", path, Config()) for number, path in enumerate(paths))
    )
    assert len(set(given)) == 30
    refusals = await asyncio.gather(*(refusal(machine, ip) for (ip,) in given))
    assert set(refusals) == {errno.ECONNREFUSED}
    await asyncio.gather(*(started.detach(f"pod-{number}") for number in range(30)))


async def test_a_nodes_sockets_belong_to_its_namespace(machine: Host, outside: str) -> None:
    assert machine.address() == "198.51.100.2"
    with machine.listen("198.51.100.2", 0) as listening:
        assert listening.getsockname()[0] == "198.51.100.2"
    with pytest.raises(OSError, match=r"198\.51\.100\.2"):
        Host("", "", Path()).listen("198.51.100.2", 0)


async def test_the_probe_finds_all_that_is_needed_here(machine: Host) -> None:
    findings = await probe(machine)
    assert [finding for finding in findings if not finding.ok] == []


async def test_the_probe_tells_who_drops_forwarded_packets(machine: Host) -> None:
    in_netns(machine.netns, "nft", "add table ip strict")
    in_netns(
        machine.netns, "nft", "add chain ip strict gate { type filter hook forward priority 0; policy drop; }"
    )
    (finding,) = [finding for finding in await probe(machine) if not finding.ok]
    assert not finding.required
    assert "ip strict gate" in finding.detail
