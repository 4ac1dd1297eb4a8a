"""One container's end makes all of its Pod's containers start anew, in place. (Source: KEP-5532.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from podstate_world import World, container, pod

from podling.agent.podstate import KillContainer, RemoveContainer, StartContainer, StopSandbox, UnmountVolumes
from podling.agent.podstate.restartall import MESSAGE, REASON
from podling.runtime.interface import ContainerState

RULES = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [88]}}]
TRIGGER = {"restartPolicy": "Never", "restartPolicyRules": RULES}


def world(*, inits: Sequence[Any] = (), **spec: Any) -> World:
    made = World(pod(container("main"), container("watcher", **TRIGGER), restartPolicy="Never", **spec))
    made.pod.spec.init_containers = [*inits] or None
    made.settle()
    for init in inits:
        if init.restart_policy != "Always":
            made.exit(init.name, 0)
            made.settle()
    return made


def condition(made: World) -> tuple[str, str | None, str | None]:
    found = made.condition("AllContainersRestarting")
    return found.status, found.reason, found.message


def test_everything_starts_anew_in_the_same_sandbox():
    made = world(inits=[container("setup"), container("proxy", restartPolicy="Always")])
    ip = made.status.pod_ip
    assert made.status.phase == "Running"
    made.exit("watcher", 88)
    made.settle()
    assert made.newest("setup").state is ContainerState.RUNNING, "init containers run again"
    assert made.status.phase == "Running"
    made.exit("setup", 0)
    made.settle()
    for name in ("setup", "proxy", "main", "watcher"):
        shown = made.shown(name)
        assert shown.restart_count == 1, name
        assert shown.last_state.terminated.exit_code == 137
        assert (shown.last_state.terminated.reason, shown.last_state.terminated.message) == (REASON, MESSAGE)
    assert made.status.pod_ip == ip
    assert not made.done_of(StopSandbox)
    assert not made.done_of(UnmountVolumes)


def test_what_runs_is_ended_at_once_and_who_asked_for_it_goes_last():
    made = world()
    made.exit("watcher", 88)
    made.settle()
    (kill,) = made.done_of(KillContainer)
    assert (kill.name, kill.deadline) == ("main", made.now), "no grace, and so no preStop"
    removed = [action.container_id for action in made.done_of(RemoveContainer)]
    assert removed == ["c1", "c2"]


def test_condition_tells_of_it():
    made = world()
    assert condition(made) == ("False", None, None)
    made.exit("watcher", 88)
    made.plan()
    wanted = ("True", "RestartAllContainersStarted", "container exited with restart policy rule")
    assert condition(made) == wanted
    made.settle()
    assert condition(made) == ("False", None, None)


def test_removed_containers_say_what_they_wait_for():
    made = world()
    made.exit("watcher", 88)
    for action in made.plan().actions:
        made.carry_out(action)
    for action in made.plan().actions:
        made.carry_out(action)
    made.plan()
    assert made.shown("main").state.waiting.reason == REASON
    assert made.shown("watcher").state.terminated.exit_code == 88
    assert made.status.phase == "Running"


@pytest.mark.parametrize("code", [0, 1])
def test_other_ends_do_not_ask_for_it(code: int):
    made = world()
    made.exit("watcher", code)
    made.settle()
    assert made.newest("main").attempt == made.newest("watcher").attempt == 0
    assert condition(made)[0] == "False"


def test_containers_that_had_finished_start_again_too():
    made = world()
    made.exit("main", 0)
    made.settle()
    assert made.status.phase == "Running"
    made.exit("watcher", 88)
    made.settle()
    assert made.newest("main").state is ContainerState.RUNNING
    assert made.shown("main").restart_count == 1


def test_next_agent_goes_on_with_it():
    made = world()
    made.exit("watcher", 88)
    made.plan()
    made.containers = [record for record in made.containers if record.name == "main"]
    assert condition(made)[0] == "True"
    made.settle()
    assert {record.attempt for record in made.containers} == {1}
    assert condition(made)[0] == "False"


def test_again_and_again():
    made = world()
    for times in (1, 2, 3):
        made.exit("watcher", 88)
        made.settle()
        assert [made.shown(name).restart_count for name in ("main", "watcher")] == [times, times]
        assert made.shown("main").state.running


def test_deleted_pod_does_not_begin_anew():
    made = world()
    made.exit("watcher", 88)
    made.delete()
    made.settle()
    assert not made.sandboxes
    assert {action.attempt for action in made.done_of(StartContainer)} == {0}


def test_pods_without_such_a_rule_have_no_such_condition():
    made = World(pod())
    made.settle()
    assert "AllContainersRestarting" not in {c.type for c in made.status.conditions or []}
