"""Pods get other CPU and memory while they run: on simulated containers, in virtual time (KEP-1287)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from agent_world import AgentWorld, container, is_ready

from podling.api.types import core_v1
from podling.client.resource import PatchType
from podling.runtime.interface import RuntimeFault
from podling.testing.virtualtime import virtual

PENDING, IN_PROGRESS = "PodResizePending", "PodResizeInProgress"


def asking(cpu: str, memory: str, *, most: tuple[str, str] | None = None) -> dict[str, Any]:
    limits = {"limits": {"cpu": most[0], "memory": most[1]}} if most else {}
    return {"requests": {"cpu": cpu, "memory": memory}, **limits}


def main(resources: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "main", "image": "busybox:1", "resources": resources, **fields}


RESTARTING = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
SMALL = asking("100m", "64Mi", most=("200m", "128Mi"))


async def resize(world: AgentWorld, name: str, resources: dict[str, Any], container: str = "main") -> None:
    patch = {"spec": {"containers": [{"name": container, "resources": resources}]}}
    await world.pods.patch(
        name, json.dumps(patch).encode(), namespace="default", type=PatchType.STRATEGIC, subresource="resize"
    )


def condition(pod: core_v1.Pod, type: str) -> core_v1.PodCondition | None:
    return next((one for one in pod.status.conditions or () if one.type == type), None)


def settled(pod: core_v1.Pod) -> bool:
    """The status shows what the spec wants, as granted and in force, and no resize is under way."""
    wanted = {one.name: one.resources for one in pod.spec.containers}
    return not (condition(pod, PENDING) or condition(pod, IN_PROGRESS)) and all(
        one.resources == wanted[one.name] and one.allocated_resources == wanted[one.name].requests
        for one in pod.status.container_statuses
    )


def life(world: AgentWorld, name: str) -> Any:
    return world.machine.lives[world.machine.find("default", name, "main").id]


@virtual
async def test_a_granted_resize_reaches_the_container_without_a_restart(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main(SMALL))
        before = await world.until_ready("web")
        await resize(world, "web", asking("150m", "64Mi", most=("400m", "256Mi")))
        pod = await world.until("web", lambda pod: pod.metadata.generation == 2 and settled(pod))
        assert pod.status.observed_generation == 2
        assert container(pod).container_id == container(before).container_id
        assert container(pod).restart_count == 0
        given = life(world, "web").config.resources
        assert (given.cpu_shares, given.cpu_quota, given.memory_limit) == (153, 40_000, 256 << 20)
        whole = next(iter(world.machine.configs.values())).resources
        assert (whole.cpu_shares, whole.cpu_quota, whole.memory_limit) == (153, 40_000, 256 << 20)


@virtual
async def test_events_tell_of_start_and_end_with_the_resources(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main(SMALL))
        await world.until_ready("web")
        await resize(world, "web", {"requests": {"cpu": "150m"}})
        await world.until("web", lambda pod: pod.metadata.generation == 2 and settled(pod))
        told = {reason: message for _, reason, message in await world.events("web") if "Resize" in reason}
        summary = (
            '{"containers":[{"name":"main","resources":{"limits":{"cpu":"200m","memory":"128Mi"},'
            '"requests":{"cpu":"150m","memory":"64Mi"}}}],"generation":2}'
        )
        assert told == {
            "ResizeStarted": f"Pod resize started: {summary}",
            "ResizeCompleted": f"Pod resize completed: {summary}",
        }


@virtual
async def test_a_container_that_asks_for_it_is_restarted_and_only_for_the_resource_it_names(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main(SMALL, resizePolicy=RESTARTING), restartPolicy="OnFailure")
        await world.until_ready("web")
        await resize(world, "web", {"requests": {"cpu": "150m"}})
        pod = await world.until("web", lambda pod: pod.metadata.generation == 2 and settled(pod))
        assert container(pod).restart_count == 0
        began = await world.now()
        await resize(world, "web", {"limits": {"memory": "256Mi"}})
        pod = await world.until("web", lambda pod: settled(pod) and container(pod).restart_count == 1)
        assert await world.now() == began, "a restart for a resize waits for no back-off"
        assert life(world, "web").config.resources.memory_limit == 256 << 20
        messages = [message for _, reason, message in await world.events("web") if reason == "Killing"]
        assert messages == ["Container main resize requires restart"]


@virtual
async def test_what_the_node_will_never_have_is_infeasible(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main(asking("100m", "64Mi")))
        await world.until_ready("web")
        await resize(world, "web", {"requests": {"cpu": "1000"}})
        pod = await world.until("web", lambda pod: condition(pod, PENDING))
        told = condition(pod, PENDING)
        assert (told.status, told.reason, told.observed_generation) == ("True", "Infeasible", 2)
        cpus = world.agent.kit.node.allocatable["cpu"]
        assert told.message == (
            f"Node didn't have enough capacity: cpu, requested: 1000000, capacity: {cpus}000"
        )
        assert container(pod).allocated_resources == {"cpu": "100m", "memory": "64Mi"}
        assert [reason for _, reason, _ in await world.events("web")][-1] == "ResizeInfeasible"
        await resize(world, "web", {"requests": {"cpu": "100m"}})
        await world.until("web", settled)


@virtual
async def test_what_others_hold_is_deferred_and_granted_when_they_go(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        cpus = int(world.agent.kit.node.allocatable["cpu"])
        half = f"{cpus * 500 - 100}m"
        await world.create("big", main(asking(half, "64Mi")))
        await world.create("web", main(asking(half, "64Mi")))
        await world.until_ready("big")
        await world.until_ready("web")
        await resize(world, "web", {"requests": {"cpu": f"{cpus * 900}m"}})
        pod = await world.until("web", lambda pod: condition(pod, PENDING))
        told = condition(pod, PENDING)
        assert told.reason == "Deferred"
        assert told.message == (
            f"Node didn't have enough resource: cpu, requested: {cpus * 900}, used: {cpus * 500 - 100}, "
            f"capacity: {cpus}000"
        )
        await world.pods.delete("big", namespace="default", grace_period_seconds=1)
        await world.until("web", settled)


@virtual
async def test_a_newcomer_cannot_have_what_a_resized_pod_was_granted(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        cpus = int(world.agent.kit.node.allocatable["cpu"])
        await world.create("web", main(asking("100m", "64Mi")))
        await world.until_ready("web")
        await resize(world, "web", {"requests": {"cpu": f"{cpus}"}})
        await world.until("web", settled)
        await world.create("late", main(asking("100m", "64Mi")))
        pod = await world.until("late", lambda pod: pod.status.phase == "Failed")
        assert pod.status.reason == "OutOfcpu"


@virtual
async def test_memory_is_not_taken_below_what_is_in_use(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        used = {"simulated.podling.dev/memory": str(100 << 20)}
        await world.create("web", main(asking("100m", "64Mi", most=("1", "256Mi"))), annotations=used)
        await world.until_ready("web")
        await resize(world, "web", {"limits": {"memory": "80Mi"}})
        pod = await world.until("web", lambda pod: (c := condition(pod, IN_PROGRESS)) and c.reason)
        told = condition(pod, IN_PROGRESS)
        assert (told.status, told.reason) == ("True", "Error")
        assert told.message == (
            f'attempting to set container "main" memory limit ({80 << 20}) below current usage ({100 << 20})'
        )
        assert container(pod).resources.limits["memory"] == "256Mi"
        await resize(world, "web", {"limits": {"memory": "128Mi"}})
        pod = await world.until("web", settled)
        assert container(pod).resources.limits["memory"] == "128Mi"


@virtual
async def test_a_resize_that_fails_is_tried_again(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main(SMALL))
        await world.until_ready("web")
        world.machine.inject("update_resources", RuntimeFault("no luck"), times=3)
        await resize(world, "web", {"requests": {"cpu": "150m"}})
        pod = await world.until("web", lambda pod: (c := condition(pod, IN_PROGRESS)) and c.reason)
        assert condition(pod, IN_PROGRESS).message == "no luck"
        await world.until("web", lambda pod: pod.metadata.generation == 2 and settled(pod))
        reasons = [reason for _, reason, _ in await world.events("web")]
        assert reasons.count("ResizeError") == 1


@virtual
async def test_a_crashing_container_is_tried_at_once_with_what_it_lacked(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        failing = {"simulated.podling.dev/lasts": "1", "simulated.podling.dev/exit-codes": "1"}
        await world.create("web", main(SMALL), annotations=failing)
        pod = await world.until("web", lambda pod: container(pod).restart_count == 3)
        await world.until("web", lambda pod: container(pod).state.waiting)
        began = await world.now()
        await resize(world, "web", {"limits": {"memory": "256Mi"}})
        pod = await world.until("web", lambda pod: container(pod).restart_count == 4)
        assert await world.now() == began
        assert container(pod).resources.limits["memory"] == "256Mi"


@virtual
async def test_what_was_asked_for_while_the_agent_was_away_is_granted_when_it_is_back(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main(SMALL))
        before = await world.until_ready("web")
        await world.agent.stop()
        await resize(world, "web", {"requests": {"cpu": "150m"}, "limits": {"memory": "256Mi"}})
        await world.start_agent()
        pod = await world.until("web", settled)
        assert container(pod).container_id == container(before).container_id
        given = life(world, "web").config.resources
        assert (given.cpu_shares, given.memory_limit) == (153, 256 << 20)


@virtual
async def test_what_is_pending_is_pending_after_a_restart_of_the_agent(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main(SMALL))
        await world.until_ready("web")
        await resize(world, "web", {"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}})
        await world.until("web", lambda pod: condition(pod, PENDING))
        await world.agent.stop()
        await world.start_agent()
        await world.create("other")
        await world.until_ready("other")
        pod = await world.get("web")
        assert condition(pod, PENDING).reason == "Infeasible"
        assert container(pod).allocated_resources == {"cpu": "100m", "memory": "64Mi"}
        assert life(world, "web").config.resources.cpu_shares == 102


@virtual
async def test_sidecars_are_resized_and_finished_init_containers_are_not_in_the_way(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        side = {"name": "side", "image": "busybox:1", "resources": SMALL, "restartPolicy": "Always"}
        await world.create("web", main(SMALL), initContainers=[side])
        await world.until_ready("web")
        patch = {"spec": {"initContainers": [{"name": "side", "resources": {"requests": {"cpu": "150m"}}}]}}
        await world.pods.patch(
            "web",
            json.dumps(patch).encode(),
            namespace="default",
            type=PatchType.STRATEGIC,
            subresource="resize",
        )

        def shown(pod: core_v1.Pod) -> bool:
            (status,) = pod.status.init_container_statuses
            return status.resources.requests["cpu"] == "150m" and not condition(pod, IN_PROGRESS)

        pod = await world.until("web", shown)
        assert is_ready(pod)
        record = world.machine.find("default", "web", "side")
        assert world.machine.lives[record.id].config.resources.cpu_shares == 153


@virtual
async def test_resources_of_the_whole_pod_are_resized(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        whole = {"requests": {"cpu": "200m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}}
        await world.create("web", {"name": "main", "image": "busybox:1"}, resources=whole)
        pod = await world.until_ready("web")
        assert pod.status.allocated_resources == whole["requests"]
        body = json.dumps({"spec": {"resources": {"limits": {"cpu": "2", "memory": "256Mi"}}}}).encode()
        await world.pods.patch("web", body, namespace="default", subresource="resize")

        def shown(pod: core_v1.Pod) -> bool:
            limits = pod.status.resources.limits
            return limits == {"cpu": "2", "memory": "256Mi"} and not condition(pod, IN_PROGRESS)

        await world.until("web", shown)
        group = next(iter(world.machine.configs.values())).resources
        assert (group.cpu_quota, group.memory_limit) == (200_000, 256 << 20)


@virtual
async def test_volumes_that_tell_of_resources_follow(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        shown = {"path": "cpu", "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu"}}
        shown["resourceFieldRef"]["divisor"] = "1m"
        volumes = [{"name": "info", "downwardAPI": {"items": [shown]}}]
        mounts = [{"name": "info", "mountPath": "/info"}]
        await world.create("web", main(SMALL, volumeMounts=mounts), volumes=volumes)
        pod = await world.until_ready("web")
        folder = world.agent.kit.paths.volumes(pod.metadata.uid)
        assert [file.read_text() for file in folder.glob("*/info/cpu")] == ["200"]
        await resize(world, "web", {"limits": {"cpu": "400m"}})
        await world.until("web", lambda pod: pod.metadata.generation == 2 and settled(pod))
        await asyncio.sleep(1)
        assert [file.read_text() for file in folder.glob("*/info/cpu")] == ["400"]
