"""The process runtime keeps the interface's promises, in each of its ways of isolation."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from process_world import world as process_world

from podling.runtime.interface import Runtime
from podling.runtime.process import Mode, probe
from podling.testing.runtime_suite import ShellSuite, World

pytestmark = pytest.mark.linux


@asynccontextmanager
async def suite_world(folder: Path, mode: Mode, volumes: Path) -> AsyncIterator[World]:
    async with process_world(folder, mode, owned=volumes) as here:

        async def restart(meanwhile: Callable[[], Awaitable[None]]) -> Runtime:
            await here.runtime.close()
            await meanwhile()
            here.runtime = here.new_runtime()
            await here.runtime.start()
            return here.runtime

        yield World(runtime=here.runtime, image=here.busybox, logs=folder / "logs", restart=restart)


class TestNamespaces(ShellSuite):
    lacks = frozenset({"network", "tty_name"})

    @pytest.fixture
    async def world(self, open_folder: Path, tmp_path: Path) -> AsyncIterator[World]:
        if (await probe()).mode is not Mode.NAMESPACES:
            pytest.skip("this machine allows no user namespaces")
        async with suite_world(open_folder, Mode.NAMESPACES, tmp_path) as made:
            yield made


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: chroot")
class TestChroot(ShellSuite):
    lacks = frozenset({"network", "tty_name", "readonly_mounts", "readonly_rootfs"})

    @pytest.fixture
    async def world(self, open_folder: Path, tmp_path: Path) -> AsyncIterator[World]:
        async with suite_world(open_folder, Mode.CHROOT, tmp_path) as made:
            yield made


class TestPlain(ShellSuite):
    lacks = frozenset({"network", "workdir", "rootfs", "readonly_mounts", "readonly_rootfs"})

    @pytest.fixture
    async def world(self, open_folder: Path, tmp_path: Path) -> AsyncIterator[World]:
        async with suite_world(open_folder, Mode.PLAIN, tmp_path) as made:
            yield made
