"""A Pod's life as `podstate` plans it.  Each rule is the kubelet's; where not obvious, the source is named."""

from __future__ import annotations

import pytest
from podstate_world import START, World, container, pod

from podling.agent.podstate import (
    CreateSandbox,
    DeleteObject,
    Failure,
    KillContainer,
    MountVolumes,
    Probed,
    RemoveContainer,
    RemoveSandbox,
    StartContainer,
    StopSandbox,
    UnmountVolumes,
    Verdict,
    Volumes,
)
from podling.runtime.interface import ContainerState, SandboxState


def test_steps_to_a_running_pod_come_in_order():
    world = World(pod())
    first = world.plan()
    assert [type(action).__name__ for action in first.actions] == ["PrepareImage", "MountVolumes"]
    world.settle()
    kinds = [type(action).__name__ for action in world.done]
    assert kinds == ["PrepareImage", "MountVolumes", "CreateSandbox", "StartContainer"]


def test_pod_without_probes_is_ready_in_the_status_that_says_running():
    world = World(pod())
    world.settle()
    assert world.status.phase == "Running"
    assert world.condition("Ready").status == "True"
    assert world.shown().ready
    assert world.shown().started
    assert world.status.pod_ip == "10.42.0.2"
    assert world.status.host_ip == "10.0.0.1"
    assert world.shown().container_id == "oci://c1"


def test_nothing_is_planned_for_a_pod_that_runs_well():
    world = World(pod())
    world.settle()
    world.now += 3600
    made = world.plan()
    assert made.actions == ()
    assert made.wake_at is None
    assert made.status == world.status


def test_no_second_order_while_one_is_under_way():
    world = World(pod())
    for action in world.plan().actions:
        world.busy[action.key] = action
    assert world.plan().actions == ()


def test_image_is_not_asked_for_again_while_its_container_starts():
    world = World(pod())
    while not isinstance((order := world.plan().actions[0]), StartContainer):
        world.carry_out(order)
    world.busy[order.key] = order
    world.images.clear()  # taken by the start
    assert world.plan().actions == ()


def test_pending_pod_shows_container_creating():
    world = World(pod())
    world.plan()
    assert world.status.phase == "Pending"
    waiting = world.shown().state.waiting
    assert waiting.reason == "ContainerCreating"
    ready = world.condition("Ready")
    assert (ready.status, ready.reason) == ("False", "ContainersNotReady")
    assert ready.message == "containers with unready status: [main]"


def test_containers_start_one_after_the_other_in_spec_order():
    world = World(pod(container("b"), container("a")))
    world.settle()
    assert [action.name for action in world.done_of(StartContainer)] == ["b", "a"]
    # the statuses are sorted by name
    assert [status.name for status in world.status.container_statuses] == ["a", "b"]


def test_volumes_that_fail_are_tried_again_when_due_and_nothing_else_starts():
    world = World(pod(), volumes=Volumes(ready=False, present=True, retry_at=START + 2))
    made = world.settle()
    assert made.wake_at == START + 2
    assert not world.done_of(CreateSandbox)
    world.advance(2)
    assert world.done_of(MountVolumes)
    assert world.status.phase == "Running"


def test_sandbox_that_fails_is_tried_again_when_due():
    failure = Failure("FailedCreatePodSandBox", "no address left", at=START, retry_at=START + 5)
    world = World(pod(), failures={"sandbox": failure})
    assert world.settle().wake_at == START + 5
    assert not world.done_of(CreateSandbox)


