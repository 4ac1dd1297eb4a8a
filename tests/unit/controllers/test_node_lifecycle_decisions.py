"""When a node is lost, what that means for Pods, and how fast nodes are given up."""

import math

import pytest

from podling.api.types import core_v1, meta_v1
from podling.controllers.nodelifecycle import health, taints, zones
from podling.controllers.nodelifecycle.zones import State, Turn
from podling.controllers.settings import ControllerSettings

SETTINGS = ControllerSettings(root_ca="")
MADE, WALL = "2023-11-14T22:13:20Z", 1_700_000_000.0
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


def node(ready="True", *, beat=MADE, taints=(), labels=None, unschedulable=None, **conditions):
    told = {"Ready": ready, **conditions} if ready else conditions
    return core_v1.Node(
        metadata=meta_v1.ObjectMeta(name="n", creation_timestamp=MADE, labels=labels),
        spec=core_v1.NodeSpec(taints=list(taints), unschedulable=unschedulable),
        status=core_v1.NodeStatus(
            conditions=[
                core_v1.NodeCondition(type=type, status=status, reason="R", last_heartbeat_time=beat)
                for type, status in told.items()
            ]
        ),
    )


def taint(key, effect, **more):
    return core_v1.Taint(key=key, effect=effect, **more)


def left(seen, found, now):
    return health.grace_left(seen, found, now=now, settings=SETTINGS)


def test_a_node_that_is_first_seen_has_its_full_grace_and_a_new_one_since_it_was_made():
    assert left(health.first_sight(node(), now=100.0, wall=WALL + 900), node(), 100.0) == 50
    fresh = node(ready=None)
    assert left(health.first_sight(fresh, now=100.0, wall=WALL + 20), fresh, 100.0) == 40


def test_a_renewed_lease_and_a_written_status_are_signs_of_life():
    seen = health.first_sight(node(), now=0.0, wall=WALL)
    health.observe(seen, node(), renewed_at=None, now=30.0)
    assert left(seen, node(), 30.0) == 20, "nothing new was said"
    health.observe(seen, node(), renewed_at=25.0, now=30.0)
    assert left(seen, node(), 30.0) == 45
    later = node(beat="2023-11-14T22:14:00Z")
    health.observe(seen, later, renewed_at=25.0, now=40.0)
    assert left(seen, later, 40.0) == 50


def test_of_a_lost_node_nothing_is_known_any_more():
    told = health.lost_conditions(node(MemoryPressure="False", NetworkUnavailable="False"), wall=WALL)
    assert {each.type: (each.status, each.reason) for each in told} == {
        "Ready": ("Unknown", "NodeStatusUnknown"),
        "MemoryPressure": ("Unknown", "NodeStatusUnknown"),
        "DiskPressure": ("Unknown", "NodeStatusNeverUpdated"),
        "PIDPressure": ("Unknown", "NodeStatusNeverUpdated"),
    }
    assert told[0].message == "Kubelet stopped posting node status."
    assert told[2].message == "Kubelet never posted node status."
    assert told[0].last_heartbeat_time == MADE
    silent = node("Unknown", MemoryPressure="Unknown", DiskPressure="Unknown", PIDPressure="Unknown")
    assert health.lost_conditions(silent, wall=WALL) == []


@pytest.mark.parametrize(
    ("found", "keys"),
    [
        (node(), []),
        (node("False"), [NOT_READY]),
        (node("Unknown"), [UNREACHABLE]),
        (node(ready=None), []),
        (node(MemoryPressure="True"), ["node.kubernetes.io/memory-pressure"]),
        (node(DiskPressure="True", MemoryPressure="False"), ["node.kubernetes.io/disk-pressure"]),
        (node(PIDPressure="True"), ["node.kubernetes.io/pid-pressure"]),
        (node(NetworkUnavailable="True"), ["node.kubernetes.io/network-unavailable"]),
        (node(unschedulable=True), ["node.kubernetes.io/unschedulable"]),
    ],
)
def test_what_is_bad_about_a_node_keeps_pods_away(found, keys):
    after = taints.changed(found, driving_out=None, wall=WALL)
    assert [(each.key, each.effect) for each in after or ()] == [(key, "NoSchedule") for key in keys]
    assert all(each.time_added == MADE for each in after or ())


