"""Fast against plain: every plugin over columns agrees with the rule written out for one node.

The plain rules below are the API reference's sentences turned into code, node by node, without numpy.
"""

import math
import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from podling.api import pod as pods
from podling.api.types import core_v1, meta_v1
from podling.scheduler import cycle, profile
from podling.scheduler.framework import Query
from podling.scheduler.snapshot import Snapshot, demand_of

KEYS, VALUES = ["zone", "disk"], ["a", "b", "3", "7"]
EFFECTS = ["NoSchedule", "NoExecute", "PreferNoSchedule"]


@dataclass
class World:
    nodes: list[core_v1.Node]
    placed: list[tuple[core_v1.Pod, str]]
    pod: core_v1.Pod
    columns: Snapshot = field(init=False)

    def __post_init__(self) -> None:
        self.columns = Snapshot(capacity=2)
        for node in self.nodes:
            self.columns.set_node(node)
        for number, (pod, name) in enumerate(self.placed):
            self.columns.place(str(number), name, demand_of(pod))

    def pods_on(self, node: core_v1.Node) -> list[core_v1.Pod]:
        return [pod for pod, name in self.placed if node.metadata and name == node.metadata.name]


taints = st.builds(
    core_v1.Taint,
    key=st.sampled_from(KEYS),
    value=st.sampled_from(["", "a"]),
    effect=st.sampled_from(EFFECTS),
)
labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
amounts = st.fixed_dictionaries(
    {"cpu": st.sampled_from(["500m", "1", "2"]), "memory": st.sampled_from(["512Mi", "1Gi", "4Gi"])}
)


@st.composite
def node(draw: st.DrawFn, number: int) -> core_v1.Node:
    offered = {**draw(amounts), "pods": str(draw(st.integers(0, 3)))}
    return core_v1.Node(
        metadata=meta_v1.ObjectMeta(name=f"n{number}", labels=draw(labels)),
        spec=core_v1.NodeSpec(
            unschedulable=draw(st.booleans()) or None, taints=draw(st.lists(taints, max_size=2))
        ),
        status=core_v1.NodeStatus(allocatable=offered),
    )


requirements = st.builds(
    lambda key, operator, values: core_v1.NodeSelectorRequirement(
        key=key,
        operator=operator,
        values=None
        if operator in ("Exists", "DoesNotExist")
        else values[: 1 if operator in ("Gt", "Lt") else 2],
    ),
    st.sampled_from(KEYS),
    st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]),
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=2),
)
terms = st.builds(core_v1.NodeSelectorTerm, match_expressions=st.lists(requirements, max_size=2))
tolerations = st.builds(
    core_v1.Toleration,
    key=st.sampled_from([*KEYS, "node.kubernetes.io/unschedulable"]),
    operator=st.sampled_from(["Exists"]),
    effect=st.sampled_from([None, *EFFECTS]),
)


@st.composite
def a_pod(draw: st.DrawFn) -> core_v1.Pod:
    requests = draw(st.dictionaries(st.sampled_from(["cpu", "memory"]), st.just("500m")))
    if "memory" in requests:
        requests["memory"] = "600Mi"
    port = draw(st.sampled_from([None, 80, 81]))
    ports = [core_v1.ContainerPort(container_port=80, host_port=port)] if port else None
    affinity = core_v1.NodeAffinity(
        required_during_scheduling_ignored_during_execution=draw(
            st.none()
            | st.builds(core_v1.NodeSelector, node_selector_terms=st.lists(terms, min_size=1, max_size=2))
        ),
        preferred_during_scheduling_ignored_during_execution=draw(
            st.lists(
                st.builds(core_v1.PreferredSchedulingTerm, weight=st.integers(1, 9), preference=terms),
                max_size=2,
            )
        ),
    )
    container = core_v1.Container(
        name="c", image="i", ports=ports, resources=core_v1.ResourceRequirements(requests=requests)
    )
    spec = core_v1.PodSpec(
        containers=[container],
        node_selector=draw(st.none() | labels),
        affinity=core_v1.Affinity(node_affinity=affinity),
        tolerations=draw(st.lists(tolerations, max_size=2)),
    )
    return core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p", uid="p"), spec=spec)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    nodes = [draw(node(number)) for number in range(draw(st.integers(1, 4)))]
    count = draw(st.integers(0, 4))
    placed = [(draw(a_pod()), f"n{draw(st.integers(0, len(nodes) - 1))}") for _ in range(count)]
    return World(nodes, placed, draw(a_pod()))


def plain_fits(world: World, node: core_v1.Node) -> bool:
    assert node.metadata and node.spec and node.status and node.status.allocatable and world.pod.spec
    spec = world.pod.spec
    cordon = core_v1.Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
    every = [*(node.spec.taints or ()), *([cordon] if node.spec.unschedulable else ())]
    for taint in every:
        tolerated = any(pods.tolerates(toleration, taint) for toleration in spec.tolerations or ())
        if taint.effect != "PreferNoSchedule" and not tolerated:
            return False
    have = node.metadata.labels or {}
    if any(have.get(key) != value for key, value in (spec.node_selector or {}).items()):
        return False
    required = spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution  # type: ignore[union-attr]
    if required and not any(plain_term(term, have) for term in required.node_selector_terms):
        return False
    wanted = demand_of(world.pod)
    there = [demand_of(pod) for pod in world.pods_on(node)]
    if any(port in other.ports for other in there for port in wanted.ports):
        return False
    free = {name: plain_amount(name, text) for name, text in node.status.allocatable.items()}
    for other in there:
        for name, value in other.amounts.items():
            free[name] = free.get(name, 0) - value
    return all(value <= free.get(name, 0) for name, value in wanted.amounts.items() if value)


