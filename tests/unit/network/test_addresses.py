import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from podling.network.addresses import AddressNetwork, LoopbackNetwork, loopback_range
from podling.network.errors import NotSupported
from podling.network.naming import Names


@dataclass(frozen=True)
class Port:
    protocol: str = "TCP"
    container_port: int = 80
    host_port: int = 80
    host_ip: str = ""


@dataclass(frozen=True)
class Config:
    port_mappings: tuple[Port, ...] = ()
    ingress_rate: int | None = None
    egress_rate: int | None = None


async def test_simulated_pods_get_addresses_and_give_them_back() -> None:
    network = AddressNetwork("10.42.0.0/30")
    assert await network.attach("a", "", Config()) == ("10.42.0.2",)
    assert await network.addresses("a") == ("10.42.0.2",)
    await network.detach("a")
    await network.detach("a")
    assert await network.addresses("a") == ()
    assert await network.attach("b", "", Config()) == ("10.42.0.2",)


def test_each_node_has_loopback_addresses_of_its_own() -> None:
    ranges = {loopback_range(Names(cluster, "n")) for cluster in ("a", "b", "c", "d")}
    assert len(ranges) == 4
    assert all(cidr.startswith("127.42.") and cidr.endswith(".0/24") for cidr in ranges)


async def test_a_restarted_node_finds_the_addresses_again(tmp_path: Path) -> None:
    first = LoopbackNetwork("127.42.7.0/24", folder=tmp_path / "addresses")
    await first.start()
    given = await first.attach("a", "", Config())
    second = LoopbackNetwork("127.42.7.0/24", folder=tmp_path / "addresses")
    await second.start()
    assert await second.addresses("a") == given
    assert await second.attach("b", "", Config()) != given
    await second.detach("a")
    await second.destroy()
    await second.destroy()
    assert list((tmp_path / "addresses").iterdir()) == []


async def test_an_address_that_something_listens_on_is_passed_over(tmp_path: Path) -> None:
    network = LoopbackNetwork("127.42.9.0/24", folder=tmp_path)
    await network.start()
    with socket.create_server(("127.42.9.2", 0)):
        assert await network.attach("a", "", Config()) == ("127.42.9.3",)
    assert network.statistics().used == 1


async def test_a_host_port_must_be_the_containers_own(tmp_path: Path) -> None:
    network = LoopbackNetwork("127.42.9.0/24", folder=tmp_path)
    await network.start()
    await network.attach("same", "", Config((Port(),)))
    with pytest.raises(NotSupported, match="cannot forward hostPort 8080 to 80"):
        await network.attach("other", "", Config((Port(host_port=8080),)))
    assert await network.addresses("other") == ()
