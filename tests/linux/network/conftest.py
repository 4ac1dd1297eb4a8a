"""Throw-away network namespaces: a "machine" with an outward link, and sandboxes on it.

Nothing here touches the namespace that the tests run in; every name carries a random part and goes with the fixture.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from netns_tools import in_netns, make_netns, remove_netns

from podling.network.bridge import NodeNetwork, Ranges
from podling.network.host import Host
from podling.network.naming import Names


@pytest.fixture
def netns(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Make network namespaces; they are gone after the test."""
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces")
    made: list[Path] = []

    def make() -> str:
        path = tmp_path / f"netns-{secrets.token_hex(4)}"
        made.append(path)
        make_netns(path)
        return str(path)

    yield make
    for path in made:
        remove_netns(path)


@pytest.fixture
def machine(netns: Callable[[], str], tmp_path: Path) -> Host:
    """A machine of its own: loopback up and a link ``up0`` of MTU 1400 towards 198.51.100.1, which is ``outside``."""
    path = netns()
    in_netns(path, "ip", "link", "set", "lo", "up")
    return Host(path, "unused", tmp_path / "node")


@pytest.fixture
def outside(netns: Callable[[], str], machine: Host) -> str:
    """Another machine, 198.51.100.1, reached from ``machine`` (198.51.100.2) over its default route."""
    path = netns()
    with open(path) as far:
        subprocess.run(
            ["nsenter", f"--net={machine.netns}", "ip", "link", "add", "up0", "mtu", "1400", "type", "veth",
             "peer", "name", "far0", "mtu", "1400", "netns", f"/proc/self/fd/{far.fileno()}"],
            check=True, pass_fds=(far.fileno(),),
        )  # fmt: skip
    in_netns(path, "ip", "address", "add", "198.51.100.1/24", "dev", "far0")
    in_netns(path, "ip", "link", "set", "far0", "up")
    in_netns(path, "ip", "link", "set", "lo", "up")
    in_netns(machine.netns, "ip", "address", "add", "198.51.100.2/24", "dev", "up0")
    in_netns(machine.netns, "ip", "link", "set", "up0", "up")
    in_netns(machine.netns, "ip", "route", "add", "default", "via", "198.51.100.1")
    return path


@pytest.fixture
def names() -> Names:
    return Names(f"test-{secrets.token_hex(4)}", "node-1")


@pytest.fixture
def ranges() -> Ranges:
    return Ranges(pods="10.42.0.0/24", cluster="10.42.0.0/16", services="10.43.0.0/16")


@pytest.fixture
def network(machine: Host, names: Names, ranges: Ranges) -> NodeNetwork:
    return NodeNetwork(machine, names, ranges=ranges)
