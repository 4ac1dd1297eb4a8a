"""Seats, hands and queues of API Priority and Fairness: the arithmetic of KEP-1040, without a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.api.types import flowcontrol_v1, meta_v1
from podling.apiserver.fairness import bootstrap, dealing, schemas
from podling.apiserver.fairness.gate import Gate, Refused
from podling.apiserver.fairness.queues import Queues, Waiter
from podling.apiserver.fairness.seats import Seats, Share, shares
from podling.apiserver.request import RequestInfo, UserInfo

ANN = UserInfo("ann", groups=("system:authenticated",))


def pods(verb="list", namespace="default", **more):
    return RequestInfo(
        verb=verb, path="", is_resource=True, version="v1", resource="pods", namespace=namespace, **more
    )


def schema_of(user, info):
    return next(
        one.metadata.name for one in schemas.in_order(bootstrap.schemas()) if schemas.matches(one, user, info)
    )


@pytest.mark.parametrize(
    ("user", "groups", "info", "schema"),
    [
        ("root", ("system:masters",), pods(), "exempt"),
        ("system:node:n", ("system:nodes",), pods(), "system-nodes"),
        (
            "system:node:n",
            ("system:nodes",),
            RequestInfo(
                verb="update", path="", is_resource=True, resource="nodes", subresource="status", name="n"
            ),
            "system-node-high",
        ),
        (
            "system:node:n",
            ("system:nodes",),
            RequestInfo(
                verb="update",
                path="",
                is_resource=True,
                group="coordination.k8s.io",
                resource="leases",
                namespace="kube-node-lease",
            ),
            "system-node-high",
        ),
        ("system:kube-controller-manager", (), pods(), "kube-controller-manager"),
        ("system:kube-scheduler", (), pods("watch", ""), "kube-scheduler"),
        (
            "system:serviceaccount:kube-system:a",
            ("system:serviceaccounts",),
            pods(),
            "kube-system-service-accounts",
        ),
        ("system:serviceaccount:default:a", ("system:serviceaccounts",), pods(), "service-accounts"),
        ("ann", (), pods(), "global-default"),
        ("system:anonymous", ("system:unauthenticated",), RequestInfo(verb="get", path="/healthz"), "probes"),
        ("ann", (), RequestInfo(verb="get", path="/metrics"), "global-default"),
    ],
)
def test_requests_belong_to_the_schemas_that_upstream_would_give_them(user, groups, info, schema):
    everybody = () if "system:unauthenticated" in groups else ("system:authenticated",)
    assert schema_of(UserInfo(user, groups=(*groups, *everybody)), info) == schema


def test_nominal_seats_follow_the_shares():
    """600 seats among 245 shares, rounded up, as upstream's formula says."""
    limited = [level for level in bootstrap.levels() if level.spec.limited is not None]
    found = shares(limited, 600)
    assert {name: share.nominal for name, share in found.items()} == {
        "catch-all": 13,
        "system": 74,
        "node-high": 98,
        "leader-election": 25,
        "workload-high": 98,
        "workload-low": 245,
        "global-default": 49,
    }
    assert found["workload-low"].lendable == round(245 * 0.9)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1),
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 4), st.booleans())),
)
def test_no_level_uses_more_than_it_may_nor_all_together_more_than_there_are(given_shares, steps):
    given_to = {name: Share(own + lent, own, own + lent + 5) for name, (own, lent) in given_shares.items()}
    seats, held = Seats(given_to), {name: [] for name in given_to}
    for name, width, takes in steps:
        if name not in given_to:
            continue
        if not takes and held[name]:
            seats.give_back(name, held[name].pop())
        elif takes and seats.takes(name, width):
            held[name].append(width)
        assert seats.used == {each: sum(widths) for each, widths in held.items()}
        wide = {each for each, widths in held.items() if len(widths) == 1}
        for each in held.keys() - wide:
            assert seats.used[each] <= given_to[each].most
        if not wide:
            assert sum(seats.used.values()) <= sum(share.nominal for share in given_to.values())
        model = sum(max(0, seats.used[each] - given_to[each].own) for each in held)
        assert seats.drawn == model


def test_a_level_lends_what_it_does_not_use_and_keeps_its_own():
    seats = Seats({"a": Share(10, 4, 20), "b": Share(10, 10, 10)})
    assert [seats.takes("a", 1) for _ in range(11)].count(True) == 10
    assert [seats.takes("b", 1) for _ in range(11)].count(True) == 10


@given(st.integers(1, 500), st.data())
def test_a_hand_has_so_many_different_queues_and_is_always_the_same(deck, data):
    size = data.draw(st.integers(1, min(deck, 8)))
    flow = data.draw(st.text())
    hand = dealing.hand("schema", flow, deck, size)
    assert len(set(hand)) == size
    assert all(0 <= one < deck for one in hand)
    assert hand == dealing.hand("schema", flow, deck, size)


def test_two_flows_seldom_share_their_whole_hand():
    hands = {frozenset(dealing.hand("s", f"user-{number}", 128, 6)) for number in range(500)}
    assert len(hands) == 500


