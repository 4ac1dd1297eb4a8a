from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from process_world import World, world

from podling.runtime.process import Mode, probe


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may pass through, as pytest's own are not."""
    with TemporaryDirectory(prefix="podling-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(params=list(Mode), ids=lambda mode: mode.value)
async def here(request: pytest.FixtureRequest, open_folder: Path) -> AsyncIterator[World]:
    """A process runtime in each of the three ways that this machine allows."""
    mode: Mode = request.param
    if mode is Mode.CHROOT and os.geteuid() != 0:
        pytest.skip("needs root: chroot")
    if mode is Mode.NAMESPACES and (await probe()).mode is not Mode.NAMESPACES:
        pytest.skip("this machine allows no user namespaces")
    async with world(open_folder, mode) as made:
        assert made.runtime.isolation.mode is mode
        yield made
