"""Which nodes have a daemon, which Pods are replaced when, and how it is counted: without any server."""

import msgspec
import pytest

from podling.api.times import rfc3339
from podling.api.types import apps_v1, core_v1, meta_v1
from podling.controllers import revisions
from podling.controllers.daemonset import decide
from podling.controllers.daemonset.placement import fit, pod_for, target

NOW = 1_704_067_200.0
NEW, OLD = "new", "old"


def daemons(*, surge=0, unavailable=1, type="RollingUpdate", **spec):
    rolling = apps_v1.RollingUpdateDaemonSet(max_surge=surge, max_unavailable=unavailable)
    return apps_v1.DaemonSet(
        metadata=meta_v1.ObjectMeta(name="d", namespace="default", uid="d", generation=2),
        spec=apps_v1.DaemonSetSpec(
            selector=meta_v1.LabelSelector(match_labels={"app": "d"}),
            template=core_v1.PodTemplateSpec(
                metadata=meta_v1.ObjectMeta(labels={"app": "d"}),
                spec=core_v1.PodSpec(containers=[core_v1.Container(name="c")], **spec),
            ),
            update_strategy=apps_v1.DaemonSetUpdateStrategy(type=type, rolling_update=rolling),
        ),
    )


def node(name, *taints, **labels):
    held = [core_v1.Taint(key=key, effect=effect) for key, effect in taints]
    return core_v1.Node(
        metadata=meta_v1.ObjectMeta(name=name, labels=labels), spec=core_v1.NodeSpec(taints=held)
    )


def pod(name, on, hash_=NEW, *, ready=True, phase="Running", deleted=False, age=100):
    conditions = [
        core_v1.PodCondition(
            type="Ready", status="True" if ready else "False", last_transition_time=rfc3339(NOW - age)
        )
    ]
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(
            name=name,
            namespace="default",
            uid=name,
            labels={"app": "d", revisions.HASH: hash_},
            creation_timestamp=rfc3339(NOW - age),
            deletion_timestamp=rfc3339(NOW) if deleted else None,
        ),
        spec=core_v1.PodSpec(node_name=on),
        status=core_v1.PodStatus(phase=phase, conditions=conditions),
    )


def view(owner, nodes, *pods):
    return decide.View.of(owner, nodes, pods, NEW, NOW)


def managed(seen, *, patient=True):
    plan = decide.manage(seen, lambda _node: patient)
    return plan.create, [each.metadata.name for each in plan.delete]


def updated(seen):
    plan = decide.update(seen)
    return plan.create, [each.metadata.name for each in plan.delete]


THREE = [node("a"), node("b"), node("c")]


def test_every_node_gets_one_and_only_one():
    seen = view(daemons(), THREE, pod("old-a", "a", age=200), pod("young-a", "a", age=1), pod("p-b", "b"))
    assert managed(seen) == (["c"], ["young-a"])


def test_nodes_that_do_not_suit_get_none_and_lose_what_they_have():
    wanting = daemons(node_selector={"disk": "ssd"})
    seen = view(wanting, [node("a", disk="ssd"), node("b")], pod("p-b", "b"))
    assert managed(seen) == (["a"], ["p-b"])


def test_a_taint_keeps_new_daemons_away_and_only_no_execute_drives_one_out():
    keep, drive = ("k", "NoSchedule"), ("k", "NoExecute")
    assert (fit(daemons(), node("a", keep)).run, fit(daemons(), node("a", keep)).stay) == (False, True)
    assert (fit(daemons(), node("a", drive)).run, fit(daemons(), node("a", drive)).stay) == (False, False)


@pytest.mark.parametrize("trouble", ["not-ready", "unreachable", "disk-pressure", "unschedulable"])
def test_a_node_in_trouble_keeps_its_daemons(trouble):
    effect = "NoExecute" if trouble in ("not-ready", "unreachable") else "NoSchedule"
    assert fit(daemons(), node("a", (f"node.kubernetes.io/{trouble}", effect))).run


def test_a_daemon_is_bound_by_affinity_whatever_the_template_required():
    owner = daemons()
    made = pod_for(owner, "a", NEW)
    assert target(made) == "a"
    assert made.metadata.labels[revisions.HASH] == NEW
    assert owner.spec.template.spec.affinity is None


