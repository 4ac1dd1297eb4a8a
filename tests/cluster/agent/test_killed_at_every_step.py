"""The agent is killed at every step of a Pod's life; the next one takes over what it finds, and nothing is done twice or left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from agent_world import AgentWorld, container, phase

from podling.api import errors
from podling.api.types import core_v1
from podling.runtime.interface import ContainerState
from podling.testing.mortality import Fate
from podling.testing.virtualtime import virtual

SIMULATED = "simulated.podling.dev"
SOON = 60.0
"""Seconds of virtual time within which everything must have happened."""
NAMES = ("prepare", "proxy", "main", "second")
HOOK = {"exec": {"command": ["true"]}}
IMAGE = {"image": "busybox:1"}
RICH: dict[str, Any] = {
    "annotations": {f"{SIMULATED}/lasts.prepare": "1", f"{SIMULATED}/term-seconds": "2"},
    "initContainers": [
        {"name": "prepare", **IMAGE},
        {"name": "proxy", **IMAGE, "restartPolicy": "Always"},
    ],
    "volumes": [{"name": "scratch", "emptyDir": {}}, {"name": "conf", "configMap": {"name": "conf"}}],
}
CONTAINERS = (
    {
        "name": "main",
        **IMAGE,
        "lifecycle": {"postStart": HOOK, "preStop": HOOK},
        "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in ("scratch", "conf")],
    },
    {"name": "second", **IMAGE},
)


async def see(world: AgentWorld, fate: Fate, wanted: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Wait for what is wanted of the agent; should it die before, take it away, start another and wait for that one."""
    assert world.agent is not None
    if not fate.died.is_set():
        goal, death = (asyncio.create_task(one) for one in (wanted(), fate.died.wait()))
        await asyncio.wait([goal, death], return_when=asyncio.FIRST_COMPLETED)
        goal.cancel()
        death.cancel()
        await asyncio.wait([goal, death])
        if fate.died.is_set():
            fate.bury()
            await world.agent.stop()
            await world.start_agent()
    await wanted()


def assert_nothing_left(world: AgentWorld) -> None:
    assert not world.machine.sandboxes
    assert not world.machine.lives
    assert not world.network.given
    assert not [*(world.folder / "pods").iterdir()]
    assert not [*(world.folder / "log" / "pods").iterdir()]


async def gone(world: AgentWorld, name: str, grace: int) -> None:
    """Have the Pod deleted, if it is there still, and wait until nothing of it is left."""
    with suppress(errors.NotFound):
        await world.pods.delete(name, namespace="default", grace_period_seconds=grace)
    await world.until_gone(name, seconds=SOON)
    assert world.agent is not None
    for worker in [*world.agent.pods.workers()]:
        await worker.wait_gone()


async def finished(world: AgentWorld, name: str) -> None:
    await world.until(name, phase("Failed"), seconds=SOON)
    assert world.agent is not None
    worker = world.agent.pods.find("default", name)
    assert worker is not None
    await worker.wait_idle()


async def lives(world: AgentWorld, *, unheard: bool) -> AsyncIterator[tuple[str, Fate]]:
    """A name and a fate for one Pod after the other: the agent of each dies one step later, until one outlives its Pod."""
    for steps in count(1):
        assert world.agent is not None
        await world.agent.stop()
        fate = Fate(steps, unheard=unheard)
        await world.start_agent(fate)
        yield f"pod-{steps}", fate
        assert_nothing_left(world)
        if not fate.died.is_set():
            return


BEFORE = pytest.param(False, id="before", marks=pytest.mark.long)
AFTER = pytest.param(True, id="after")


@pytest.mark.parametrize("unheard", [BEFORE, AFTER])
@virtual
async def test_pod_lives_and_ends_as_if_nothing_had_been(tmp_path: Path, unheard: bool):
    async with AgentWorld(tmp_path) as world:
        await world.make(core_v1.ConfigMap, "conf", data={"a": "1"})
        async for name, fate in lives(world, unheard=unheard):
            await world.create(name, *CONTAINERS, **RICH)
            await see(world, fate, lambda name=name: world.until_ready(name, seconds=SOON))
            pod = await world.get(name)
            made = Counter(life.status.name for life in world.machine.lives.values())
            assert made == dict.fromkeys(NAMES, 1), f"killed at {fate.last}: nothing is made twice"
            assert [container(pod, each).restart_count for each in NAMES] == [0, 0, 0, 0]
            await see(world, fate, lambda name=name: gone(world, name, 10))
        assert fate.taken >= 20, "sandbox, four containers, hooks, statuses, and the way back"


@pytest.mark.parametrize("unheard", [False, True], ids=["before", "after"])
@virtual
async def test_run_once_pod_runs_once(tmp_path: Path, unheard: bool):
    notes = {f"{SIMULATED}/lasts": "1", f"{SIMULATED}/exit-codes": "4"}
    async with AgentWorld(tmp_path) as world:
        async for name, fate in lives(world, unheard=unheard):
            await world.create(name, annotations=notes, restartPolicy="Never")
            await see(world, fate, lambda name=name: finished(world, name))
            pod = await world.get(name)
            (life,) = world.machine.lives.values()
            assert life.status.state is ContainerState.EXITED
            assert container(pod).state.terminated.exit_code == 4
            assert container(pod).container_id == f"simulated://{life.status.id}"
            assert not world.network.given
            await see(world, fate, lambda name=name: gone(world, name, 0))
        assert fate.taken >= 6, "sandbox, container, statuses, and the way back"