def test_taints_go_with_their_condition_and_those_of_others_stay():
    foreign = [taint("example.com/a", "NoSchedule"), taint("node.kubernetes.io/out-of-service", "NoExecute")]
    marked = [taint(UNREACHABLE, "NoSchedule"), taint(UNREACHABLE, "NoExecute")]
    assert taints.changed(node(taints=[*foreign, *marked]), driving_out=None, wall=WALL) == foreign
    assert taints.changed(node(taints=foreign), driving_out=None, wall=WALL) is None


def test_the_two_taints_of_a_node_in_trouble_exclude_each_other():
    lost = node("Unknown", taints=[taint(NOT_READY, "NoSchedule"), taint(NOT_READY, "NoExecute")])
    assert taints.drives_out(lost)
    after = taints.changed(lost, driving_out=taints.wanted_driving_out(lost), wall=WALL)
    assert [(each.key, each.effect) for each in after] == [
        (UNREACHABLE, "NoExecute"),
        (UNREACHABLE, "NoSchedule"),
    ]


def test_labels_of_old_follow_those_of_today():
    labels = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64", "beta.kubernetes.io/arch": "amd64"}
    assert taints.missing_labels(node(labels=labels)) == {
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": "arm64",
    }
    assert taints.missing_labels(node(labels={})) == {}


def test_zones_are_named_by_region_and_zone_in_old_labels_too():
    assert zones.zone_of(node()) == ""
    new = {"topology.kubernetes.io/region": "r", "topology.kubernetes.io/zone": "z"}
    old = {"failure-domain.beta.kubernetes.io/region": "r", "failure-domain.beta.kubernetes.io/zone": "z"}
    assert zones.zone_of(node(labels=new)) == zones.zone_of(node(labels=old)) == "r:z"
    assert zones.zone_of(node(labels={"topology.kubernetes.io/zone": "z"})) == ":z"


@pytest.mark.parametrize(
    ("ready", "unready", "state"),
    [
        (0, 1, State.FULL),
        (1, 1, State.NORMAL),
        (1, 2, State.NORMAL),
        (2, 3, State.PARTIAL),
        (3, 3, State.NORMAL),
        (5, 0, State.NORMAL),
    ],
)
def test_a_zone_is_judged_by_how_many_of_its_nodes_are_not_ready(ready, unready, state):
    assert zones.state_of(ready, unready, 0.55) is state


def test_small_zones_in_trouble_give_nobody_up_and_large_ones_slowly():
    assert zones.rate_of(State.NORMAL, 10, SETTINGS) == 0.1
    assert zones.rate_of(State.FULL, 10, SETTINGS) == 0.1
    assert zones.rate_of(State.PARTIAL, 50, SETTINGS) == 0.0
    assert zones.rate_of(State.PARTIAL, 51, SETTINGS) == 0.01


def test_the_first_node_is_given_up_at_once_and_the_next_ones_every_ten_seconds():
    found = zones.Zones(SETTINGS)
    assert [found.permit("z", now) for now in (0.0, 0.0, 4.0, 10.0)] == [0, 10, pytest.approx(6), 0]
    assert found.permit("other", 10.0) == 0, "each zone has a rate of its own"
    assert zones.Bucket(0.0).take(5.0) == math.inf or zones.Bucket(0.0, tokens=0.0).take(5.0) == math.inf


def settled(found, *nodes, now=0.0):
    for name, zone, ready in nodes:
        found.put(name, zone, ready=ready)
    return found.settle(now)


def test_when_no_node_is_ready_nobody_is_given_up_until_one_is_again():
    found = zones.Zones(SETTINGS)
    assert found.settle(0.0) is Turn.NOTHING
    assert settled(found, ("a", "x", True), ("b", "y", True)) is Turn.OTHER_RATES
    assert settled(found, ("a", "x", False)) is Turn.OTHER_RATES
    assert not found.all_down
    assert settled(found, ("b", "y", False)) is Turn.ALL_DOWN
    assert found.all_down
    assert found.permit("x", 100.0) == math.inf
    assert settled(found, ("b", "y", False)) is Turn.NOTHING
    assert settled(found, ("a", "x", True), now=200.0) is Turn.RECOVERED
    assert not found.all_down
    assert found.permit("y", 220.0) == 0


def test_a_zone_without_nodes_is_no_zone():
    found = zones.Zones(SETTINGS)
    settled(found, ("a", "x", True), ("b", "y", False))
    found.drop("a")
    assert found.settle(0.0) is Turn.NOTHING
    assert found.all_down, "only y is left, and nobody there is ready"
    found.drop("a")
