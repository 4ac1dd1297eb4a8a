"""What goes wrong around a Pod is told in upstream's words, waited out, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agent_world import AgentWorld, container, is_ready, waits_for

from podling.api.types import core_v1
from podling.runtime.interface import RuntimeFault
from podling.testing.virtualtime import virtual

SIMULATED = "simulated.podling.dev"
MAIN = {"name": "main", "image": "busybox:1"}


@virtual
async def test_container_that_cannot_be_killed_is_told_about_and_tried_again(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        world.machine.inject("stop_container", RuntimeFault("process is stuck in the kernel"), times=4)
        await world.pods.delete("web", namespace="default", grace_period_seconds=1)
        await asyncio.sleep(2)
        told = await world.events("web")
        assert ("Warning", "FailedKillPod", "error killing pod: process is stuck in the kernel") in told
        await world.until_gone("web", seconds=30)
        assert not world.machine.sandboxes


@virtual
async def test_process_that_not_even_sigkill_ends_is_told_about_until_it_does(tmp_path: Path):
    stuck = True
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        stop = world.agent.runtime.stop_container

        async def stop_container(container_id: str, *, grace: float) -> None:
            if stuck:
                await asyncio.Event().wait()
            await stop(container_id, grace=grace)

        world.agent.runtime.stop_container = stop_container
        await world.pods.delete("web", namespace="default", grace_period_seconds=10)
        await asyncio.sleep(300)
        told = {reason: message for _, reason, message in await world.events("web")}
        why = 'failed to "KillContainer" for "main" with KillContainerError: "context deadline exceeded"'
        assert told["FailedKillPod"] == f"error killing pod: {why}"
        assert (await world.get("web")).status.phase == "Running", "it is still there, and says so"
        stuck = False
        await world.until_gone("web", seconds=200)
        assert not world.machine.sandboxes


@virtual
async def test_sandbox_that_cannot_be_stopped_keeps_the_object_until_it_can(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        world.machine.inject("stop_sandbox", RuntimeFault("device is busy"), times=3)
        world.machine.inject("remove_sandbox", RuntimeFault("still mounted"), times=2)
        await world.pods.delete("web", namespace="default", grace_period_seconds=1)
        await world.until_gone("web", seconds=60)
        told = await world.events("web")
        assert ("Warning", "FailedKillPod", "error killing pod: device is busy") in told
        assert not world.machine.sandboxes
        assert not world.network.given


@virtual
async def test_config_map_that_vanishes_leaves_files_and_container_and_is_told(tmp_path: Path):
    mount = {"name": "conf", "mountPath": "/conf"}
    volume = {"name": "conf", "configMap": {"name": "conf"}}
    async with AgentWorld(tmp_path) as world:
        await world.make(core_v1.ConfigMap, "conf", data={"a": "1"})
        await world.create("web", {**MAIN, "volumeMounts": [mount]}, volumes=[volume])
        pod = await world.until_ready("web")
        await world.client.resource(core_v1.ConfigMap).delete("conf", namespace="default")
        await asyncio.sleep(5)
        wanted = 'MountVolume.SetUp failed for volume "conf" : configmap "conf" not found'
        assert ("Warning", "FailedMount", wanted) in await world.events("web")
        after = await world.get("web")
        assert is_ready(after)
        assert container(after).container_id == container(pod).container_id
        (life,) = world.machine.lives.values()
        source = next(m.host_path for m in life.config.mounts if m.container_path == "/conf")
        assert (Path(source) / "a").read_text() == "1"


@virtual
async def test_container_that_restarts_without_its_config_map_waits_for_it(tmp_path: Path):
    variable = {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "x"}}}
    async with AgentWorld(tmp_path) as world:
        maps = world.client.resource(core_v1.ConfigMap)
        await world.make(core_v1.ConfigMap, "conf", data={"x": "1"})
        await world.create("web", {**MAIN, "env": [variable]})
        await world.until_ready("web")
        await maps.delete("conf", namespace="default")
        (life,) = world.machine.lives.values()
        world.machine.exit(life, 1)
        pod = await world.until("web", waits_for("CreateContainerConfigError"))
        assert container(pod).state.waiting.message == 'configmap "conf" not found'
        assert container(pod).last_state.terminated.exit_code == 1
        await world.make(core_v1.ConfigMap, "conf", data={"x": "2"})
        pod = await world.until_ready("web")
        assert container(pod).restart_count == 1
        newest = [*world.machine.lives.values()][-1]
        assert ("X", "2") in newest.config.env


@virtual
async def test_container_lost_by_the_runtime_is_made_again(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        (life,) = world.machine.lives.values()
        world.machine.vanish(life.status.id)
        pod = await world.until("web", lambda pod: container(pod).restart_count == 1 and is_ready(pod))
        ended = container(pod).last_state.terminated
        assert (ended.exit_code, ended.reason) == (137, "ContainerStatusUnknown")


@virtual
async def test_sandbox_lost_while_the_pod_runs_is_replaced(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        await world.agent.stop()
        world.machine.reboot()
        await asyncio.sleep(1)
        await world.start_agent()
        pod = await world.until("web", lambda pod: container(pod).restart_count == 1 and is_ready(pod))
        told = [(reason, message) for _, reason, message in await world.events("web")]
        assert ("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.") in told
        assert pod.status.pod_ip == "10.42.0.3"
        assert len(world.machine.sandboxes) == 1, "the old one goes when its container has a successor"