class TestRestart:
    @pytest.mark.parametrize(
        ("policy", "code", "again", "phase"),
        [
            ("Always", 0, True, "Running"),
            ("Always", 1, True, "Running"),
            ("OnFailure", 0, False, "Succeeded"),
            ("OnFailure", 1, True, "Running"),
            ("Never", 0, False, "Succeeded"),
            ("Never", 1, False, "Failed"),
        ],
    )
    def test_policy_decides(self, policy: str, code: int, again: bool, phase: str):
        world = World(pod(restartPolicy=policy))
        world.settle()
        world.exit("main", code)
        world.settle()
        assert world.status.phase == phase
        assert world.shown().restart_count == int(again)
        assert (world.newest().state is ContainerState.RUNNING) is again

    def test_delays_double_from_ten_seconds_to_five_minutes(self):
        world = World(pod())
        world.settle()
        waits = []
        for _ in range(9):
            world.exit("main", 1)
            ended, attempt = world.now, world.newest().attempt
            while world.newest().attempt == attempt:
                made = world.settle()
                if world.newest().attempt == attempt:
                    world.now = made.wake_at
            waits.append(world.now - ended)
        assert waits == [0, 10, 20, 40, 80, 160, 300, 300, 300]

    def test_ten_good_minutes_reset_the_delay(self):
        world = World(pod())
        world.settle()
        for _ in range(4):
            world.exit("main", 1)
            world.advance(300)
        world.now += 601
        world.exit("main", 1)
        world.settle()
        assert world.newest().state is ContainerState.RUNNING, "restarted at once"
        world.exit("main", 1)
        ended = world.now
        world.settle()
        assert world.newest().state is ContainerState.EXITED
        world.advance(10)
        assert world.newest().started_at == int((ended + 10) * 1e9), "and the delays begin anew"

    def test_status_shows_the_end_first_and_then_the_crash_loop(self):
        world = World(pod())
        world.settle()
        world.exit("main", 1)
        world.settle()
        world.exit("main", 2)
        world.settle()
        assert world.shown().state.terminated.exit_code == 2
        world.advance(3)
        status = world.shown()
        assert status.state.waiting.reason == "CrashLoopBackOff"
        assert status.state.waiting.message == (
            "back-off 10s restarting failed container=main pod=pod_default(uid-1)"
        )
        assert status.last_state.terminated.exit_code == 2
        assert world.status.phase == "Running"
        events = [(note.type, note.reason, note.message) for note in world.notes.values()]
        assert events == [
            ("Warning", "BackOff", "Back-off restarting failed container main in pod pod_default(uid-1)")
        ]

    def test_only_the_latest_two_attempts_are_kept(self):
        world = World(pod())
        world.settle()
        for _ in range(3):
            world.exit("main", 1)
            world.advance(100)
        assert [c.attempt for c in world.containers] == [2, 3]
        assert len(world.done_of(RemoveContainer)) == 2

    def test_one_container_restarts_without_the_other(self):
        world = World(pod(container("web"), container("writer")))
        world.settle()
        ip, other = world.status.pod_ip, world.newest("writer").id
        world.exit("web", 137)
        world.settle()
        assert world.newest("web").attempt == 1
        assert world.newest("writer").id == other
        assert world.status.pod_ip == ip
        assert not world.done_of(StopSandbox)

    def test_changed_image_replaces_the_container_whatever_the_policy(self):
        world = World(pod())
        world.settle()
        world.pod.spec.containers[0].image = "busybox:2"
        world.settle()
        (kill,) = world.done_of(KillContainer)
        assert kill.message == "Container main definition changed, will be restarted"
        assert world.newest().attempt == 1

    def test_a_container_that_was_made_but_never_started_is_started_without_a_restart(self):
        """The agent died between create and start."""
        world = World(pod())
        world.settle()
        from dataclasses import replace

        world.containers = [replace(world.newest(), state=ContainerState.CREATED, started_at=0)]
        (order,) = world.plan().actions
        assert isinstance(order, StartContainer)
        assert (order.existing, order.attempt) == ("c1", 0)

    def test_lost_container_counts_as_failed_and_is_removed(self):
        from dataclasses import replace

        world = World(pod(restartPolicy="Never"))
        world.settle()
        world.containers = [replace(world.newest(), state=ContainerState.UNKNOWN)]
        world.settle()
        assert world.status.phase == "Failed"
        assert world.shown().state.terminated.reason == "ContainerStatusUnknown"
        assert world.shown().state.terminated.exit_code == 137

    def test_what_ran_once_does_not_run_twice_when_the_runtime_forgets(self):
        world = World(pod(restartPolicy="Never"))
        world.settle()
        world.containers, world.sandboxes = [], []
        world.settle()
        assert len(world.done_of(StartContainer)) == 1
        assert world.status.phase == "Failed"

    def test_node_that_lost_its_power_counts_a_restart_and_says_how_the_container_ended(self):
        world = World(pod())
        world.settle()
        world.sandboxes, world.containers, world.volumes = [], [], Volumes()
        world.settle()
        status = world.status.container_statuses[0]
        assert (status.restart_count, status.state.running is not None) == (1, True)
        assert status.last_state.terminated.exit_code == 137
        assert status.last_state.terminated.reason == "ContainerStatusUnknown"

    def test_restart_count_survives_a_runtime_that_forgets(self):
        world = World(pod())
        world.settle()
        world.exit("main", 1)
        world.settle()
        world.containers, world.sandboxes = [], []
        world.settle()
        assert world.shown().restart_count == 2


