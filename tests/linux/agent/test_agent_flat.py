"""Pods that come and go leave nothing: no file, mount, control group, task or descriptor, and no memory."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest
from real_world import SLEEP, RealWorld, is_ready, sh

from podling.api.types import core_v1

AT_ONCE = 10
PARTS = ("podling.agent", "podling.runtime", "podling.network")


@dataclass(frozen=True)
class Holding:
    """What the agent's process and node hold while there is no Pod."""

    descriptors: int
    mounts: int
    groups: int
    files: int
    tasks: int

    def exceeds(self, other: Holding) -> bool:
        return any(mine > theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True))


def holding(world: RealWorld) -> Holding:
    root = world.host.state_dir
    return Holding(
        descriptors=len(os.listdir("/proc/self/fd")),
        mounts=Path("/proc/self/mountinfo").read_text().count(str(root)),
        groups=sum(len(dirs) for _, dirs, _ in os.walk(Path("/sys/fs/cgroup/memory", world.host.cgroup))),
        files=sum(len(dirs) + len(files) for _, dirs, files in os.walk(root)),
        tasks=len(asyncio.all_tasks()),
    )


def objects() -> Counter[str]:
    """What the agent and what it stands on have in memory.  The API server, here in the same process, keeps Events."""
    gc.collect()
    names = (f"{type(one).__module__}.{type(one).__name__}" for one in gc.get_objects() if has_module(one))
    return Counter(name for name in names if name.startswith(PARTS))


def has_module(one: object) -> bool:
    return isinstance(getattr(type(one), "__module__", None), str)


async def cycle(world: RealWorld, *, times: int) -> None:
    """Pods of every sort of volume and container, ``AT_ONCE`` at a time, from creation to the end of the last trace."""
    assert world.agent is not None
    volumes = [{"name": "cache", "emptyDir": {}}, {"name": "fast", "emptyDir": {"medium": "Memory"}}]
    mounts = [{"name": one["name"], "mountPath": f"/{one['name']}"} for one in volumes]
    first = sh("echo first", name="first")
    main = sh(SLEEP, volumeMounts=mounts, resources={"requests": {"cpu": "1m"}, "limits": {"memory": "32Mi"}})

    async def one(name: str) -> None:
        await world.create(name, main, initContainers=[first], volumes=volumes)
        pod = await world.until(name, is_ready)
        worker = next(one for one in world.agent.pods.workers() if one.memory.uid == pod.metadata.uid)
        await world.pods.delete(name, namespace="default", grace_period_seconds=1)
        await worker.wait_gone()

    for _ in range(0, times, AT_ONCE):
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(one(f"pod-{number}"))
    await world.agent.kit.recorder.wait_written()
    left = (await world.client.resource(core_v1.Pod).list()).items
    assert not left


async def stays_flat(world: RealWorld, *, times: int) -> None:
    await cycle(world, times=AT_ONCE)
    before, known = holding(world), objects()

    def leaked() -> dict[str, int]:
        """What there is more of, by at least one for each round of Pods: looks at the node every now and then are not."""
        return {name: count for name, count in (objects() - known).items() if count >= times // AT_ONCE}

    await cycle(world, times=times)
    try:  # what is just about to end, such as a write of the Node, may do so
        async with asyncio.timeout(60):
            while holding(world).exceeds(before) or leaked():  # noqa: ASYNC110 - nobody tells of an end
                await asyncio.sleep(0.1)
    except TimeoutError:
        assert leaked() == {}
        assert holding(world) == before


async def test_fifty_pods_leave_nothing(world: RealWorld):
    await stays_flat(world, times=50)


@pytest.mark.long
async def test_a_thousand_pods_leave_nothing(world: RealWorld):
    await stays_flat(world, times=1000)
