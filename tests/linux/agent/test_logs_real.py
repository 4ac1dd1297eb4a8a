"""A container that writes thousands of lines a second: its log stays bounded on the disk, and who follows it misses nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from real_world import RealWorld, sh

from podling.agent.logs import rotate
from podling.agent.logs.reader import LogOptions, read
from podling.agent.paths import Paths

SIZE = 256 << 10
FILES = 3
pytestmark = pytest.mark.linux


BURSTS, LINES = 6, 8000
SCRIPT = f"""
for burst in $(seq {BURSTS}); do
  awk -v b=$burst 'BEGIN {{ for (n = 1; n <= {LINES}; n++) print "line " b " " n }}'
  sleep 0.5
done
echo the end
exec sleep 1000000
"""


async def test_rotation_bounds_the_disk_and_loses_no_line(netns, tmp_path, image_folder, monkeypatch):
    monkeypatch.setattr(rotate, "INTERVAL_SECONDS", rotate.HURRY_SECONDS)
    settings = {"log_bytes": SIZE, "log_files": FILES}
    async with RealWorld(tmp_path, netns=netns, images=image_folder, **settings) as world:
        pod = await world.create("web", sh(SCRIPT), terminationGracePeriodSeconds=0)
        await world.until("web", lambda pod: pod.status.phase == "Running")
        path = Paths(world.host.state_dir).log(pod, "main", 0)
        lines, most = await followed(path)
        wanted = [f"line {burst} {line}" for burst in range(1, BURSTS + 1) for line in range(1, LINES + 1)]
        assert lines == [*wanted, "the end"]
        assert rotated(path)
        assert most <= FILES + 1  # the oldest goes when the newest has been put aside


async def followed(path: Path) -> tuple[list[str], int]:
    """All lines up to the last one, and the most files that there were meanwhile."""
    text, most = b"", 0
    async with asyncio.timeout(60):
        async for block in read(path, LogOptions(follow=True), wait_ended=asyncio.Event().wait):
            text += block
            most = max(most, 1 + len({file.name.removesuffix(".gz") for file in rotated(path)}))
            if text.endswith(b"the end\n"):
                return text.decode().splitlines(), most
    raise AssertionError("the log ended")


def rotated(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.*"))
