"""A container whose image is changed starts again from the new one, whatever its restart policy says."""

from __future__ import annotations

import pytest
from podstate_world import World, container, pod

from podling.agent.podstate import KillContainer
from podling.runtime.interface import ContainerState

POLICIES = pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])


def change(world: World, name: str, image: str) -> None:
    """What `kubectl set image` does to the object."""
    spec = world.pod.spec
    next(c for c in [*spec.containers, *(spec.init_containers or [])] if c.name == name).image = image


@POLICIES
def test_running_container_is_replaced_at_once(policy: str):
    world = World(pod(container("main"), container("other"), restartPolicy=policy))
    world.settle()
    other = world.newest("other")
    change(world, "main", "busybox:2")
    made = world.settle()
    (kill,) = world.done_of(KillContainer)
    assert kill.message == "Container main definition changed, will be restarted"
    assert world.newest("main").state is ContainerState.RUNNING
    assert (world.newest("main").attempt, world.newest("main").image) == (1, "busybox:2")
    assert world.newest("other") == other, "its neighbour is left alone"
    assert made.status.phase == "Running"
    assert world.shown("main").restart_count == 1


@POLICIES
def test_only_container_of_a_pod_is_replaced_without_ending_it(policy: str):
    world = World(pod(restartPolicy=policy))
    world.settle()
    world.stubborn = True
    change(world, "main", "busybox:2")
    world.settle()
    world.stubborn = False
    world.finish_kills()
    assert world.plan().status.phase == "Running", "between the old and the new one"
    if policy == "Never":
        assert world.shown("main").state.waiting.reason == "ContainerCreating"
        assert world.shown("main").last_state.terminated.exit_code == 137
    world.settle()
    assert world.newest("main").state is ContainerState.RUNNING


def test_container_that_has_ended_is_not_started_for_a_new_image():
    world = World(pod(container("main"), container("other"), restartPolicy="Never"))
    world.settle()
    world.exit("main", 0)
    world.settle()
    change(world, "main", "busybox:2")
    world.settle()
    assert world.newest("main").attempt == 0


def test_new_image_does_not_wait_out_the_back_off_of_the_old_one():
    world = World(pod())
    world.settle()
    for _ in range(4):
        world.exit("main", 1)
        world.advance(0)
        world.advance(200)
    world.exit("main", 1)
    world.advance(5)
    assert world.shown("main").state.waiting.reason == "CrashLoopBackOff"
    change(world, "main", "busybox:2")
    world.settle()
    assert world.newest("main").image == "busybox:2"
    world.exit("main", 1)
    world.settle()
    assert world.newest("main").attempt == 6, "its first restart comes at once, as for any container"


def test_sidecar_is_replaced_too():
    sidecar = container("proxy", restartPolicy="Always")
    world = World(pod(initContainers=[sidecar], restartPolicy="Never"))
    world.settle()
    change(world, "proxy", "busybox:2")
    world.settle()
    (kill,) = world.done_of(KillContainer)
    assert kill.message == "Init container proxy definition changed"
    assert (world.newest("proxy").attempt, world.newest("proxy").image) == (1, "busybox:2")
    assert world.newest("main").attempt == 0
