"""Granting other resources, purely: what was granted, who comes first, what the status shows of the kernel's limits."""

from __future__ import annotations

from typing import Any

import pytest
from podstate_world import container, pod

from podling.agent.podspec import resources
from podling.agent.resize import allocation, inforce, judgement, summary
from podling.api import codec
from podling.api.types import core_v1
from podling.runtime.interface import Resources

SMALL = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}
LARGE = {"requests": {"cpu": "300m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
NODE = {"cpu": "2", "memory": "4Gi", "pods": "10"}


def asking(given: dict[str, Any], **spec: Any) -> core_v1.Pod:
    return pod(container(resources=given), **spec)


def requirements(given: dict[str, Any]) -> core_v1.ResourceRequirements:
    return core_v1.ResourceRequirements(requests=given.get("requests"), limits=given.get("limits"))


def told(granted: dict[str, Any], in_force: dict[str, Any]) -> core_v1.PodStatus:
    status = core_v1.ContainerStatus(
        name="main",
        container_id="oci://c1",
        allocated_resources=granted["requests"],
        resources=requirements(in_force),
        state=core_v1.ContainerState(running=core_v1.ContainerStateRunning()),
    )
    return core_v1.PodStatus(container_statuses=[status])


def test_a_pod_is_seen_with_what_it_was_granted():
    wanted = asking(LARGE)
    granted = allocation.of(asking(SMALL))
    seen = allocation.applied(wanted, granted)
    assert seen.spec.containers[0].resources == requirements(SMALL)
    assert wanted.spec.containers[0].resources == requirements(LARGE)
    assert seen.metadata is wanted.metadata
    assert not allocation.is_same(wanted, granted)
    assert allocation.applied(wanted, allocation.of(wanted)) is wanted


def test_what_an_earlier_agent_granted_is_read_from_the_status():
    wanted = asking(LARGE)
    assert allocation.is_same(wanted, allocation.recovered(wanted)), "nothing is told of a new Pod"
    wanted.status = told(SMALL, SMALL)
    assert allocation.recovered(wanted).containers == {"main": requirements(SMALL)}
    assert allocation.actuated(wanted) == {"c1": requirements(SMALL)}
    assert allocation.in_force(wanted).spec.containers[0].resources == requirements(SMALL)


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"cpu": "1"}, None),
        ({"cpu": "3"}, ("Infeasible", "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000")),
        (
            {"memory": "5Gi", "cpu": "3"},
            ("Infeasible", f"Node didn't have enough capacity: memory, requested: {5 << 30}, capacity: {4 << 30}"),
        ),
        (
            {"cpu": "1500m"},
            ("Deferred", "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000"),
        ),
    ],
)  # fmt: skip
def test_a_resize_is_judged_beside_the_other_pods(asked, verdict):
    other = asking({"requests": {"cpu": "1"}})
    assert judgement.judge(asking({"requests": asked}), [other], NODE) == verdict


def test_shrinking_comes_first_then_priority_then_class_then_age():
    def waiting(given: dict[str, Any], since: str | None = None, **spec: Any) -> core_v1.Pod:
        made = asking(given, **spec)
        if since:
            pending = core_v1.PodCondition(type=judgement.PENDING, status="True", last_transition_time=since)
            made.status = core_v1.PodStatus(conditions=[pending])
        return made

    exact = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    wanted = {
        "shrinks": waiting({"requests": {"cpu": "1m"}}),
        "important": waiting(LARGE, priority=10),
        "guaranteed": waiting(exact),
        "old": waiting(LARGE, "2026-01-01T00:00:00Z"),
        "young": waiting(LARGE, "2026-01-02T00:00:00Z"),
        "new": waiting(LARGE),
    }
    has = asking(SMALL)
    names = [*wanted]
    names.reverse()
    names.sort(key=lambda name: judgement.order(wanted[name], has))
    assert names == [*wanted]


@pytest.mark.parametrize(
    ("given", "kernel", "shown"),
    [
        (SMALL, None, SMALL),
        (SMALL, Resources(cpu_shares=102, cpu_quota=20_000, cpu_period=100_000, memory_limit=128 << 20), SMALL),
        (
            SMALL,
            Resources(cpu_shares=512, cpu_quota=50_000, cpu_period=100_000, memory_limit=256 << 20),
            {
                "requests": {"cpu": "500m", "memory": "64Mi"},
                "limits": {"cpu": "500m", "memory": str(256 << 20)},
            },
        ),
        (
            {"requests": {"cpu": "1m"}, "limits": {"cpu": "5m", "memory": "100M"}},
            Resources(cpu_shares=2, cpu_quota=1000, cpu_period=100_000, memory_limit=99_999_744),
            {"requests": {"cpu": "1m"}, "limits": {"cpu": "5m", "memory": "100M"}},
        ),
    ],
)  # fmt: skip
def test_words_are_shown_where_the_kernel_means_the_same(given, kernel, shown):
    assert inforce.shown(requirements(given), kernel) == requirements(shown)


def test_the_whole_pods_limits_hold_over_the_containers():
    whole = {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    made = pod(container(), container("side", resources=SMALL), resources=whole)
    assert resources.of_pod(made) == Resources(
        cpu_shares=1024, cpu_quota=200_000, cpu_period=100_000, memory_limit=1 << 30
    )
    bare = resources.of_container(made, made.spec.containers[0], memory_capacity=4 << 30)
    assert (bare.cpu_quota, bare.memory_limit) == (200_000, 1 << 30)


def test_one_container_without_a_bound_leaves_the_pod_without_one():
    made = resources.of_pod(pod(container(), container("side", resources=SMALL)))
    assert (made.cpu_shares, made.cpu_quota, made.memory_limit) == (102, None, None)


def test_wider_limits_hold_both_sets():
    one = Resources(cpu_shares=10, cpu_quota=20_000, memory_limit=5)
    other = Resources(cpu_shares=20, cpu_quota=10_000, memory_limit=None)
    wide = resources.wider(one, other)
    assert (wide.cpu_shares, wide.cpu_quota, wide.memory_limit) == (20, 20_000, resources.UNLIMITED)


def test_events_name_sidecars_but_not_init_containers():
    inits = [container("first"), container("side", restartPolicy="Always", resources=SMALL)]
    made = pod(container(), initContainers=inits)
    text = summary.message("Pod resize Deferred", made, error="later")
    assert text.startswith('Pod resize Deferred: {"initContainers":[{"name":"side","resources":{"limits"')
    assert text.endswith('"containers":[{"name":"main","resources":{}}],"generation":1,"error":"later"}')


def test_nothing_of_the_wanted_pod_is_changed_by_the_looks_at_it():
    wanted = asking(LARGE)
    wanted.status = told(SMALL, SMALL)
    before = codec.struct_clone(wanted)
    allocation.applied(wanted, allocation.recovered(wanted))
    assert wanted == before


def test_what_is_known_of_containers_that_are_no_more_is_forgotten():
    made, resizing = asking(SMALL), allocation.Resizing()
    for number in range(1000):
        resizing.carried_out(f"c{number}", made.spec.containers[0], made)
        resizing.restart(f"c{number}")
        resizing.forget_all_but([f"c{number}"])
    assert "c999" in resizing.actuated
    sizes = [len(held) for held in (resizing.actuated, resizing.bounds)]
    assert max(sizes) < 30
    assert len(resizing.restarting) < 30
