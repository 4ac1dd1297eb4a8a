"""What an agent finds when it comes back: after a crash, after a shutdown, after Pods went away without it."""

from __future__ import annotations

from pathlib import Path

from agent_world import EPOCH, AgentWorld, container, is_ready, phase

from podling.runtime.interface import ContainerState
from podling.testing.mortality import Fate
from podling.testing.virtualtime import virtual

SIMULATED = "simulated.podling.dev"


@virtual
async def test_running_containers_are_adopted_as_they_are(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create(
            "web", {"name": "main", "image": "busybox:1", "readinessProbe": {"tcpSocket": {"port": 1}}}
        )
        before = await world.until_ready("web")
        await world.agent.stop()
        await world.start_agent()
        await world.agent.pods.find("default", "web").wait_idle()
        after = await world.get("web")
        assert container(after).container_id == container(before).container_id
        assert container(after).restart_count == 0
        assert after.metadata.resource_version == before.metadata.resource_version, "nothing to tell"
        assert len(world.machine.lives) == 1


@virtual
async def test_container_that_ended_meanwhile_is_restarted(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        await world.agent.stop()
        (life,) = world.machine.lives.values()
        world.machine.exit(life, 9)
        await world.start_agent()
        pod = await world.until("web", lambda pod: container(pod).restart_count == 1)
        assert container(pod).last_state.terminated.exit_code == 9


@virtual
async def test_finished_pod_keeps_its_last_words_though_their_file_has_gone(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        notes = {f"{SIMULATED}/lasts": "5", f"{SIMULATED}/exit-codes": "1"}
        await world.create("once", annotations=notes, restartPolicy="Never")
        await world.until_ready("once")
        (life,) = world.machine.lives.values()
        mount = next(m for m in life.config.mounts if m.container_path == "/dev/termination-log")
        Path(mount.host_path).write_text("so long")
        await world.until("once", phase("Failed"))
        await world.agent.pods.find("default", "once").wait_idle()
        assert not Path(mount.host_path).exists()
        await world.agent.stop()
        await world.start_agent()
        await world.agent.pods.find("default", "once").wait_idle()
        assert container(await world.get("once")).state.terminated.message == "so long"


@virtual
async def test_pod_deleted_meanwhile_is_taken_down(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        await world.agent.stop()
        await world.pods.delete("web", namespace="default", grace_period_seconds=5)
        await world.start_agent()
        await world.until_gone("web")
        assert not world.machine.sandboxes


@virtual
async def test_pod_whose_container_was_made_but_never_started_is_taken_down(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        fate = Fate(3, unheard=False)
        await world.agent.stop()
        await world.start_agent(fate)
        await world.create("web")
        await fate.died.wait()
        assert fate.last == "start_container"
        fate.bury()
        await world.agent.stop()
        await world.pods.delete("web", namespace="default", grace_period_seconds=5)
        await world.start_agent()
        await world.until_gone("web", seconds=30)
        assert not world.machine.sandboxes


@virtual
async def test_pod_whose_object_went_meanwhile_leaves_nothing_behind(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", volumes=[{"name": "scratch", "emptyDir": {}}])
        await world.until_ready("web")
        await world.agent.stop()
        await world.pods.delete("web", namespace="default", grace_period_seconds=0)
        agent = await world.start_agent()
        for worker in [*agent.pods.workers()]:
            await worker.wait_gone()
        assert not world.machine.sandboxes
        assert not [*(tmp_path / "pods").iterdir()]
        assert not [*(tmp_path / "log" / "pods").iterdir()]


@virtual
async def test_namesake_made_meanwhile_is_another_pod(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        first = await world.until_ready("web")
        await world.agent.stop()
        await world.pods.delete("web", namespace="default", grace_period_seconds=0)
        await world.create("web")
        await world.start_agent()
        second = await world.until_ready("web")
        assert second.metadata.uid != first.metadata.uid
        assert container(second).restart_count == 0
        for worker in [*world.agent.pods.workers()]:
            if worker.memory.removed:
                await worker.wait_gone()
        assert len(world.machine.sandboxes) == 1


@virtual
async def test_rebooted_machine_gets_new_sandboxes(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.create("once", restartPolicy="Never")
        await world.until_ready("web")
        await world.until_ready("once")
        await world.agent.stop()
        world.machine.reboot()
        await world.start_agent()
        pod = await world.until("web", lambda pod: container(pod).restart_count == 1 and is_ready(pod))
        assert pod.status.phase == "Running"
        await world.until("once", phase("Failed"))


@virtual
async def test_shutdown_ends_pods_and_the_next_start_counts_a_restart(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create(
            "web", annotations={f"{SIMULATED}/term-seconds": "3"}, terminationGracePeriodSeconds=20
        )
        before = await world.until_ready("web")
        await world.agent.stop(keep_pods=False)
        assert 3 <= await world.now() < 4
        assert all(life.status.state is ContainerState.EXITED for life in world.machine.lives.values())
        down = await world.get("web")
        assert not is_ready(down)
        assert down.status.phase == "Running"
        await world.start_agent()
        pod = await world.until_ready("web")
        assert container(pod).restart_count == 1
        assert pod.metadata.uid == before.metadata.uid


@virtual
async def test_shutting_down_again_and_again_is_no_crash(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", terminationGracePeriodSeconds=1)
        await world.until_ready("web")
        for restarts in (1, 2, 3):
            await world.agent.stop(keep_pods=False)
            begun = await world.now()
            await world.start_agent()
            pod = await world.until(
                "web", lambda pod, n=restarts: is_ready(pod) and container(pod).restart_count == n
            )
            assert await world.now() - begun < 2
        assert container(pod).state.running


@virtual
async def test_stop_leaves_pods_running(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        await world.agent.stop()
        (life,) = world.machine.lives.values()
        assert life.running
        node = await world.client.resource(type(world.agent.node)).get("node-1")
        ready = next(c for c in node.status.conditions if c.type == "Ready")
        assert (ready.status, ready.message) == ("False", "node is shutting down")


@virtual
async def test_node_object_and_lease_show_the_node(tmp_path: Path):
    from podling.api.types import coordination_v1, core_v1

    async with AgentWorld(tmp_path) as world:
        node = await world.client.resource(core_v1.Node).get("node-1")
        assert [(a.type, a.address) for a in node.status.addresses] == [
            ("InternalIP", "10.0.0.1"),
            ("Hostname", "node-1"),
        ]
        conditions = {c.type: (c.status, c.reason) for c in node.status.conditions}
        assert conditions["Ready"] == ("True", "KubeletReady")
        assert conditions["MemoryPressure"] == ("False", "KubeletHasSufficientMemory")
        assert node.status.capacity["pods"] == "110"
        assert node.metadata.labels["kubernetes.io/hostname"] == "node-1"
        import asyncio

        await asyncio.sleep(25)
        lease = await world.client.resource(coordination_v1.Lease).get("node-1", namespace="kube-node-lease")
        assert lease.spec.holder_identity == "node-1"
        assert lease.spec.lease_duration_seconds == 40
        assert lease.metadata.owner_references[0].uid == node.metadata.uid
        from podling.api import times

        assert EPOCH + 15 < times.parse(lease.spec.renew_time) <= EPOCH + 25
