"""containerd keeps the runtime interface's promises, driven over CRI."""

import pytest
from cri_world import Node

from podling.testing.runtime_suite import ShellSuite


@pytest.mark.linux
class TestContainerd(ShellSuite):
    lacks = frozenset({"background"})  # containerd waits until nobody holds the pipes, as runc does
    on_the_way = 80  # containerd answers over TCP, whose send buffer is its own

    @pytest.fixture
    async def world(self, tmp_path, containerd):
        async with Node(tmp_path, containerd, cni=containerd.cni).world() as world:
            yield world
