"""Pods that come and go leave nothing: no file, mount, control group, task or descriptor, and no memory."""

from __future__ import annotations

import asyncio
import gc
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from real_world import SLEEP, RealWorld, is_ready, sh

from podling.api.types import core_v1

AT_ONCE = 10
GROWTH_MB = 12
"""What a thousand cycles may add to resident memory: allocators keep some of what a burst needed."""


@dataclass(frozen=True)
class Holding:
    """What the agent's process and node hold while there is no Pod."""

    descriptors: int
    mounts: int
    groups: int
    files: int
    tasks: int


def holding(world: RealWorld) -> Holding:
    root = world.host.state_dir
    return Holding(
        descriptors=len(os.listdir("/proc/self/fd")),
        mounts=Path("/proc/self/mountinfo").read_text().count(str(root)),
        groups=sum(len(dirs) for _, dirs, _ in os.walk(Path("/sys/fs/cgroup/memory", world.host.cgroup))),
        files=sum(len(dirs) + len(files) for _, dirs, files in os.walk(root)),
        tasks=len(asyncio.all_tasks()),
    )


def resident_mb() -> float:
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 1024


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


async def test_fifty_pods_leave_nothing(world: RealWorld):
    await cycle(world, times=AT_ONCE)
    before = holding(world)
    await cycle(world, times=50)
    assert holding(world) == before


@pytest.mark.long
async def test_a_thousand_pods_leave_nothing_and_no_memory(world: RealWorld):
    await cycle(world, times=100)
    before, used = holding(world), resident_mb()
    await cycle(world, times=1000)
    assert holding(world) == before
    assert resident_mb() - used < GROWTH_MB
