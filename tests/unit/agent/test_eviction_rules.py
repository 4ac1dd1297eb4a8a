"""Node-pressure eviction, purely: thresholds, grace, who goes first, which words, and bounds on storage."""

from __future__ import annotations

from typing import Any

import pytest
from podstate_world import World, container, pod

from podling.agent.eviction import bounds, decision, observer, pressure, ranking
from podling.agent.eviction.signals import Observation
from podling.agent.eviction.thresholds import Amount, Threshold, parse
from podling.agent.eviction.usage import Usage
from podling.agent.podstate import Verdict
from podling.api.types import core_v1

MIB = 1 << 20
MEMORY = Threshold("memory.available", Amount(value=100 * MIB))
DISK = Threshold("nodefs.available", Amount(part=0.1))


def left(**mib: int) -> dict[str, Observation]:
    """Of 1000 MiB each."""
    names = {"memory": "memory.available", "disk": "nodefs.available", "pids": "pid.available"}
    return {names[name]: Observation(amount * MIB, 1000 * MIB) for name, amount in mib.items()}


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (("memory.available<100Mi",), (MEMORY,)),
        (("nodefs.available<10%,memory.available<100Mi",), (DISK, MEMORY)),
        (("nodefs.available<0%,memory.available<0",), ()),
        (("", "memory.available<100Mi", "memory.available=1m30s"), (Threshold("memory.available", Amount(100 * MIB), 90.0),)),
        (("memory.available<100Mi", "", "", "memory.available=50Mi"), (Threshold("memory.available", Amount(100 * MIB), None, Amount(50 * MIB)),)),
    ],
)  # fmt: skip
def test_thresholds_are_read_as_the_kubelets_flags(flags, found):
    hard, soft, graces, reclaims = (*flags, "", "", "")[:4]
    assert parse(hard, soft, graces=graces, reclaims=reclaims) == found


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("memory.available=1",), "invalid eviction threshold syntax memory.available=1"),
        (("moon.available<1",), "unsupported eviction signal moon.available"),
        (("memory.available<1,memory.available<2",), "found duplicate eviction threshold"),
        (("memory.available<-1",), "eviction threshold memory.available must be positive: -1"),
        (("memory.available<101%",), "must be <= 100%: 101%"),
        (("", "memory.available<1"), "grace period must be specified for the soft eviction threshold"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(flags, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        parse(*flags)


def test_a_hard_threshold_is_acted_on_at_once():
    state = decision.look(decision.State(), [MEMORY, DISK], left(memory=99, disk=500), now=1)
    assert state.due == (MEMORY,)
    assert decision.conditions(state, now=1, transition_seconds=300) == ("MemoryPressure",)


def test_a_soft_threshold_is_borne_for_its_grace_but_shows_at_once():
    soft = Threshold("memory.available", Amount(value=100 * MIB), grace=30)
    state = decision.look(decision.State(), [soft], left(memory=50), now=0)
    assert (state.due, decision.conditions(state, now=0, transition_seconds=300)) == ((), ("MemoryPressure",))
    state = decision.look(state, [soft], left(memory=50), now=29)
    assert not state.due
    state = decision.look(state, [soft], left(memory=50), now=30)
    assert state.due == (soft,)


def test_a_shortage_that_passes_begins_its_grace_anew():
    soft = Threshold("memory.available", Amount(value=100 * MIB), grace=30)
    state = decision.look(decision.State(), [soft], left(memory=50), now=0)
    state = decision.look(state, [soft], left(memory=500), now=20)
    state = decision.look(state, [soft], left(memory=50), now=40)
    assert not state.due


def test_what_was_acted_on_stays_due_until_the_minimum_is_won_back():
    greedy = Threshold("memory.available", Amount(value=100 * MIB), None, Amount(value=50 * MIB))
    state = decision.look(decision.State(), [greedy], left(memory=120), now=0)
    assert not state.due
    state = decision.look(state, [greedy], left(memory=90), now=1)
    state = decision.look(state, [greedy], left(memory=120), now=2)
    assert state.due == (greedy,)
    state = decision.look(state, [greedy], left(memory=150), now=3)
    assert not state.due


def test_a_condition_is_shown_for_the_transition_period():
    state = decision.look(decision.State(), [MEMORY], left(memory=50), now=0)
    state = decision.look(state, [MEMORY], left(memory=500), now=10)
    assert decision.conditions(state, now=299, transition_seconds=300) == ("MemoryPressure",)
    assert decision.conditions(state, now=300, transition_seconds=300) == ()


def test_memory_comes_before_all_else():
    state = decision.look(decision.State(), [DISK, MEMORY], left(memory=50, disk=50), now=0)
    assert state.due == (MEMORY, DISK)


def named(name: str, requests: dict[str, str] | None = None, **spec: Any) -> core_v1.Pod:
    made = pod(container(resources={"requests": requests} if requests else {}), **spec)
    made.metadata.name = made.metadata.uid = name
    return made


def using(**mib: int) -> dict[str, Usage]:
    return {name: Usage(total={"memory": amount * MIB, "pids": amount}) for name, amount in mib.items()}


def test_above_their_requests_first_then_priority_then_by_how_far():
    wanted = [
        named("unknown", {"memory": "10Mi"}),
        named("low", {"memory": "10Mi"}, priority=-1),
        named("far", {"memory": "10Mi"}),
        named("near", {"memory": "10Mi"}),
        named("high", {"memory": "10Mi"}, priority=5),
        named("within", {"memory": "500Mi"}, priority=-9),
    ]
    usages = using(low=11, far=60, near=50, high=900, within=400)
    ranked = ranking.order(reversed(wanted), usages, "memory")
    assert [each.metadata.name for each in ranked] == [each.metadata.name for each in wanted]


def test_processes_go_by_priority_and_number():
    ranked = ranking.order(
        [named("few"), named("important", priority=1), named("many")],
        using(few=1, many=9, important=99),
        "pids",
    )
    assert [each.metadata.name for each in ranked] == ["many", "few", "important"]


def test_critical_pods_are_spared():
    static = named("static")
    static.metadata.annotations = {"kubernetes.io/config.source": "file"}
    system = named("system", priority=2_000_000_000)
    assert ranking.order([static, system], {}, "memory") == []


def test_the_message_names_threshold_and_containers_above_their_requests():
    made = pod(
        container("big", resources={"requests": {"memory": "10Mi"}}),
        container("small", resources={"requests": {"memory": "1Gi"}}),
    )
    usage = Usage(containers={"big": {"memory": 20 * MIB + 1024}, "small": {"memory": 20 * MIB}})
    assert ranking.message(made, usage, MEMORY, Observation(50 * MIB, 1000 * MIB)) == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Container big was using 20481Ki, request is 10Mi, has larger consumption of memory. "
    )


def test_a_container_that_asks_for_nothing_has_a_request_of_zero():
    usage = Usage(containers={"main": {"ephemeral-storage": 2048}})
    told = ranking.message(pod(), usage, DISK, Observation(50 * MIB, 1000 * MIB))
    assert told == (
        "The node was low on resource: ephemeral-storage. Threshold quantity: 100Mi, available: 50Mi. "
        "Container main was using 2Ki, request is 0, has larger consumption of ephemeral-storage. "
    )


STORAGE = {"limits": {"ephemeral-storage": "10Mi"}}


@pytest.mark.parametrize(
    ("usage", "message"),
    [
        (Usage(total={"ephemeral-storage": 10 * MIB}), None),
        (
            Usage(total={"ephemeral-storage": 21 * MIB}),
            "Pod ephemeral local storage usage exceeds the total limit of containers 20Mi. ",
        ),
        (
            Usage(containers={"main": {"ephemeral-storage": 11 * MIB}}),
            'Container main exceeded its local ephemeral storage limit "10Mi". ',
        ),
        (Usage(volumes={"cache": 6 * MIB}), 'Usage of EmptyDir volume "cache" exceeds the limit "5Mi". '),
    ],
)
def test_bounds_on_storage_are_kept_in_upstreams_words(usage, message):
    volumes = [{"name": "cache", "emptyDir": {"sizeLimit": "5Mi"}}]
    made = pod(container(resources=STORAGE), container("side", resources=STORAGE), volumes=volumes)
    assert bounds.has_any(made)
    assert bounds.broken(made, usage) == message


def test_most_pods_have_no_bound_that_is_worth_a_walk():
    assert not bounds.has_any(pod(volumes=[{"name": "cache", "emptyDir": {}}]))


REQUESTS = {"resources": {"requests": {"cpu": "1m"}}}
TOLERATING = [{"key": "node.kubernetes.io/memory-pressure", "operator": "Exists"}]


@pytest.mark.parametrize(
    ("conditions", "made", "is_taken"),
    [
        ((), pod(), True),
        (("MemoryPressure",), pod(), False),
        (("MemoryPressure",), pod(tolerations=TOLERATING), True),
        (("MemoryPressure",), pod(container(**REQUESTS)), True),
        (("DiskPressure",), pod(container(**REQUESTS)), False),
        (("DiskPressure",), pod(priority=2_000_000_000), True),
    ],
)
def test_a_node_under_pressure_takes_only_some(conditions, made, is_taken):
    assert (pressure.verdict(made, conditions) is None) == is_taken


def test_the_refusal_lists_the_conditions():
    refusal = pressure.verdict(pod(), ("DiskPressure", "PIDPressure"))
    assert refusal is not None
    assert (refusal.reason, refusal.message) == (
        "Evicted",
        "The node had condition: [DiskPressure PIDPressure]. ",
    )


def test_an_evicted_pod_fails_when_nothing_of_it_runs_any_more_and_says_that_it_is_not_to_blame():
    world = World(pod(terminationGracePeriodSeconds=30))
    world.settle()
    world.stubborn = True
    world.verdict = Verdict(reason="Evicted", message="low. ", grace=0, disrupts=True)
    world.settle()
    assert world.status.phase == "Running"
    world.finish_kills()
    world.stubborn = False
    world.settle()
    assert (world.status.phase, world.status.reason, world.status.message) == ("Failed", "Evicted", "low. ")
    told = world.condition("DisruptionTarget")
    assert (told.status, told.reason, told.message) == ("True", "TerminationByKubelet", "low. ")


def test_a_pod_that_broke_its_own_bounds_is_to_blame():
    world = World(pod())
    world.settle()
    world.verdict = Verdict(reason="Evicted", message="Usage of. ", grace=0)
    world.settle()
    assert world.status.phase == "Failed"
    assert "DisruptionTarget" not in {condition.type for condition in world.status.conditions or ()}


def test_a_machine_has_left_what_its_kernel_says():
    meminfo = "MemTotal:  1024 kB\nMemFree:  10 kB\nMemAvailable:  512 kB\nHugePages_Total:   0\n"
    assert observer.available(meminfo) == (512 << 10, 1024 << 10)
