"""How long a Pod may stay on a node that drives Pods out."""

from podling.api.types import core_v1
from podling.controllers.tainteviction import driving_out, stay

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


def taint(key, value=None, effect="NoExecute"):
    return core_v1.Taint(key=key, value=value, effect=effect)


def toleration(key, seconds=None, **more):
    return core_v1.Toleration(key=key, operator="Exists", toleration_seconds=seconds, **more)


def test_only_taints_that_say_so_drive_pods_out():
    taints = [taint("a"), taint("b", effect="NoSchedule"), taint("c", effect="PreferNoSchedule")]
    node = core_v1.Node(spec=core_v1.NodeSpec(taints=taints))
    assert [each.key for each in driving_out(node)] == ["a"]
    assert driving_out(core_v1.Node()) == driving_out(None) == []


def test_who_does_not_tolerate_every_taint_goes_at_once():
    taints = [taint("a"), taint("b")]
    assert stay(taints, [toleration("a")], {}, 100.0).left == 0
    assert stay(taints, None, {}, 100.0).left == 0


def test_who_tolerates_all_for_ever_stays_and_so_does_who_has_nothing_to_tolerate():
    assert stay([taint("a")], [toleration("a")], {}, 100.0).left is None
    assert stay([], [toleration("a", 5)], {"a=": 0.0}, 100.0) == stay([], None, {}, 100.0)


def test_the_shortest_time_counts_from_when_its_own_taint_was_seen():
    tolerations = [toleration("a", 300), toleration("b", 10)]
    first = stay([taint("a")], tolerations, {}, 100.0)
    assert first.left == 300
    second = stay([taint("a"), taint("b")], tolerations, first.since, 350.0)
    assert second.left == 10, "b came later, its time starts later"
    third = stay([taint("a")], tolerations, second.since, 355.0)
    assert third.left == 45, "b went in time"
    assert stay([taint("a")], tolerations, third.since, 400.0).left == 0


def test_a_node_that_is_first_not_ready_and_then_unreachable_is_one_trouble():
    tolerations = [toleration(NOT_READY, 300), toleration(UNREACHABLE, 300)]
    first = stay([taint(NOT_READY)], tolerations, {}, 0.0)
    assert stay([taint(UNREACHABLE)], tolerations, first.since, 100.0).left == 200


def test_of_several_tolerations_of_a_taint_the_first_counts_and_less_than_nothing_is_nothing():
    assert stay([taint("a")], [toleration("a", 20), toleration("a", 5)], {}, 0.0).left == 20
    assert stay([taint("a")], [toleration("a", -5)], {}, 0.0).left == 0
