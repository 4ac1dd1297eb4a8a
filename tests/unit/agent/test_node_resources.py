"""What a node offers: capacity less reservations, huge pages, extended resources; and how its groups of Pods weigh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from podstate_world import container, pod

from podling.agent import admission, machine
from podling.agent.config import AgentConfig
from podling.agent.eviction.thresholds import parse
from podling.agent.node import allocatable, qosgroups
from podling.agent.podspec import resources
from podling.api.types import core_v1

CAPACITY = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "100Gi", "pods": "110", "hugepages-2Mi": "0"}


def test_reservations_and_hard_thresholds_are_kept_from_pods():
    offered = allocatable.of(
        CAPACITY,
        [{"cpu": "500m", "memory": "1Gi"}, {"cpu": "250m", "pid": "100"}],
        parse(
            "memory.available<1Gi,nodefs.available<10%", "memory.available<3Gi", graces="memory.available=1m"
        ),
    )
    assert offered == {**CAPACITY, "cpu": "3250m", "memory": "6Gi", "ephemeral-storage": "90Gi"}


def test_nothing_is_kept_by_default_but_what_evictions_need():
    offered = allocatable.of(CAPACITY, (), AgentConfig(node_name="n").eviction.thresholds)
    assert offered == {
        **CAPACITY,
        "memory": f"{(8 << 10) - 100}Mi",
        "ephemeral-storage": f"{(100 << 10) - 100}Mi",
    }
    small = allocatable.of({"memory": "256Mi"}, (), AgentConfig(node_name="n").eviction.thresholds)
    assert small == {"memory": "235929Ki"}


def test_more_cannot_be_reserved_than_there_is():
    assert allocatable.of({"cpu": "1"}, [{"cpu": "2"}], ()) == {"cpu": "0"}


def test_huge_pages_are_offered_by_their_size(tmp_path: Path):
    found = replace(machine.read(tmp_path), hugepages={"hugepages-2Mi": 8 << 20, "hugepages-1Gi": 0})
    offered = machine.capacity(found, AgentConfig(node_name="n"))
    assert (offered["hugepages-2Mi"], offered["hugepages-1Gi"]) == ("8Mi", "0")


def test_only_what_is_not_kubernetes_own_is_extended():
    own = {"cpu": "1", "hugepages-2Mi": "0", "kubernetes.io/odd": "1", "pods": "1"}
    assert allocatable.extended({**own, "example.com/dongle": "4"}) == {"example.com/dongle": "4"}


def asking(**requests: str) -> core_v1.Pod:
    return pod(container(resources={"requests": requests}))


def judged(wanted: core_v1.Pod, *others: core_v1.Pod, **more: str) -> str | None:
    offered = {"cpu": "4", "pods": "10", "example.com/dongle": "2"} | more
    verdict = admission.fits(wanted, [*others], offered)
    return verdict.message if verdict is not None else None


def dongles(count: str) -> core_v1.Pod:
    return pod(container(resources={"requests": {"example.com/dongle": count}}))


def test_extended_resources_are_counted():
    assert judged(dongles("2")) is None
    assert judged(dongles("2"), dongles("1")) == (
        "Node didn't have enough resource: example.com/dongle, requested: 2, used: 1, capacity: 2"
    )
    assert judged(pod(container(resources={"requests": {"other.com/thing": "9"}}))) is None


def test_groups_weigh_what_their_pods_ask_for():
    exact = {"cpu": "1", "memory": "1Gi"}
    guaranteed = pod(container(resources={"requests": exact, "limits": exact}))
    assert qosgroups.shares([]) == {"burstable": 2, "besteffort": 2}
    assert qosgroups.shares([guaranteed, asking(cpu="1500m"), asking(cpu="500m"), pod()]) == {
        "burstable": 2048,
        "besteffort": 2,
    }


@pytest.mark.parametrize(
    ("made", "score"),
    [
        (pod(), 1000),
        (asking(memory="2Gi"), 750),
        (asking(memory="8Gi"), 3),
        (asking(cpu="1"), 999),
        (pod(priority=2_000_001_000), -997),
    ],
)
def test_the_kernel_kills_first_who_asked_for_least(made: core_v1.Pod, score: int):
    of: Any = resources.of_container(made, made.spec.containers[0], memory_capacity=8 << 30)
    assert of.oom_score_adj == score


def test_a_pod_may_be_bound_in_its_processes():
    assert resources.of_pod(pod(), pids=100).pids == 100
    assert resources.of_pod(asking(cpu="1"), pids=100).pids == 100
    assert resources.of_pod(pod()).pids is None