@pytest.mark.parametrize(("deck", "hand", "bits"), [(64, 8, 48), (128, 6, 42), (1, 1, 0), (511, 7, 63)])
def test_dealing_uses_up_so_many_bits(deck, hand, bits):
    """Upstream's table: 511 queues with a hand of 7 take more than 60."""
    assert abs(dealing.entropy_bits(deck, hand) - bits) <= 1


def test_flows_are_served_in_turn_however_many_requests_one_has():
    queues = Queues(count=128, hand=6, limit=50)
    for _ in range(40):
        queues.put(Waiter(1), "s", "flood")
    few = [Waiter(1) for _ in range(3)]
    for waiter in few:
        queues.put(waiter, "s", "ann")
    served = []
    while (waiter := queues.first()) is not None:
        queues.serve(waiter)
        queues.end(waiter, 0.01)
        served.append(waiter)
    assert len(served) == 43
    assert max(served.index(waiter) for waiter in few) < 25


def test_a_flow_is_charged_what_its_requests_take():
    """Two queues, one of slow requests: the quick one gets more turns."""
    queues = Queues(count=2, hand=1, limit=100)
    slow, quick = (
        next(f"{n}" for n in range(99) if dealing.hand("s", f"{n}", 2, 1) == (at,)) for at in (0, 1)
    )
    for flow in (slow, quick):
        for _ in range(30):
            queues.put(Waiter(1), "s", flow)
    turns = []
    for _ in range(22):
        waiter = queues.first()
        queues.serve(waiter)
        queues.end(waiter, 0.1 if waiter.queue == 0 else 0.01)
        turns.append(waiter.queue)
    assert turns.count(1) >= 9 * turns.count(0)


def test_who_gives_up_is_passed_over_and_a_full_hand_is_full():
    queues = Queues(count=1, hand=1, limit=2)
    first, second = Waiter(1), Waiter(1)
    assert queues.put(first, "s", "a")
    assert queues.put(second, "s", "a")
    assert not queues.put(Waiter(1), "s", "a")
    queues.give_up(first)
    assert queues.first() is second
    queues.give_up(second)
    assert queues.first() is None
    assert queues.waiting == 0


def level(name, *, shares=10, queuing=True):
    response = flowcontrol_v1.LimitResponse(type="Reject")
    if queuing:
        queues = flowcontrol_v1.QueuingConfiguration(queues=1, hand_size=1, queue_length_limit=1)
        response = flowcontrol_v1.LimitResponse(type="Queue", queuing=queues)
    limited = flowcontrol_v1.LimitedPriorityLevelConfiguration(
        nominal_concurrency_shares=shares, lendable_percent=0, limit_response=response
    )
    return flowcontrol_v1.PriorityLevelConfiguration(
        metadata=meta_v1.ObjectMeta(name=name, uid=f"uid-{name}"),
        spec=flowcontrol_v1.PriorityLevelConfigurationSpec(type="Limited", limited=limited),
    )


def one_wide():
    return 1


def test_a_gate_lets_in_queues_and_turns_away():
    gate = Gate(10, lambda: 0.0)
    gate.follow(
        [one for one in bootstrap.schemas() if one.metadata.name == "global-default"],
        [level("global-default", shares=95)],
    )
    turns = [gate.enter(ANN, pods(), one_wide) for _ in range(10)]
    assert {turn.flow.headers["X-Kubernetes-Pf-Prioritylevel-Uid"] for turn in turns} == {
        "uid-global-default"
    }
    assert [turn for turn in turns if turn.waiter is not None] == []
    waits = gate.enter(ANN, pods(), one_wide)
    granted = []
    waits.waiter.grant = granted.append
    with pytest.raises(Refused, match="queue-full"):
        gate.enter(ANN, pods(), one_wide)
    root = UserInfo("root", groups=("system:masters",))
    assert gate.enter(root, pods(), one_wide).waiter is None
    gate.leave(turns[0])
    assert granted == [True]
    said = "".join(gate.lines())
    rejected = 'apiserver_flowcontrol_rejected_requests_total{flow_schema="global-default",priority_level="global-default",reason="queue-full"} 1'
    assert rejected in said


def test_whose_level_has_no_queues_is_turned_away_at_once():
    gate = Gate(1, lambda: 0.0)
    gate.follow([], [])
    gate.enter(ANN, pods(), one_wide)
    with pytest.raises(Refused, match="concurrency-limit"):
        gate.enter(ANN, pods(), one_wide)


def test_new_rules_let_those_in_whose_queues_are_gone():
    gate = Gate(1, lambda: 0.0)
    rules = [one for one in bootstrap.schemas() if one.metadata.name == "global-default"]
    gate.follow(rules, [level("global-default", shares=1000)])
    gate.enter(ANN, pods(), one_wide)
    waits = gate.enter(ANN, pods(), one_wide)
    granted = []
    waits.waiter.grant = granted.append
    gate.follow(rules, [level("global-default", shares=500)])
    assert granted == []
    gate.follow([], [])
    assert granted == [False]
