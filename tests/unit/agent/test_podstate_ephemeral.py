"""Ephemeral containers as `podstate` decides about them: run once, beside everything, without bearing on the Pod.

Rows of sig-node ephemeral_containers. (Source: concepts/workloads/pods/ephemeral-containers.)
"""

from __future__ import annotations

import pytest
from podstate_world import World, container, pod

from podling.agent.podstate import Failure
from podling.api.types import core_v1
from podling.runtime.interface import ContainerState


def debug(world: World, name: str = "debug") -> None:
    spec = world.pod.spec
    spec.ephemeral_containers = [
        *(spec.ephemeral_containers or []),
        core_v1.EphemeralContainer(name=name, image="busybox", target_container_name="main"),
    ]


def shown(world: World, name: str = "debug") -> core_v1.ContainerStatus:
    return next(s for s in world.status.ephemeral_container_statuses or [] if s.name == name)


@pytest.fixture
def world() -> World:
    made = World(pod(container("main")))
    made.settle()
    return made


def test_one_added_to_a_running_pod_runs(world: World):
    debug(world)
    world.settle()
    assert world.newest("debug").state is ContainerState.RUNNING
    assert shown(world).state.running is not None


def test_a_second_one_runs_beside_the_first(world: World):
    debug(world)
    world.settle()
    debug(world, "again")
    world.settle()
    assert [shown(world, name).state.running is not None for name in ("debug", "again")] == [True, True]


def test_it_is_never_started_again(world: World):
    debug(world)
    world.settle()
    world.exit("debug", 1)
    world.advance(3600)
    assert [c.attempt for c in world.containers if c.name == "debug"] == [0]
    assert shown(world).state.terminated.exit_code == 1
    assert shown(world).restart_count == 0


def test_not_even_when_the_runtime_has_forgotten_it(world: World):
    debug(world)
    world.settle()
    world.exit("debug", 0)
    world.settle()
    world.containers = [c for c in world.containers if c.name != "debug"]
    world.settle()
    assert all(c.name != "debug" for c in world.containers)
    assert shown(world).state.terminated.exit_code == 0


def test_its_state_bears_on_neither_phase_nor_readiness(world: World):
    debug(world)
    world.settle()
    world.exit("debug", 1)
    world.settle()
    assert world.status.phase == "Running"
    assert world.condition("Ready").status == "True"
    assert shown(world).ready is False
    assert shown(world).started is None


def test_it_starts_while_an_init_container_still_works():
    world = World(pod(container("main"), initContainers=[container("setup")]))
    world.settle()
    debug(world)
    world.settle()
    assert world.newest("debug").state is ContainerState.RUNNING
    assert world.newest("setup").state is ContainerState.RUNNING


def test_why_it_waits_is_shown(world: World):
    debug(world)
    why = "unable to find target container main"
    world.failures["debug"] = Failure(
        "CreateContainerConfigError", why, at=world.now, retry_at=world.now + 10
    )
    world.settle()
    assert shown(world).state.waiting.reason == "CreateContainerConfigError"
    assert shown(world).state.waiting.message == why
    assert world.status.phase == "Running"


def test_it_keeps_no_finished_pod_alive():
    world = World(pod(container("main"), restartPolicy="Never"))
    world.settle()
    debug(world)
    world.settle()
    world.exit("main", 0)
    world.settle()
    assert world.status.phase == "Succeeded"
    assert world.newest("debug").state is ContainerState.EXITED


def test_it_ends_with_a_deleted_pod(world: World):
    debug(world)
    world.settle()
    world.delete()
    world.settle()
    assert world.removed
    assert not world.containers
