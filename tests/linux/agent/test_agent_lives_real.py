"""Agents that die among real containers, and static Pods: what the simulated machine shows in full, in short."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import count
from pathlib import Path

import msgspec
import pytest
from real_world import NODE, SLEEP, RealWorld, is_ready, sh

from podling.agent.staticpods import folder
from podling.api import errors
from podling.api.types import core_v1
from podling.testing.mortality import Fate

NAME = f"web-{NODE}"
SECONDS = 60.0


def status(pod: core_v1.Pod, name: str = "main") -> core_v1.ContainerStatus:
    known = [*(pod.status.container_statuses or []), *(pod.status.init_container_statuses or [])]
    return next(one for one in known if one.name == name)


async def ready(world: RealWorld, name: str) -> None:
    await world.until_ready(name)


async def gone(world: RealWorld, name: str) -> None:
    with contextlib.suppress(errors.NotFound):
        await world.pods.delete(name, namespace="default", grace_period_seconds=5)
    await world.until_gone(name)
    for worker in [*world.agent.pods.workers()]:
        await worker.wait_gone()


async def see(world: RealWorld, fate: Fate, wanted: object, name: str) -> None:
    """Wait for it; if the agent dies before, have another take its place and wait for that one."""
    if not fate.died.is_set():
        goal, death = asyncio.create_task(wanted(world, name)), asyncio.create_task(fate.died.wait())
        await asyncio.wait([goal, death], return_when=asyncio.FIRST_COMPLETED)
        for task in (goal, death):
            task.cancel()
        await asyncio.wait([goal, death])
        if fate.died.is_set():
            fate.bury()
            await world.agent.stop()
            await world.start_agent()
    await wanted(world, name)


def conmons(world: RealWorld) -> list[str]:
    """Command lines of what holds this world's containers."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if "conmon" in line and str(world.host.state_dir) in line]


async def test_agent_killed_after_every_step_of_the_runtime(world: RealWorld):
    """Each step has its effect, but its answer is never heard."""
    main = sh(SLEEP)
    init = sh("true") | {"name": "prepare"}
    for steps in count(1):
        name = f"pod-{steps}"
        await world.agent.stop()
        fate = Fate(steps, unheard=True)
        await world.start_agent(fate)
        await world.create(name, main, initContainers=[init], volumes=[{"name": "v", "emptyDir": {}}])
        await see(world, fate, ready, name)
        pod = await world.get(name)
        made = await world.agent.runtime.list_containers()
        assert sorted(record.name for record in made) == ["main", "prepare"], f"killed at {fate.last}"
        assert [status(pod, one).restart_count for one in ("prepare", "main")] == [0, 0]
        await see(world, fate, gone, name)
        assert await world.agent.runtime.list_sandboxes() == []
        assert not conmons(world)
        assert not [*(world.host.state_dir / "pods").iterdir()]
        if not fate.died.is_set():
            break
    assert steps > 8, "sandbox, two containers, and the way back"


async def test_static_pod_comes_changes_and_goes_with_its_file(
    world: RealWorld, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(folder, "CHECK_SECONDS", 3600.0)  # the kernel alone tells of changes
    file = world.manifests / "web.yaml"

    def write(text: str) -> None:
        probe = {"exec": {"command": ["test", "-e", "/up"]}, "periodSeconds": 1}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web"},
            "spec": {
                "containers": [sh(f"echo {text}; touch /up; {SLEEP}", readinessProbe=probe)],
                "terminationGracePeriodSeconds": 5,
            },
        }
        file.write_bytes(msgspec.json.encode(pod))

    async def shown(uid: str) -> core_v1.Pod:
        """The mirror, once it is another than that and Ready."""
        page = await world.pods.list(namespace="default")
        for pod in page.items:
            if pod.metadata.uid != uid and is_ready(pod):
                return pod
        async with asyncio.timeout(SECONDS):
            async for event in world.pods.watch(namespace="default", resource_version=page.resource_version):
                found = event.object
                if event.type != "DELETED" and found.metadata.uid != uid and is_ready(found):
                    return found
        raise AssertionError("the watch ended")

    def log(pod: core_v1.Pod) -> str:
        hash_ = pod.metadata.annotations["kubernetes.io/config.hash"]
        return (
            world.host.state_dir / "log" / "pods" / f"default_{NAME}_{hash_}" / "main" / "0.log"
        ).read_text()

    await world.agent.stop()
    world.manifests.mkdir()
    write("one")
    await world.start_agent()
    first = await shown("")
    assert log(first).endswith("one\n")
    write("two")
    second = await shown(first.metadata.uid)
    assert log(second).endswith("two\n")
    await world.pods.delete(NAME, namespace="default", grace_period_seconds=1)
    third = await shown(second.metadata.uid)
    assert status(third).container_id == status(second).container_id
    file.unlink()
    await world.until_gone(NAME)
    for worker in [*world.agent.pods.workers()]:
        await worker.wait_gone()
    assert await world.agent.runtime.list_sandboxes() == []
