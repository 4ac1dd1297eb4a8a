"""The OCI runtime keeps the interface's promises, with crun and with runc."""

import pytest
from oci_world import Machine

from podling.testing.runtime_suite import ShellSuite


class TestCrun(ShellSuite):
    @pytest.fixture
    async def world(self, tmp_path):
        async with Machine(tmp_path).world() as world:
            yield world


class TestRunc(ShellSuite):
    lacks = frozenset({"background"})  # runc itself waits until nobody holds the pipes

    @pytest.fixture
    async def world(self, tmp_path):
        async with Machine(tmp_path, runtime="runc").world() as world:
            yield world