class TestFailuresToStart:
    def test_pull_error_is_shown_first_and_then_the_back_off(self):
        failure = Failure("ErrImagePull", "not found", at=START, retry_at=START + 10)
        world = World(pod(), failures={"main": failure})
        world.settle()
        assert world.shown().state.waiting.reason == "ErrImagePull"
        world.advance(3)
        waiting = world.shown().state.waiting
        assert waiting.reason == "ImagePullBackOff"
        assert waiting.message == 'Back-off pulling image "busybox": ErrImagePull: not found'
        assert [(n.type, n.reason, n.message) for n in world.notes.values()] == [
            ("Normal", "BackOff", 'Back-off pulling image "busybox"'),
            ("Warning", "Failed", "Error: ImagePullBackOff"),
        ]
        assert not world.done_of(StartContainer)

    @pytest.mark.parametrize(
        "reason", ["CreateContainerConfigError", "ErrImageNeverPull", "InvalidImageName"]
    )
    def test_other_reasons_stay(self, reason: str):
        world = World(pod(), failures={"main": Failure(reason, "why", at=START, retry_at=START + 10)})
        world.advance(9)
        assert world.shown().state.waiting.reason == reason
        assert world.status.phase == "Pending"

    def test_other_containers_start_meanwhile(self):
        failure = Failure("ErrImagePull", "not found", at=START, retry_at=START + 10)
        world = World(pod(container("bad"), container("good")), failures={"bad": failure})
        world.settle()
        assert world.newest("good").state is ContainerState.RUNNING
        assert world.status.phase == "Pending", (
            "kubelet getPhase: a container that never ran keeps it Pending"
        )

    def test_command_that_cannot_run_shows_run_container_error_and_then_crash_loops(self):
        world = World(pod())
        world.settle()
        world.exit("main", 128, reason="StartError", message="no such file")
        world.failures["main"] = Failure(
            "RunContainerError", "no such file", at=world.now, retry_at=world.now
        )
        world.settle()
        world.exit("main", 128, reason="StartError", message="no such file")
        world.failures["main"] = Failure(
            "RunContainerError", "no such file", at=world.now, retry_at=world.now
        )
        world.settle()
        assert world.shown().state.waiting.reason == "RunContainerError"
        assert world.shown().last_state.terminated.reason == "StartError"
        world.advance(3)
        assert world.shown().state.waiting.reason == "CrashLoopBackOff"


class TestSandbox:
    def test_dead_sandbox_is_made_again_and_containers_restart_in_it(self):
        world = World(pod())
        world.settle()
        world.lose_sandbox()
        world.settle()
        assert [action.attempt for action in world.done_of(CreateSandbox)] == [0, 1]
        assert world.status.phase == "Running"
        assert world.shown().restart_count == 1
        assert world.status.pod_ip == "10.42.0.3"
        assert [s.attempt for s in world.sandboxes] == [1], (
            "the old one went once its container had a successor"
        )

    def test_containers_in_a_dead_sandbox_end_before_the_next_is_made(self):
        world = World(pod(), stubborn=True)
        world.settle()
        world._change_sandbox("s0", state=SandboxState.NOT_READY)
        world.settle()
        assert len(world.done_of(CreateSandbox)) == 1
        assert [n.reason for n in world.notes.values()] == ["SandboxChanged"]
        world.finish_kills()
        world.settle()
        assert len(world.done_of(CreateSandbox)) == 2

    @pytest.mark.parametrize(
        ("policy", "code", "phase"), [("Never", 137, "Failed"), ("OnFailure", 0, "Succeeded")]
    )
    def test_pod_with_nothing_to_restart_ends_instead(self, policy: str, code: int, phase: str):
        world = World(pod(restartPolicy=policy))
        world.settle()
        world.exit("main", code)
        world.lose_sandbox()
        world.settle()
        assert len(world.done_of(CreateSandbox)) == 1
        assert world.status.phase == phase

    def test_host_network_pod_shows_the_hosts_address(self):
        world = World(pod(hostNetwork=True))
        world.settle()
        world._change_sandbox("s0", ips=())
        world.settle()
        assert world.status.pod_ip == "10.0.0.1"
        assert len(world.done_of(CreateSandbox)) == 1


