"""A node that runs short of memory: conditions, victims and newcomers, on simulated containers in virtual time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from agent_world import NODE, AgentWorld, phase

from podling.agent.eviction.settings import EvictionSettings
from podling.agent.eviction.thresholds import parse
from podling.api.types import core_v1
from podling.testing.virtualtime import virtual

MIB = 1 << 20
PERIOD = 10


def using(amount: int) -> dict[str, Any]:
    return {"annotations": {"simulated.podling.dev/memory": str(amount)}}


def main(**requests: str) -> dict[str, Any]:
    return {"name": "main", "image": "busybox:1", "resources": {"requests": requests}}


async def condition(world: AgentWorld, name: str) -> core_v1.NodeCondition:
    node = await world.client.resource(core_v1.Node).get(NODE)
    return next(one for one in node.status.conditions if one.type == name)


@virtual
async def test_the_pod_that_is_furthest_above_its_request_is_evicted(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        memory = world.agent.kit.node.memory
        await world.create("modest", main(cpu="1m", memory="64Mi"), **using(32 * MIB))
        await world.create("hog", main(cpu="1m", memory="64Mi"), **using(memory - 40 * MIB))
        await world.until_ready("modest")
        await world.until_ready("hog")
        pod = await world.until("hog", phase("Failed"))
        assert await world.now() <= PERIOD
        assert pod.status.reason == "Evicted"
        assert pod.status.message == (
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 8Mi. "
            f"Container main was using {(memory - 40 * MIB) // 1024}Ki, request is 64Mi, "
            "has larger consumption of memory. "
        )
        (told,) = (one for one in pod.status.conditions if one.type == "DisruptionTarget")
        assert (told.status, told.reason, told.message) == (
            "True",
            "TerminationByKubelet",
            pod.status.message,
        )
        assert ("Warning", "Evicted", pod.status.message) in await world.events("hog")
        assert ("Warning", "EvictionThresholdMet", "Attempting to reclaim memory") in await world.events(NODE)
        await asyncio.sleep(5 * PERIOD)
        assert (await world.get("modest")).status.phase == "Running"


@virtual
async def test_the_node_says_so_for_five_minutes_and_takes_no_pod_that_asks_for_nothing(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        assert (await condition(world, "MemoryPressure")).reason == "KubeletHasSufficientMemory"
        await world.create("hog", main(cpu="1m"), **using(world.agent.kit.node.memory))
        await world.until("hog", phase("Failed"))
        await asyncio.sleep(PERIOD)
        told = await condition(world, "MemoryPressure")
        assert (told.status, told.reason, told.message) == (
            "True",
            "KubeletHasInsufficientMemory",
            "kubelet has insufficient memory available",
        )
        await world.create("nothing")
        refused = await world.until("nothing", phase("Failed"))
        assert (refused.status.reason, refused.status.message) == (
            "Evicted",
            "Pod was rejected: The node had condition: [MemoryPressure]. ",
        )
        await world.create("something", main(cpu="1m"))
        await world.until_ready("something")
        await asyncio.sleep(300 + PERIOD)
        assert (await condition(world, "MemoryPressure")).status == "False"
        await world.create("later")
        await world.until_ready("later")


@virtual
async def test_an_evicted_pod_has_no_grace_and_stays_as_it_ended(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        notes = {
            "simulated.podling.dev/memory": str(world.agent.kit.node.memory),
            "simulated.podling.dev/term-seconds": "forever",
        }
        await world.create("hog", main(cpu="1m"), annotations=notes, terminationGracePeriodSeconds=1000)
        await world.until("hog", phase("Failed"))
        assert await world.now() <= PERIOD + 1
        await world.agent.stop()
        await world.start_agent()
        await asyncio.sleep(PERIOD)
        assert (await world.get("hog")).status.reason == "Evicted"
        assert not world.machine.sandboxes or all(
            life.status.state.value == "exited" for life in world.machine.lives.values()
        )


@virtual
async def test_critical_pods_are_not_evicted(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        much = using(world.agent.kit.node.memory)
        await world.create("system", main(cpu="1m"), priorityClassName="system-node-critical", **much)
        await world.create("user", main(cpu="1m"))
        await world.until_ready("system")
        await world.until("user", phase("Failed"))
        await asyncio.sleep(10 * PERIOD)
        assert (await world.get("system")).status.phase == "Running"


@virtual
async def test_a_node_that_is_short_of_disk_evicts_and_takes_nobody(tmp_path: Path):
    never_enough = EvictionSettings(thresholds=parse("nodefs.available<99.99%"))
    async with AgentWorld(tmp_path, eviction=never_enough) as world:
        await asyncio.sleep(5)
        assert (await condition(world, "DiskPressure")).reason == "KubeletHasDiskPressure"
        await world.create("late", main(cpu="1m"))
        pod = await world.until("late", phase("Failed"))
        assert pod.status.message == "Pod was rejected: The node had condition: [DiskPressure]. "
        await world.create("system", main(cpu="1m"), priorityClassName="system-node-critical")
        await world.until_ready("system")


@virtual
async def test_a_soft_threshold_gives_time_and_a_bounded_grace(tmp_path: Path):
    soft = parse("", "memory.available<100Mi", graces="memory.available=1m")
    settings = EvictionSettings(thresholds=soft, max_grace=20)
    async with AgentWorld(tmp_path, eviction=settings) as world:
        notes = {
            "simulated.podling.dev/memory": str(world.agent.kit.node.memory),
            "simulated.podling.dev/term-seconds": "forever",
        }
        await world.create("hog", main(cpu="1m"), annotations=notes, terminationGracePeriodSeconds=1000)
        await world.until("hog", phase("Failed"))
        assert 60 + 20 <= await world.now() <= 60 + 20 + 2 * PERIOD


@virtual
async def test_a_critical_pod_makes_room_for_itself(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        cpus = int(world.agent.kit.node.allocatable["cpu"])
        await world.create("small", main(cpu="100m"))
        await world.create("large", main(cpu=f"{cpus * 1000 - 200}m"))
        for name in ("small", "large"):
            await world.until_ready(name)
        await world.create("system", main(cpu="500m"), priorityClassName="system-node-critical")
        await world.until_ready("system")
        pod = await world.get("large")
        assert (pod.status.phase, pod.status.reason, pod.status.message) == (
            "Failed",
            "Preempting",
            "Preempted in order to admit critical pod",
        )
        (told,) = (one for one in pod.status.conditions if one.type == "DisruptionTarget")
        assert told.message == "Pod was preempted by Kubelet to accommodate a critical pod."
        assert ("Warning", "Preempting", pod.status.message) in await world.events("large")
        assert (await world.get("small")).status.phase == "Running"
        await world.create("user", main(cpu=f"{cpus}"))
        refused = await world.until("user", phase("Failed"))
        assert refused.status.reason == "OutOfcpu"


def manifest(cpu: str) -> str:
    resources = {"requests": {"cpu": cpu}}
    container = {"name": "main", "image": "busybox:1", "resources": resources}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "static"},
        "spec": {"containers": [container]},
    }
    return json.dumps(body)


@virtual
async def test_static_pods_find_room_on_a_full_node(tmp_path: Path):
    folder = tmp_path / "manifests"
    folder.mkdir()
    async with AgentWorld(tmp_path, manifests=folder) as world:
        cpus = int(world.agent.kit.node.allocatable["cpu"])
        await world.create("user", main(cpu=f"{cpus}"))
        await world.until_ready("user")
        await world.agent.stop()
        (folder / "static.json").write_text(manifest("500m"))
        await world.start_agent()
        gone = await world.until("user", phase("Failed"))
        assert gone.status.reason == "Preempting"
        await wait_for_pod(world, f"static-{NODE}")
        await world.until_ready(f"static-{NODE}")


@virtual
async def test_a_static_pod_whose_file_goes_while_room_is_made_never_begins(tmp_path: Path):
    folder = tmp_path / "manifests"
    folder.mkdir()
    async with AgentWorld(tmp_path, manifests=folder) as world:
        cpus = int(world.agent.kit.node.allocatable["cpu"])
        slow = {"simulated.podling.dev/term-seconds": "20"}
        await world.create("user", main(cpu=f"{cpus}"), annotations=slow)
        await world.until_ready("user")
        await world.agent.stop()
        (folder / "static.json").write_text(manifest("500m"))
        await world.start_agent()
        await asyncio.sleep(1)
        (folder / "static.json").unlink()
        await world.until("user", phase("Failed"))
        await asyncio.sleep(60)
        names = {pod.metadata.name for pod in (await world.pods.list()).items}
        assert names == {"user"}


async def wait_for_pod(world: AgentWorld, name: str) -> None:
    async with asyncio.timeout(60):
        async for event in world.pods.watch(namespace="default", resource_version="0"):
            if event.object.metadata.name == name:
                return
