"""A real world for each test, and a check that it leaves nothing behind."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from real_netns import make_netns, remove_netns
from real_world import RealWorld


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One image store for all tests, as there is one for all clusters of a machine."""
    return tmp_path_factory.mktemp("images")


@pytest.fixture
def netns(tmp_path: Path) -> Iterator[str]:
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups")
    path = tmp_path / f"netns-{secrets.token_hex(4)}"
    make_netns(path)
    yield str(path)
    remove_netns(path)


@pytest.fixture
async def world(netns: str, tmp_path: Path, image_folder: Path) -> AsyncIterator[RealWorld]:
    made = RealWorld(tmp_path, netns=netns, images=image_folder)
    async with made:
        yield made
    left = [
        line
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if str(made.host.state_dir) in line
    ]
    assert not left
    assert not [*Path("/sys/fs/cgroup").glob(f"*/podling/{made.name}")]