class TestInitContainers:
    def test_run_one_by_one_before_the_containers(self):
        world = World(pod(initContainers=[container("one"), container("two")]))
        world.settle()
        assert [c.name for c in world.containers] == ["one"]
        assert world.shown("main").state.waiting.reason == "PodInitializing"
        assert world.condition("Initialized").message == "containers with incomplete status: [one two]"
        world.exit("one", 0)
        world.settle()
        assert [c.name for c in world.containers] == ["one", "two"]
        world.exit("two", 0)
        world.settle()
        assert world.status.phase == "Running"
        assert world.condition("Initialized").status == "True"
        assert world.shown("one").ready
        assert world.shown("one").state.terminated.reason == "Completed"

    def test_failing_one_is_retried_with_back_off(self):
        world = World(pod(initContainers=[container("init")]))
        world.settle()
        world.exit("init", 1)
        world.settle()
        assert world.newest("init").attempt == 1
        world.exit("init", 1)
        world.advance(4)
        assert world.shown("init").state.waiting.reason == "CrashLoopBackOff"
        assert world.status.phase == "Pending"
        assert world.condition("Initialized").reason == "ContainersNotInitialized"

    def test_failing_one_fails_a_pod_that_never_restarts(self):
        world = World(pod(initContainers=[container("init")], restartPolicy="Never"))
        world.settle()
        world.exit("init", 1)
        world.settle()
        assert world.status.phase == "Failed"
        assert not any(c.name == "main" for c in world.containers)
        assert world.shown("main").state.waiting.reason == "PodInitializing"

    def test_they_run_again_in_a_new_sandbox(self):
        world = World(pod(initContainers=[container("init")]))
        world.settle()
        world.exit("init", 0)
        world.settle()
        world.lose_sandbox()
        world.settle()
        assert world.newest("init").attempt == 1
        assert world.newest("init").state is ContainerState.RUNNING
        assert world.newest("main").attempt == 0

    def test_forgotten_records_of_earlier_ones_do_not_rerun_them(self):
        world = World(pod(initContainers=[container("one"), container("two")]))
        world.settle()
        world.exit("one", 0)
        world.settle()
        world.containers = [c for c in world.containers if c.name != "one"]
        world.settle()
        assert [action.name for action in world.done_of(StartContainer)] == ["one", "two"]


class TestSidecars:
    def spec(self, **fields: object) -> World:
        proxy = container("proxy", restartPolicy="Always", **fields)
        return World(pod(container("app"), initContainers=[proxy, container("setup")]))

    def test_starts_first_and_stays_beside(self):
        world = self.spec()
        world.settle()
        assert [c.name for c in world.containers] == ["proxy", "setup"]
        world.exit("setup", 0)
        world.settle()
        assert world.newest("proxy").state is ContainerState.RUNNING
        assert world.status.phase == "Running"
        assert world.condition("Ready").status == "True"

    def test_next_waits_for_its_startup_probe(self):
        world = self.spec(startupProbe={"exec": {"command": ["true"]}})
        world.settle()
        assert [c.name for c in world.containers] == ["proxy"]
        world.probed["c1"] = Probed(started=True)
        world.settle()
        assert [c.name for c in world.containers] == ["proxy", "setup"]

    def test_is_restarted_when_it_ends_beside_running_containers(self):
        world = self.spec()
        world.settle()
        world.exit("setup", 0)
        world.settle()
        world.exit("proxy", 0)
        world.settle()
        assert world.newest("proxy").attempt == 1
        assert world.newest("app").attempt == 0

    def test_does_not_keep_a_finished_pod_alive(self):
        world = self.spec()
        world.pod.spec.restart_policy = "Never"
        world.settle()
        world.exit("setup", 0)
        world.settle()
        world.exit("app", 0)
        world.settle()
        assert world.status.phase == "Succeeded"
        assert world.newest("proxy").state is ContainerState.EXITED

    def test_ends_after_the_containers(self):
        world = self.spec()
        world.settle()
        world.exit("setup", 0)
        world.settle()
        world.delete()
        world.settle()
        assert [action.name for action in world.done_of(KillContainer)] == ["app", "proxy"]

    def test_sidecar_that_was_ended_with_its_pod_is_not_started_again(self):
        world = World(pod(restartPolicy="Never", initContainers=[container("proxy", restartPolicy="Always")]))
        world.settle()
        world.images["proxy"] = "sha256:image"
        world.exit("main", 0)
        made = world.settle()
        assert world.newest("proxy").attempt == 0
        assert made.status.phase == "Succeeded"


