"""Images that no Pod needs go when the disk is full, in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from podling.agent.imagegc.collector import PERIOD_SECONDS, GarbageFault, ImageGarbage
from podling.agent.imagegc.decision import Disk, Policy
from podling.agent.imagepull.records import PullRecords
from podling.aio.clock import LoopClock
from podling.runtime.interface import ImageFault
from podling.runtime.simulated import SimulatedImages
from podling.runtime.simulated.images import SIZE
from podling.testing.virtualtime import virtual

EPOCH = 1_700_000_000.0
NAMES = ("docker.io/library/a:1", "docker.io/library/b:1", "docker.io/library/c:1")


class _Images(SimulatedImages):
    """``stuck``: images that cannot be removed, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck: set[str] = set()

    async def remove(self, reference: str) -> None:
        found = await self.resolve(reference)
        if found is not None and not self.stuck.isdisjoint(found.repo_tags):
            raise ImageFault(f"cannot remove image {found.repo_tags[0]}: container x uses it")
        await super().remove(reference)


@dataclass
class Node:
    """A disk of ten images' size, and what its images are doing there."""

    folder: Path
    policy: Policy
    images: _Images = field(default_factory=_Images)
    used: set[str] = field(default_factory=set)
    told: list[tuple[str, str]] = field(default_factory=list)
    other_bytes: int = 6 * SIZE
    changes: int = 0

    def collector(self) -> ImageGarbage:
        records = PullRecords(self.folder)
        records.open([])
        return ImageGarbage(
            self.images,
            self.policy,
            records=records,
            disk=lambda: Disk(10 * SIZE, 10 * SIZE - self.other_bytes - SIZE * len(self.images._present)),
            used=lambda: self.used,
            tell=lambda reason, message: self.told.append((reason, message)),
            on_removed=self._changed,
            clock=LoopClock(EPOCH),
        )

    def _changed(self) -> None:
        self.changes += 1

    async def names(self) -> list[str]:
        return sorted(image.repo_tags[0] for image in await self.images.list())


async def node(folder: Path, **policy: float) -> Node:
    made = Node(folder, Policy(**{"min_age": 0, **policy}))  # type: ignore[arg-type]
    for name in NAMES:
        await made.images.resolve(name)
    return made


@virtual
async def test_only_as_many_go_as_are_needed(tmp_path: Path):
    world = await node(tmp_path)  # 90 % full, to be 80 %
    await world.collector().collect()
    assert len(await world.names()) == 2
    assert world.changes == 1
    assert world.told == []


@virtual
async def test_below_the_threshold_all_stay(tmp_path: Path):
    world = await node(tmp_path)
    world.other_bytes = 5 * SIZE
    await world.collector().collect()
    assert await world.names() == sorted(NAMES)
    assert world.changes == 0


@virtual
async def test_used_ones_stay_and_it_is_told_that_too_little_could_be_freed(tmp_path: Path):
    world = await node(tmp_path)
    world.used = {NAMES[0], NAMES[2]}
    world.other_bytes = 7 * SIZE
    with pytest.raises(GarbageFault):
        await world.collector().collect()
    assert await world.names() == [NAMES[0], NAMES[2]]
    said = (
        f"Failed to garbage collect required amount of images. Attempted to free {2 * SIZE} bytes, "
        f"but only found {SIZE} bytes eligible to free."
    )
    assert world.told == [("FreeDiskSpaceFailed", said)]


@virtual
async def test_what_came_a_moment_ago_stays_for_two_minutes(tmp_path: Path):
    world = await node(tmp_path, min_age=Policy().min_age)
    world.used = set(NAMES)
    collector = world.collector()
    await world.images.resolve("new:1")
    for seconds, present in ((0, True), (119, True), (1, False)):
        await asyncio.sleep(seconds)
        with suppress(GarbageFault):
            await collector.collect()
        assert ("docker.io/library/new:1" in await world.names()) is present


@virtual
async def test_long_unused_ones_go_though_there_is_room(tmp_path: Path):
    world = await node(tmp_path, max_age=3600)
    world.other_bytes = 0
    world.used = {NAMES[0]}
    running = asyncio.create_task(world.collector().run())
    await asyncio.sleep(3600)
    assert await world.names() == sorted(NAMES)
    await asyncio.sleep(PERIOD_SECONDS + 1)
    assert await world.names() == [NAMES[0]]
    await cancel(running)


@virtual
async def test_second_failure_in_a_row_is_an_event(tmp_path: Path):
    world = await node(tmp_path, high_percent=50, low_percent=0)
    world.images.stuck = {NAMES[1]}
    running = asyncio.create_task(world.collector().run())
    await asyncio.sleep(1)
    assert await world.names() == [NAMES[1]]
    assert world.told == []
    await asyncio.sleep(PERIOD_SECONDS)
    wanted = f"removed 0 bytes of images, with errors: cannot remove image {NAMES[1]}: container x uses it"
    assert world.told == [("ImageGCFailed", wanted)]
    await cancel(running)


@virtual
async def test_all_unused_go_when_they_are_asked_for(tmp_path: Path):
    world = await node(tmp_path, high_percent=100)
    world.used = {NAMES[1]}
    assert await world.collector().remove_unused() == 2 * SIZE
    assert await world.names() == [NAMES[1]]


async def cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