def plain_amount(name: str, text: str) -> float:
    scale = {"m": 0.001, "Mi": 2.0**20, "Gi": 2.0**30}
    unit = next((unit for unit in scale if text.endswith(unit)), "")
    number = float(text.removesuffix(unit)) * scale.get(unit, 1)
    return number * 1000 if name == "cpu" else number


def plain_term(term: core_v1.NodeSelectorTerm, have: dict[str, str]) -> bool:
    expressions = term.match_expressions or []
    return bool(expressions) and all(plain_requirement(item, have) for item in expressions)


def plain_requirement(item: core_v1.NodeSelectorRequirement, have: dict[str, str]) -> bool:
    held, values = have.get(item.key), item.values or []
    match item.operator:
        case "In":
            return held in values
        case "NotIn":
            return held not in values
        case "Exists":
            return held is not None
        case "DoesNotExist":
            return held is None
    if held is None or not held.isdigit() or not values[0].isdigit():
        return False
    return int(held) > int(values[0]) if item.operator == "Gt" else int(held) < int(values[0])


def plain_scores(world: World, fitting: list[core_v1.Node]) -> dict[str, float]:
    spec = world.pod.spec
    assert spec
    avoided, liked = {}, {}
    for node in fitting:
        assert node.metadata and node.metadata.name and node.spec
        name = node.metadata.name
        soft = {(t.key, t.value or ""): t for t in node.spec.taints or () if t.effect == "PreferNoSchedule"}
        avoided[name] = sum(
            not any(pods.tolerates(toleration, taint) for toleration in spec.tolerations or ())
            for taint in soft.values()
        )
        preferred = spec.affinity.node_affinity.preferred_during_scheduling_ignored_during_execution  # type: ignore[union-attr]
        liked[name] = sum(
            term.weight for term in preferred or () if plain_term(term.preference, node.metadata.labels or {})
        )
    most_avoided, most_liked = max(avoided.values()), max(liked.values())
    totals = {}
    for node in fitting:
        assert node.metadata and node.metadata.name
        name = node.metadata.name
        taint = 100 - avoided[name] * 100 // most_avoided if most_avoided else 100
        affinity = liked[name] * 100 // most_liked if most_liked else 0
        totals[name] = 3 * taint + 2 * affinity + plain_least(world, node) + plain_balanced(world, node)
    return totals


def plain_shares(world: World, node: core_v1.Node) -> list[tuple[float, float]]:
    assert node.status and node.status.allocatable
    everyone = [demand_of(pod) for pod in [*world.pods_on(node), world.pod]]
    taken = [sum(one.scored_cpu for one in everyone), sum(one.scored_memory for one in everyone)]
    return [
        (plain_amount(n, node.status.allocatable[n]), t)
        for n, t in zip(("cpu", "memory"), taken, strict=True)
    ]


def plain_least(world: World, node: core_v1.Node) -> int:
    shares = [
        math.floor((have - took) * 100 / have) if took <= have else 0
        for have, took in plain_shares(world, node)
    ]
    return sum(shares) // 2


def plain_balanced(world: World, node: core_v1.Node) -> int:
    cpu, memory = (min(took / have, 1) for have, took in plain_shares(world, node))
    return math.floor((1 - abs(cpu - memory) / 2) * 100)


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_columns_decide_as_the_rules_do_node_by_node(world: World) -> None:
    outcome = cycle.schedule(Query.of(world.pod), world.columns, profile.DEFAULT, chance=random.Random(1))
    fitting = [node for node in world.nodes if plain_fits(world, node)]
    if not fitting:
        assert isinstance(outcome, cycle.Unschedulable)
        assert outcome.message.startswith(f"0/{len(world.nodes)} nodes are available: ")
        return
    totals = plain_scores(world, fitting)
    assert isinstance(outcome, cycle.Placement)
    assert outcome.feasible == len(fitting)
    assert totals[outcome.node] == max(totals.values())


@settings(max_examples=50, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_what_came_and_went_leaves_no_trace(world: World, chance: random.Random) -> None:
    demand = demand_of(world.pod)
    before = world.columns.requested.copy(), world.columns.scored.copy()
    for _ in range(3):
        world.columns.place("p", f"n{chance.randrange(len(world.nodes))}", demand)
    world.columns.place("p", "elsewhere", demand)
    assert world.columns.displace("p")
    rows = len(before[0])
    assert (world.columns.requested[:rows, : before[0].shape[1]] == before[0]).all()
    assert (world.columns.scored == before[1]).all()
    assert all(world.columns.ports[port].sum() >= 0 for port in demand.ports)
    assert not world.columns.displace("p")


def test_a_node_that_returns_finds_its_pods_accounted() -> None:
    columns = Snapshot()
    one = core_v1.Node(
        metadata=meta_v1.ObjectMeta(name="n"),
        status=core_v1.NodeStatus(allocatable={"cpu": "1", "pods": "1"}),
    )
    pod = core_v1.Pod(spec=core_v1.PodSpec(containers=[core_v1.Container(name="c", image="i")]))
    columns.place("p", "n", demand_of(pod))
    columns.set_node(one)
    columns.remove_node("n")
    columns.set_node(one)
    outcome = cycle.schedule(Query.of(pod), columns, profile.DEFAULT, chance=random.Random(1))
    assert isinstance(outcome, cycle.Unschedulable)
    assert outcome.message == "0/1 nodes are available: 1 Too many pods."
    assert outcome.plugins == {"NodeResourcesFit"}


def test_without_any_node_the_message_is_upstreams() -> None:
    outcome = cycle.schedule(Query.of(core_v1.Pod()), Snapshot(), profile.DEFAULT, chance=random.Random(1))
    assert outcome == cycle.Unschedulable("no nodes available to schedule pods", frozenset())