class TestEnding:
    def test_deletion_kills_stops_unmounts_and_then_deletes_the_object(self):
        world = World(pod())
        world.settle()
        world.done.clear()
        world.delete(grace=5)
        made = world.settle()
        assert [type(action) for action in world.done] == [
            KillContainer,
            StopSandbox,
            UnmountVolumes,
            RemoveSandbox,
            DeleteObject,
        ]
        assert made.gone
        kill = world.done[0]
        assert isinstance(kill, KillContainer)
        assert kill.deadline == START + 5
        assert kill.message == "Stopping container main"

    def test_object_stays_until_the_final_status_is_written(self):
        world = World(pod(), written=False)
        world.settle()
        world.delete()
        world.settle()
        assert not world.done_of(DeleteObject)
        assert world.status.phase == "Failed"
        assert world.shown().state.terminated.exit_code == 143
        world.written = True
        world.settle()
        assert world.done_of(DeleteObject)

    def test_a_container_is_asked_once_however_often_the_world_is_looked_at(self):
        """Every further order would be a further signal."""
        world = World(pod(), stubborn=True)
        world.settle()
        world.delete(grace=30)
        world.settle()
        (kill,) = world.done_of(KillContainer)
        for step in range(1, 400):
            world.now = START + 0.0713 * step
            assert not world.plan().actions, f"{world.now}: {kill}"

    def test_second_deletion_may_shorten_the_grace_but_never_lengthens_it(self):
        world = World(pod(), stubborn=True)
        world.settle()
        world.delete(grace=30)
        world.settle()
        world.now += 5
        world.delete(grace=2)
        world.settle()
        assert [kill.deadline for kill in world.done_of(KillContainer)] == [START + 30, START + 5]
        world.delete(grace=60)
        world.settle()
        assert len(world.done_of(KillContainer)) == 2

    def test_forced_deletion_ends_containers_within_a_second(self):
        world = World(pod(), stubborn=True)
        world.settle()
        world.delete(grace=30)
        world.settle()
        world.removed = True
        world.settle()
        assert world.done_of(KillContainer)[-1].deadline == START + 1
        world.finish_kills()
        made = world.settle()
        assert made.gone
        assert not world.done_of(DeleteObject)

    def test_start_under_way_is_awaited(self):
        world = World(pod())
        world.settle()
        world.busy["start/main"] = StartContainer("main", "s0", 1, "")
        world.delete()
        made = world.plan()
        assert [type(action) for action in made.actions] == [KillContainer]
        world.exit("main", 143)
        assert world.plan().actions == ()

    def test_pod_that_never_started_goes_at_once(self):
        world = World(pod())
        world.delete()
        made = world.settle()
        assert world.removed
        assert world.status.phase == "Failed"
        assert made.gone

    def test_finished_pod_gives_back_its_sandbox_and_volumes_and_keeps_its_records(self):
        world = World(pod(restartPolicy="Never"))
        world.settle()
        world.exit("main", 0)
        made = world.settle()
        assert made.ended
        assert not made.gone
        assert world.sandboxes[0].state is SandboxState.NOT_READY
        assert world.volumes == Volumes()
        assert world.containers, "for its logs"
        assert world.status.phase == "Succeeded"
        assert world.status.pod_ip == "10.42.0.2"
        assert world.condition("Ready").reason == "PodCompleted"
        assert world.condition("Initialized").reason == "PodCompleted"

    def test_terminal_phase_is_never_left(self):
        world = World(pod(restartPolicy="Never"))
        world.settle()
        world.exit("main", 1)
        world.settle()
        world.containers, world.sandboxes = [], []
        world.advance(1000)
        assert world.status.phase == "Failed"
        assert len(world.done_of(StartContainer)) == 1

    def test_deadline_ends_a_pod_that_is_active_too_long(self):
        world = World(pod(activeDeadlineSeconds=60))
        world.settle()
        world.advance(61)
        assert world.status.phase == "Failed"
        assert world.status.reason == "DeadlineExceeded"
        assert world.status.message == "Pod was active on the node longer than the specified deadline"
        assert world.newest().state is ContainerState.EXITED
        assert [note.reason for note in world.notes.values()] == ["DeadlineExceeded"]

    def test_refused_pod_fails_without_running_anything(self):
        verdict = Verdict(reason="OutOfcpu", message="Node didn't have enough resource: cpu", refused=True)
        world = World(pod(), verdict=verdict)
        made = world.settle()
        assert not world.done
        assert (world.status.phase, world.status.reason) == ("Failed", "OutOfcpu")
        assert world.status.message == "Pod was rejected: Node didn't have enough resource: cpu"
        assert made.ended
        world.delete()
        assert world.settle().gone

    def test_shutdown_ends_containers_and_keeps_the_pod(self):
        world = World(pod())
        world.settle()
        world.shutdown = True
        made = world.settle()
        assert world.newest().state is ContainerState.EXITED
        assert world.sandboxes[0].state is SandboxState.NOT_READY
        assert world.volumes.present
        assert world.status.phase == "Running"
        assert world.condition("Ready").status == "False"
        assert not made.gone
        world.shutdown, world.ending_at = False, None
        world.settle()
        assert world.shown().restart_count == 1
        assert world.condition("Ready").status == "True"


