"""Pods' lives as users of the API see them, on simulated containers and in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from agent_world import NODE, AgentWorld, container, is_ready, phase, waits_for

from podling.api.types import core_v1
from podling.runtime.interface import ContainerState, RuntimeFault
from podling.runtime.simulated import Pull
from podling.testing.virtualtime import virtual

SIMULATED = "simulated.podling.dev"


@virtual
async def test_pod_becomes_ready_by_a_single_write_of_its_status(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        pod = await world.until_ready("web")
        assert pod.status.phase == "Running"
        assert pod.status.pod_ip == "10.42.0.2"
        assert pod.status.host_ip == "10.0.0.1"
        assert pod.status.observed_generation == 1
        assert container(pod).container_id.startswith("simulated://")
        assert world.writes("web") == ["PATCH status"]
        assert await world.now() == 0, "no time passes that the runtime does not take"


@virtual
async def test_events_tell_the_start_in_upstreams_words(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        assert await world.events("web") == [
            (
                "Normal",
                "Pulled",
                'Container image "busybox:1" already present on machine and can be accessed by the pod',
            ),
            ("Normal", "Created", "Container created"),
            ("Normal", "Started", "Container started"),
        ]


@virtual
async def test_a_slow_start_shows_its_steps(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", annotations={f"{SIMULATED}/create-seconds": "2"})
        pod = await world.until("web", waits_for("ContainerCreating"))
        assert pod.status.phase == "Pending"
        assert pod.status.start_time
        await world.until_ready("web")
        assert world.writes("web") == ["PATCH status", "PATCH status"]
        assert [reason for _, reason, _ in await world.events("web")] == ["Pulled", "Created", "Started"]


@virtual
async def test_a_deleted_pod_gets_its_grace_and_then_its_object_goes(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", annotations={f"{SIMULATED}/term-seconds": "forever"})
        await world.until_ready("web")
        await world.pods.delete("web", namespace="default", grace_period_seconds=7)
        await world.until_gone("web")
        assert 7 <= await world.now() < 7.1
        assert not world.machine.sandboxes
        assert not world.network.given
        assert not [*(tmp_path / "pods").iterdir()]
        assert not [*(tmp_path / "log" / "pods").iterdir()]
        told = ["running and ready", "the deletion has been seen", "ended"]
        assert world.writes("web") == ["PATCH status" for _ in told] + ["DELETE"]
        assert ("Normal", "Killing", "Stopping container main") in await world.events("web")


@virtual
async def test_last_status_says_how_the_containers_ended(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", annotations={f"{SIMULATED}/term-seconds": "1"})
        await world.until_ready("web")
        await world.pods.delete("web", namespace="default")
        pod = await world.until("web", phase("Failed"))
        assert container(pod).state.terminated.exit_code == 143
        await world.until_gone("web")


@virtual
async def test_a_second_deletion_shortens_the_grace(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", annotations={f"{SIMULATED}/term-seconds": "forever"})
        await world.until_ready("web")
        await world.pods.delete("web", namespace="default", grace_period_seconds=600)
        await world.pods.delete("web", namespace="default", grace_period_seconds=3)
        await world.until_gone("web")
        assert await world.now() < 4


@virtual
async def test_forced_deletion_ends_the_containers_behind_the_object(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", annotations={f"{SIMULATED}/term-seconds": "forever"})
        await world.until_ready("web")
        await world.pods.delete("web", namespace="default", grace_period_seconds=0)
        await world.until_gone("web")
        await world.create("web")
        await world.until("web", is_ready)
        (worker,) = [w for w in world.agent.pods.workers() if w.memory.removed] or [None]
        if worker is not None:
            await worker.wait_gone()
        assert len(world.machine.sandboxes) == 1


@virtual
async def test_crashing_container_backs_off_from_ten_seconds_on(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", annotations={f"{SIMULATED}/exit-codes": "1"})
        pod = await world.until("web", waits_for("CrashLoopBackOff"))
        assert pod.status.phase == "Running"
        assert container(pod).restart_count == 1
        assert container(pod).last_state.terminated.exit_code == 1
        assert "back-off 10s restarting failed container=main" in container(pod).state.waiting.message
        for attempt, seconds in ((2, 10), (3, 30), (4, 70), (5, 150)):
            await world.until("web", lambda pod, n=attempt: container(pod).restart_count == n)
            assert seconds <= await world.now() < seconds + 0.5
        told = [message for _, reason, message in await world.events("web") if reason == "BackOff"]
        assert told[0].startswith("Back-off restarting failed container main in pod web_default(")


@virtual
async def test_run_once_pods_end_as_their_containers_do(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        for name, codes, wanted in (("good", "0", "Succeeded"), ("bad", "3", "Failed")):
            await world.create(name, annotations={f"{SIMULATED}/exit-codes": codes}, restartPolicy="Never")
            pod = await world.until(name, phase(wanted))
            assert container(pod).state.terminated.exit_code == int(codes)
            assert container(pod).restart_count == 0
        assert not world.network.given, "finished Pods give their addresses back"
        assert all(life.status.state is ContainerState.EXITED for life in world.machine.lives.values())


@virtual
async def test_on_failure_restarts_until_it_succeeds(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("job", annotations={f"{SIMULATED}/exit-codes": "1,1,0"}, restartPolicy="OnFailure")
        pod = await world.until("job", phase("Succeeded"))
        assert container(pod).restart_count == 2


@virtual
async def test_init_containers_run_in_order_before_the_others(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        inits = [{"name": name, "image": "busybox:1"} for name in ("one", "two")]
        lasts = {f"{SIMULATED}/lasts.{name}": "5" for name in ("one", "two")}
        await world.create("web", annotations=lasts, initContainers=inits)
        pod = await world.until("web", waits_for("PodInitializing"))
        assert pod.status.phase == "Pending"
        pod = await world.until_ready("web")
        assert 10 <= await world.now() < 10.5
        begun = [container(pod, name).state.terminated.started_at for name in ("one", "two")]
        assert begun == sorted(begun)


@virtual
async def test_image_that_cannot_be_pulled_backs_off_and_heals(tmp_path: Path):
    pulls = {"app:1": Pull(failures=2)}
    async with AgentWorld(tmp_path, pulls=pulls) as world:
        await world.create("web", {"name": "main", "image": "app:1"})
        await world.until("web", waits_for("ErrImagePull"))
        pod = await world.until("web", waits_for("ImagePullBackOff"))
        assert container(pod).state.waiting.message.startswith(
            'Back-off pulling image "app:1": ErrImagePull: '
        )
        await world.until_ready("web")
        assert 30 <= await world.now() < 31, "10 s after the first failure, 20 s after the second"
        reasons = [reason for _, reason, _ in await world.events("web")]
        assert reasons[:4] == ["Pulling", "Failed", "Failed", "BackOff"]
        assert "Pulled" in reasons


@virtual
async def test_pull_policy_never_wants_the_image_to_be_there(tmp_path: Path):
    async with AgentWorld(tmp_path, pulls={"app:1": Pull()}) as world:
        await world.create("web", {"name": "main", "image": "app:1", "imagePullPolicy": "Never"})
        pod = await world.until("web", waits_for("ErrImageNeverPull"))
        wanted = 'Container image "app:1" is not present with pull policy of Never'
        assert container(pod).state.waiting.message == wanted


@virtual
async def test_copy_on_the_node_serves_when_the_registry_is_out_of_reach(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        world.images.pull = _unreachable  # type: ignore[method-assign]
        await world.create("web", {"name": "main", "image": "busybox"})
        await world.until_ready("web")
        told = {reason: message for _, reason, message in await world.events("web")}
        assert "cannot be reached, its copy on this machine is used" in told["RegistryUnavailable"]


async def _unreachable(reference: str, *, credentials: object = ()) -> None:
    from podling.runtime.interface import ImageFault

    raise ImageFault("cannot pull busybox: dial tcp: no route to host", reason="RegistryUnavailable")


@virtual
async def test_pulls_of_one_image_are_shared(tmp_path: Path):
    async with AgentWorld(tmp_path, pulls={"app:1": Pull(seconds=5)}) as world:
        for name in ("a", "b", "c"):
            await world.create(name, {"name": "main", "image": "app:1"})
        for name in ("a", "b", "c"):
            await world.until_ready(name)
        assert 5 <= await world.now() < 6


@virtual
async def test_missing_config_map_is_waited_for_and_noticed_at_once(tmp_path: Path):
    variable = {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "x"}}}
    async with AgentWorld(tmp_path) as world:
        await world.create("web", {"name": "main", "image": "busybox:1", "env": [variable]})
        pod = await world.until("web", waits_for("CreateContainerConfigError"))
        assert container(pod).state.waiting.message == 'configmap "late" not found'
        before = await world.now()
        await world.make(core_v1.ConfigMap, "late", data={"x": "1"})
        await world.until_ready("web")
        assert await world.now() - before < 0.5
        assert ("Warning", "Failed", 'Error: configmap "late" not found') in await world.events("web")
        life = next(iter(world.machine.lives.values()))
        assert ("X", "1") in life.config.env


@virtual
async def test_missing_volume_source_holds_the_pod_and_is_told(tmp_path: Path):
    volume = {"name": "conf", "configMap": {"name": "late"}}
    async with AgentWorld(tmp_path) as world:
        await world.create("web", volumes=[volume])
        await world.until("web", waits_for("ContainerCreating"))
        wanted = 'MountVolume.SetUp failed for volume "conf" : configmap "late" not found'
        assert ("Warning", "FailedMount", wanted) in await world.events("web")
        await world.make(core_v1.ConfigMap, "late", data={"x": "1"})
        await world.until_ready("web")


@virtual
async def test_sandbox_that_cannot_be_made_is_tried_again(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        world.machine.inject("run_sandbox", RuntimeFault("no address left"), times=2)
        await world.create("web")
        await world.until_ready("web")
        assert 3 <= await world.now() < 3.5
        told = [
            message for _, reason, message in await world.events("web") if reason == "FailedCreatePodSandBox"
        ]
        assert told == ["Failed to create pod sandbox: no address left"]


@virtual
async def test_command_that_cannot_run_is_told_in_upstreams_words(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", annotations={f"{SIMULATED}/start-fault": "exec: no such file"})
        pod = await world.until("web", waits_for("RunContainerError"))
        assert container(pod).last_state.terminated.exit_code == 128
        await world.until("web", waits_for("CrashLoopBackOff"))


@virtual
async def test_container_that_cannot_be_made_is_tried_again(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        world.machine.inject("create_container", RuntimeFault("disk is full"))
        await world.create("web")
        pod = await world.until("web", waits_for("CreateContainerError"))
        assert container(pod).state.waiting.message == "disk is full"
        pod = await world.until_ready("web")
        assert container(pod).restart_count == 0


@virtual
async def test_readiness_counts_at_once_and_again_when_it_is_lost(tmp_path: Path):
    probe = {"httpGet": {"port": 80}, "periodSeconds": 5}
    async with AgentWorld(tmp_path) as world:
        await world.create(
            "web",
            {"name": "main", "image": "busybox:1", "readinessProbe": probe},
            annotations={f"{SIMULATED}/ready-after": "0.08"},
        )
        await world.until_ready("web")
        assert await world.now() < 0.3, "not a whole period later"


@virtual
async def test_initial_delay_holds_readiness_back(tmp_path: Path):
    probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": 30}
    async with AgentWorld(tmp_path) as world:
        await world.create("web", {"name": "main", "image": "busybox:1", "readinessProbe": probe})
        pod = await world.until_ready("web")
        assert 30 <= await world.now() < 30.5
        assert container(pod).restart_count == 0


@virtual
async def test_failing_liveness_restarts_the_container(tmp_path: Path):
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 2, "failureThreshold": 3}
    async with AgentWorld(tmp_path) as world:
        await world.create(
            "web",
            {"name": "main", "image": "busybox:1", "livenessProbe": probe},
            annotations={f"{SIMULATED}/ready-after": "forever"},
        )
        pod = await world.until("web", lambda pod: container(pod).restart_count == 1)
        assert 4 <= await world.now() < 4.5
        assert container(pod).last_state.terminated.exit_code == 143
        told = await world.events("web")
        assert ("Warning", "Unhealthy", "Liveness probe failed: not ready\n") in told
        assert ("Normal", "Killing", "Container main failed liveness probe, will be restarted") in told


@virtual
async def test_startup_probe_holds_the_others_off(tmp_path: Path):
    main = {
        "name": "main",
        "image": "busybox:1",
        "startupProbe": {"exec": {"command": ["true"]}, "periodSeconds": 10, "failureThreshold": 10},
        "livenessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1, "failureThreshold": 1},
        "readinessProbe": {"exec": {"command": ["true"]}},
    }
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main, annotations={f"{SIMULATED}/ready-after": "45"})
        pod = await world.until_ready("web")
        assert 45 <= await world.now() < 51
        assert container(pod).restart_count == 0


@virtual
async def test_deadline_ends_the_pod(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", activeDeadlineSeconds=20)
        pod = await world.until("web", phase("Failed"))
        assert pod.status.reason == "DeadlineExceeded"
        assert 19 <= await world.now() < 21


@virtual
async def test_refused_status_is_tried_again_whatever_the_pod_is_called(tmp_path: Path):
    """A conflict of an object of the same name and another UID is final, one about a Pod called fluidd is not."""
    refusals = 2

    async with AgentWorld(tmp_path) as world:
        serve = world.server.handle

        async def handle(request):
            nonlocal refusals
            if refusals and request.path.endswith("/pods/fluidd/status"):
                refusals -= 1
                request = replace(request, body=b'{"metadata":{"resourceVersion":"1"}}')
            return await serve(request)

        world.server.handle = handle
        await world.create("fluidd")
        await world.until_ready("fluidd", seconds=60)
        assert refusals == 0


@virtual
async def test_deadline_may_be_set_while_the_pod_runs(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        await asyncio.sleep(100)
        await world.pods.patch("web", {"spec": {"activeDeadlineSeconds": 130}}, namespace="default")
        pod = await world.until("web", phase("Failed"))
        assert pod.status.reason == "DeadlineExceeded"
        assert 129 <= await world.now() < 131, "counted from the start"


@virtual
async def test_generation_of_a_pod_is_observed_however_often_it_changes(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        made = await world.create("web", activeDeadlineSeconds=10_000)
        assert made.metadata.generation == 1
        await world.until("web", lambda pod: pod.status.observed_generation == 1)
        for step in range(499):
            patch = {"spec": {"activeDeadlineSeconds": 9_999 - step}}
            await world.pods.patch("web", patch, namespace="default")
        pod = await world.until("web", lambda pod: pod.status.observed_generation == 500)
        assert pod.metadata.generation == 500
        assert {condition.observed_generation for condition in pod.status.conditions} == {500}
        await world.pods.delete("web", namespace="default", grace_period_seconds=30)
        assert (await world.get("web")).metadata.generation == 501
        assert len(world.writes("web")) < 20, "what only acknowledges is held back"


@virtual
async def test_pod_that_waits_to_crash_again_can_be_deleted_at_once(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", annotations={f"{SIMULATED}/exit-codes": "1"})
        await world.until("web", waits_for("CrashLoopBackOff"))
        before = await world.now()
        await world.pods.delete("web", namespace="default", grace_period_seconds=30)
        await world.until_gone("web")
        assert await world.now() - before < 1


@virtual
async def test_node_without_cluster_dns_says_so(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        told = {reason: message for _, reason, message in await world.events(NODE)}
        assert told["MissingClusterDNS"].endswith('Falling back to "Default" policy.')


@virtual
async def test_pod_that_does_not_fit_is_refused(tmp_path: Path):
    main = {"name": "main", "image": "busybox:1", "resources": {"requests": {"cpu": "10k"}}}
    async with AgentWorld(tmp_path) as world:
        await world.create("big", main)
        pod = await world.until("big", phase("Failed"))
        assert pod.status.reason == "OutOfcpu"
        assert pod.status.message.startswith(
            "Pod was rejected: Node didn't have enough resource: cpu, requested: "
        )
        assert not world.machine.sandboxes


@virtual
async def test_labels_put_on_the_node_since_are_known_when_a_pod_needs_them(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        nodes = world.client.resource(core_v1.Node)
        await world.create("early", nodeSelector={"disk": "fast"})
        pod = await world.until("early", phase("Failed"))
        assert pod.status.reason == "NodeAffinity"
        await nodes.patch(NODE, {"metadata": {"labels": {"disk": "fast"}}})
        await world.create("late", nodeSelector={"disk": "fast"})
        await world.until_ready("late")


@virtual
async def test_last_words_become_the_message(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create(
            "web",
            annotations={f"{SIMULATED}/lasts": "5", f"{SIMULATED}/exit-codes": "1"},
            restartPolicy="Never",
        )
        await world.until_ready("web")
        (life,) = world.machine.lives.values()
        mount = next(m for m in life.config.mounts if m.container_path == "/dev/termination-log")
        Path(mount.host_path).write_text("out of cheese")
        pod = await world.until("web", phase("Failed"))
        assert container(pod).state.terminated.message == "out of cheese"


@virtual
async def test_log_tail_stands_in_for_last_words_if_asked(tmp_path: Path):
    main = {"name": "main", "image": "busybox:1", "terminationMessagePolicy": "FallbackToLogsOnError"}
    async with AgentWorld(tmp_path) as world:
        notes = {f"{SIMULATED}/lasts": "1", f"{SIMULATED}/exit-codes": "1", f"{SIMULATED}/log": "so long"}
        await world.create("web", main, annotations=notes, restartPolicy="Never")
        pod = await world.until("web", phase("Failed"))
        assert container(pod).state.terminated.message == "so long\n"


@virtual
async def test_post_start_hook_comes_before_running(tmp_path: Path):
    main = {"name": "main", "image": "busybox:1", "lifecycle": {"postStart": {"sleep": {"seconds": 4}}}}
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main)
        await world.until("web", waits_for("ContainerCreating"))
        await world.until_ready("web")
        assert 4 <= await world.now() < 4.5


@virtual
async def test_post_start_hook_that_fails_ends_the_container_and_says_why(tmp_path: Path):
    hook = {"tcpSocket": {"port": 1}}
    main = {"name": "main", "image": "busybox:1", "lifecycle": {"postStart": hook}}
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main, annotations={f"{SIMULATED}/term-seconds": "3"})
        pod = await world.until("web", waits_for("PostStartHookError"))
        assert "tcpSocket is not supported" in container(pod).state.waiting.message
        assert container(pod).last_state.terminated.exit_code == 143, "it had its grace"
        assert not is_ready(pod)
        told = [(reason, message) for _, reason, message in await world.events("web")]
        assert ("Killing", "FailedPostStartHook") in told
        assert any(reason == "FailedPostStartHook" for reason, _ in told)
        await world.until("web", waits_for("CrashLoopBackOff"))


@virtual
async def test_pre_stop_hook_that_fails_is_told_and_stops_nothing(tmp_path: Path):
    hook = {"exec": {"command": ["false"]}}
    main = {"name": "main", "image": "busybox:1", "lifecycle": {"preStop": hook}}
    async with AgentWorld(tmp_path) as world:
        world.machine.inject("exec_sync", RuntimeFault("no such file"))
        await world.create("web", main)
        await world.until_ready("web")
        await world.pods.delete("web", namespace="default", grace_period_seconds=10)
        await world.until_gone("web")
        told = [(reason, message) for _, reason, message in await world.events("web")]
        assert ("FailedPreStopHook", "PreStopHook failed: no such file") in told
        assert await world.now() < 1


@virtual
async def test_pre_stop_hook_runs_within_the_grace(tmp_path: Path):
    main = {"name": "main", "image": "busybox:1", "lifecycle": {"preStop": {"sleep": {"seconds": 3}}}}
    async with AgentWorld(tmp_path) as world:
        await world.create("web", main, annotations={f"{SIMULATED}/term-seconds": "2"})
        await world.until_ready("web")
        await world.pods.delete("web", namespace="default", grace_period_seconds=10)
        await world.until_gone("web")
        assert 5 <= await world.now() < 5.5


@virtual
async def test_finalizer_keeps_the_object_and_the_agent_asks_only_once(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web")
        await world.until_ready("web")
        await world.pods.patch("web", {"metadata": {"finalizers": ["example.com/wait"]}}, namespace="default")
        await world.pods.delete("web", namespace="default", grace_period_seconds=1)
        await world.until("web", phase("Failed"))
        await world.agent.kit.recorder.wait_written()
        await world.pods.patch("web", {"metadata": {"finalizers": None}}, namespace="default")
        await world.until_gone("web")
        assert world.writes("web").count("DELETE") == 1


@virtual
async def test_one_containers_end_makes_all_start_anew(tmp_path: Path):
    rule = {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [88]}}
    watcher = {
        "name": "watcher",
        "image": "busybox:1",
        "restartPolicy": "Never",
        "restartPolicyRules": [rule],
    }
    notes = {"lasts.setup": "1", "lasts.main": "5", "lasts.watcher": "10", "exit-codes.watcher": "88,0"}
    async with AgentWorld(tmp_path) as world:
        await world.create(
            "web",
            {"name": "main", "image": "busybox:1"},
            watcher,
            annotations={f"{SIMULATED}/{field}": value for field, value in notes.items()},
            initContainers=[{"name": "setup", "image": "busybox:1"}],
            restartPolicy="Never",
        )
        before = await world.until(
            "web", lambda pod: pod.status.container_statuses and container(pod).state.terminated
        )
        restarting = "AllContainersRestarting"
        await world.until(
            "web", lambda pod: any((c.type, c.status) == (restarting, "True") for c in pod.status.conditions)
        )
        pod = await world.until("web", phase("Succeeded"))
        assert 21 <= await world.now() < 24, "each of both lives took 11 seconds"
        assert [container(pod, name).restart_count for name in ("setup", "main", "watcher")] == [1, 1, 1]
        assert container(pod, "watcher").last_state.terminated.reason == "RestartingAllContainers"
        assert pod.status.pod_ip == before.status.pod_ip


@pytest.mark.parametrize("count", [30])
@virtual
async def test_many_pods_at_once(tmp_path: Path, count: int):
    async with AgentWorld(tmp_path) as world:
        for number in range(count):
            await world.create(f"web-{number}")
        for number in range(count):
            await world.until_ready(f"web-{number}")
        writes = sum(len(world.writes(f"web-{number}")) for number in range(count))
        assert writes == count