def test_a_daemon_that_is_going_is_not_replaced_before_it_is_gone():
    assert managed(view(daemons(), [node("a")], pod("p", "a", deleted=True))) == ([], [])


def test_a_daemon_for_a_node_that_is_gone_is_deleted_while_it_waits():
    waiting = pod_for(daemons(), "gone", NEW)
    waiting.metadata.name = "waiting"
    assert managed(view(daemons(), [], waiting)) == ([], ["waiting"])


def test_finished_daemons_make_room_and_failed_ones_with_patience():
    failed, done = pod("f", "a", phase="Failed"), pod("s", "b", phase="Succeeded")
    seen = view(daemons(), [node("a"), node("b")], failed, done)
    assert managed(seen) == ([], ["f", "s"])
    assert managed(seen, patient=False) == ([], ["s"])
    assert [event[1] for event in decide.manage(seen, lambda _node: True).events] == [
        "FailedDaemonPod",
        "SucceededDaemonPod",
    ]


def test_an_update_replaces_as_many_as_may_be_unavailable():
    old = [pod(f"p-{name}", name, OLD) for name in "abc"]
    assert updated(view(daemons(), THREE, *old)) == ([], ["p-a"])
    assert updated(view(daemons(unavailable="60%"), THREE, *old)) == ([], ["p-a", "p-b"])
    one_new = [pod("n-a", "a", NEW, ready=False), *old[1:]]
    assert updated(view(daemons(), THREE, *one_new)) == ([], [])
    assert updated(view(daemons(), THREE, *old[1:])) == ([], []), "a node without any counts too"
    broken = [pod("x-a", "a", OLD, ready=False), *old[1:]]
    assert updated(view(daemons(), THREE, *broken)) == ([], ["x-a"])


def test_with_surge_the_new_daemon_comes_before_the_old_one_goes():
    old = [pod(f"p-{name}", name, OLD) for name in "abc"]
    owner = daemons(surge=1, unavailable=0)
    assert updated(view(owner, THREE, *old)) == (["a"], [])
    coming = pod("n-a", "a", NEW, ready=False)
    assert updated(view(owner, THREE, *old, coming)) == ([], [])
    assert managed(view(owner, THREE, *old, coming)) == ([], [])
    there = pod("n-a", "a", NEW)
    assert managed(view(owner, THREE, *old, there)) == ([], ["p-a"])


def test_on_delete_replaces_nothing_by_itself():
    assert updated(view(daemons(type="OnDelete"), [node("a")], pod("p", "a", OLD))) == ([], [])


def test_the_status_counts_nodes():
    nodes = [node("a"), node("b"), node("c"), node("d", ("k", "NoExecute"))]
    pods = [pod("p-a", "a"), pod("p-b", "b", OLD, ready=False), pod("p-d", "d")]
    assert decide.next_status(view(daemons(), nodes, *pods)) == apps_v1.DaemonSetStatus(
        desired_number_scheduled=3,
        current_number_scheduled=2,
        number_misscheduled=1,
        number_ready=1,
        number_available=1,
        number_unavailable=2,
        updated_number_scheduled=1,
        observed_generation=2,
    )


def test_a_revision_is_a_patch_that_brings_the_template_back():
    owner = daemons()
    made = revisions.make(owner, revisions.content(owner), 3)
    data = msgspec.json.decode(bytes(made.data))
    assert data["spec"]["template"]["$patch"] == "replace"
    assert made.revision == 3
    assert made.metadata.name == f"d-{made.metadata.labels[revisions.HASH]}"
    assert revisions.same(made, revisions.content(owner))
    assert not revisions.same(made, revisions.content(daemons(node_selector={"a": "b"})))


def test_old_revisions_go_lowest_first_but_never_one_that_a_pod_has():
    def revision(number, hash_):
        return apps_v1.ControllerRevision(
            metadata=meta_v1.ObjectMeta(name=hash_, labels={revisions.HASH: hash_}), revision=number
        )

    history = revisions.History(revision(4, "d"), [revision(3, "c"), revision(1, "a"), revision(2, "b")])
    assert [each.revision for each in revisions.surplus(history, 1, set())] == [1, 2]
    assert [each.revision for each in revisions.surplus(history, 1, {"a"})] == [2, 3]