class TestProbes:
    def world(self, **fields: object) -> World:
        world = World(pod(container(**fields)))
        world.settle()
        return world

    def test_readiness_decides_ready_and_restarts_nothing(self):
        world = self.world(readinessProbe={"tcpSocket": {"port": 80}})
        assert world.status.phase == "Running"
        assert world.condition("Ready").status == "False"
        world.probed["c1"] = Probed(ready=True)
        world.settle()
        assert world.condition("Ready").status == "True"
        world.probed["c1"] = Probed(ready=False)
        world.settle()
        assert world.condition("Ready").status == "False"
        assert not world.done_of(KillContainer)

    def test_failed_liveness_restarts_within_the_probes_own_grace(self):
        world = self.world(livenessProbe={"tcpSocket": {"port": 80}, "terminationGracePeriodSeconds": 4})
        world.probed["c1"] = Probed(alive=False)
        world.settle()
        (kill,) = world.done_of(KillContainer)
        assert kill.message == "Container main failed liveness probe, will be restarted"
        assert kill.deadline == START + 4
        assert world.shown().restart_count == 1

    def test_failed_startup_restarts(self):
        world = self.world(startupProbe={"tcpSocket": {"port": 80}})
        assert not world.shown().started
        world.probed["c1"] = Probed(started=False, startup_failed=True)
        world.settle()
        (kill,) = world.done_of(KillContainer)
        assert kill.message == "Container main failed startup probe, will be restarted"

    def test_failed_liveness_ends_a_pod_that_never_restarts(self):
        world = World(pod(container(livenessProbe={"tcpSocket": {"port": 80}}), restartPolicy="Never"))
        world.settle()
        world.probed["c1"] = Probed(alive=False)
        world.settle()
        (kill,) = world.done_of(KillContainer)
        assert kill.message == "Container main failed liveness probe"
        assert world.status.phase == "Failed"


class TestConditions:
    def test_transition_time_changes_only_with_the_status(self):
        world = World(pod())
        world.settle()
        since = world.condition("Ready").last_transition_time
        world.now += 100
        world.plan()
        assert world.condition("Ready").last_transition_time == since
        world.exit("main", 1)
        world.plan()
        assert world.condition("Ready").last_transition_time != since

    def test_readiness_gates_hold_ready_back(self):
        world = World(pod(readinessGates=[{"conditionType": "lb"}]))
        world.settle()
        assert world.condition("ContainersReady").status == "True"
        ready = world.condition("Ready")
        assert (ready.status, ready.reason) == ("False", "ReadinessGatesNotReady")
        assert ready.message == 'corresponding condition of pod readiness gate "lb" does not exist.'
        from podling.api.types import core_v1

        world.pod.status.conditions = [core_v1.PodCondition(type="lb", status="True")]
        world.settle()
        assert world.condition("Ready").status == "True"
        assert world.condition("lb").status == "True"

    def test_scheduled_condition_keeps_its_time(self):
        from podling.api.types import core_v1

        world = World(pod())
        scheduled = core_v1.PodCondition(
            type="PodScheduled", status="True", last_transition_time="2023-01-01T00:00:00Z"
        )
        world.pod.status.conditions = [scheduled]
        world.settle()
        assert world.condition("PodScheduled").last_transition_time == "2023-01-01T00:00:00Z"

    def test_generation_is_observed(self):
        world = World(pod())
        world.pod.metadata.generation = 7
        world.settle()
        assert world.status.observed_generation == 7
        assert world.condition("Ready").observed_generation == 7
