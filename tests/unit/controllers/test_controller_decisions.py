"""What the controllers decide, without any server."""

import pytest

from podling.api import selectors
from podling.api.types import core_v1, meta_v1, rbac_v1
from podling.controllers import clusterroleaggregation, ownership, podgc, rootca, serviceaccount
from podling.controllers.namespace.conditions import Remains, conditions
from podling.controllers.namespace.controller import is_ours, next_look


def namespace(*, phase="Active", deleted=None, finalizers=("kubernetes",)):
    return core_v1.Namespace(
        metadata=meta_v1.ObjectMeta(name="team", deletion_timestamp=deleted),
        spec=core_v1.NamespaceSpec(finalizers=list(finalizers)),
        status=core_v1.NamespaceStatus(phase=phase),
    )


GOING = namespace(phase="Terminating", deleted="2024-01-01T00:00:00Z")


def test_a_service_account_is_missing_only_in_a_living_namespace():
    assert serviceaccount.missing(namespace(), None)
    assert not serviceaccount.missing(namespace(), core_v1.ServiceAccount())
    assert not serviceaccount.missing(GOING, None)
    assert not serviceaccount.missing(None, None)


def published(**data):
    annotations = dict(rootca.DESCRIPTION)
    return core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(annotations=annotations), data=data)


def test_the_root_ca_is_made_where_it_is_missing_and_left_where_it_is_right():
    made = rootca.decide(namespace(), None, "PEM")
    assert made.data == {"ca.crt": "PEM"}
    assert made.metadata.namespace == "team"
    assert rootca.decide(namespace(), published(**{"ca.crt": "PEM"}), "PEM") is None
    assert rootca.decide(GOING, None, "PEM") is None


def test_the_root_ca_is_put_right_without_leaving_what_others_wrote():
    there = published(**{"ca.crt": "old", "extra": "x"})
    there.metadata.annotations["example.com/mine"] = "kept"
    wanted = rootca.decide(namespace(), there, "PEM")
    assert wanted.data == {"ca.crt": "PEM"}
    assert wanted.metadata.annotations == {"example.com/mine": "kept", **rootca.DESCRIPTION}
    assert there.data["ca.crt"] == "old", "what informers hold is read-only"


def role(name, *resources, labels=None, selects=None):
    aggregation = None
    if selects is not None:
        chosen = [meta_v1.LabelSelector(match_labels=labels) for labels in selects]
        aggregation = rbac_v1.AggregationRule(cluster_role_selectors=chosen)
    return rbac_v1.ClusterRole(
        metadata=meta_v1.ObjectMeta(name=name, labels=labels),
        rules=[rbac_v1.PolicyRule(verbs=["get"], api_groups=[""], resources=[each]) for each in resources]
        or None,
        aggregation_rule=aggregation,
    )


def test_an_aggregating_role_gathers_the_rules_of_the_chosen_roles_in_order_and_once():
    admin = role("admin", "stale", labels={"to": "all"}, selects=[{"to": "admin"}, {"to": "all"}])
    roles = [
        admin,
        role("z", "pods", labels={"to": "admin"}),
        role("a", "secrets", "pods", labels={"to": "all"}),
        role("other", "nodes", labels={"to": "view"}),
    ]
    rules = clusterroleaggregation.aggregate(admin, roles)
    assert [rule.resources for rule in rules] == [["secrets"], ["pods"]]
    admin.rules = rules
    assert clusterroleaggregation.aggregate(admin, roles) is None


def test_an_ordinary_role_is_left_alone():
    assert (
        clusterroleaggregation.aggregate(role("plain", "pods"), [role("z", "x", labels={"a": "b"})]) is None
    )


def test_a_role_that_chooses_nothing_loses_its_rules():
    admin = role("admin", "stale", selects=[{"to": "admin"}])
    assert clusterroleaggregation.aggregate(admin, [admin]) == []


def pod(name="p", *, phase="Running", reason=None, created="2024-01-01T00:00:00Z", **metadata):
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(
            name=name, namespace="default", uid=f"uid-{name}", creation_timestamp=created, **metadata
        ),
        spec=core_v1.PodSpec(),
        status=core_v1.PodStatus(phase=phase, reason=reason),
    )


def test_beyond_the_threshold_evicted_pods_go_first_and_then_the_oldest():
    pods = [
        pod("new", phase="Succeeded", created="2024-01-03T00:00:00Z"),
        pod("old", phase="Succeeded", created="2024-01-01T00:00:00Z"),
        pod("evicted", phase="Failed", reason="Evicted", created="2024-01-04T00:00:00Z"),
        pod("middle", phase="Failed", created="2024-01-02T00:00:00Z"),
    ]
    assert [each.metadata.name for each in podgc.excess(pods, 2)] == ["evicted", "old"]
    assert podgc.excess(pods, 4) == []
    assert podgc.excess(pods, 0) == []


def test_a_pod_of_a_lost_node_fails_by_disruption_and_a_finished_one_keeps_its_phase():
    patch = podgc.failed_status(pod(), node_is_gone=True, now=0.0)
    assert patch["metadata"] == {"uid": "uid-p"}
    assert patch["status"]["phase"] == "Failed"
    condition = patch["status"]["conditions"][0]
    assert (condition["type"], condition["reason"]) == ("DisruptionTarget", "DeletionByPodGC")
    assert condition["message"] == "PodGC: node no longer exists"
    assert podgc.failed_status(pod(phase="Succeeded"), node_is_gone=True, now=0.0) is None


@pytest.mark.parametrize(
    ("taint", "ready", "dead"), [(True, "False", True), (True, "True", False), (False, "False", False)]
)
def test_a_node_is_out_of_service_when_it_is_tainted_so_and_not_ready(taint, ready, dead):
    node = core_v1.Node(
        spec=core_v1.NodeSpec(
            taints=[core_v1.Taint(key=podgc.OUT_OF_SERVICE, effect="NoExecute")] if taint else None
        ),
        status=core_v1.NodeStatus(conditions=[core_v1.NodeCondition(type="Ready", status=ready)]),
    )
    assert podgc.is_out_of_service(node) is dead


def test_what_remains_is_told_in_upstreams_words():
    remains = Remains(
        {"metrics.k8s.io/v1beta1": "down"},
        ("widgets.example.com: refused",),
        {"pods.": 2, "widgets.example.com": 1},
        {"example.com/guard": 1},
    )
    told = {each.type: each for each in conditions((), remains, now=0.0)}
    assert all(each.status == ("False" if "Parsing" in type else "True") for type, each in told.items())
    assert told["NamespaceDeletionDiscoveryFailure"].message == (
        "Discovery failed for some groups, 1 failing: metrics.k8s.io/v1beta1: down"
    )
    assert told["NamespaceDeletionContentFailure"].message == (
        "Failed to delete all resource types, 1 remaining: widgets.example.com: refused"
    )
    assert told["NamespaceContentRemaining"].message == (
        "Some resources are remaining: pods. has 2 resource instances, widgets.example.com has 1 resource instances"
    )
    assert told["NamespaceFinalizersRemaining"].message == (
        "Some content in the namespace has finalizers remaining: example.com/guard in 1 resource instances"
    )


def test_conditions_keep_their_time_while_they_say_the_same_and_foreign_ones_stay():
    foreign = core_v1.NamespaceCondition(type="Mine", status="True")
    first = conditions([foreign], Remains(objects={"pods.": 1}), now=0.0)
    assert conditions(first, Remains(objects={"pods.": 1}), now=60.0) == first
    later = conditions(first, Remains(), now=60.0)
    changed = [new.type for old, new in zip(first, later, strict=True) if old != new]
    assert changed == ["NamespaceContentRemaining"]
    assert later[0] is foreign


def test_a_namespace_is_ours_until_our_finalizer_is_off():
    assert is_ours(GOING)
    assert not is_ours(namespace())
    assert not is_ours(namespace(deleted="2024-01-01T00:00:00Z", finalizers=["example.com/mine"]))


def test_stubborn_content_is_looked_at_less_and_less_often():
    assert [next_look(waited) for waited in (0.0, 10.0, 1000.0)] == [1.0, 2.0, 15.0]


def owned(name, owner=None, *, labels=None, deleted=None):
    references = [meta_v1.OwnerReference(uid=owner, name="o", controller=True)] if owner else None
    return pod(name, labels=labels, owner_references=references, deletion_timestamp=deleted)


def test_an_owner_keeps_adopts_and_lets_go_by_its_selector():
    owner = core_v1.ReplicationController(metadata=meta_v1.ObjectMeta(name="o", uid="u1"))
    yes, no = {"app": "x"}, {"app": "y"}
    candidates = [
        owned("mine", "u1", labels=yes),
        owned("astray", "u1", labels=no),
        owned("orphan", labels=yes),
        owned("stranger", labels=no),
        owned("other's", "u2", labels=yes),
        owned("dying", labels=yes, deleted="2024-01-01T00:00:00Z"),
    ]
    found = ownership.claim(owner, selectors.parse_labels("app=x"), candidates)
    assert [each.metadata.name for each in found.owned] == ["mine"]
    assert [each.metadata.name for each in found.adopt] == ["orphan"]
    assert [each.metadata.name for each in found.release] == ["astray"]
    owner.metadata.deletion_timestamp = "2024-01-01T00:00:00Z"
    found = ownership.claim(owner, selectors.parse_labels("app=x"), candidates)
    assert (len(found.owned), found.adopt, found.release) == (1, [], [])


def test_a_controller_reference_names_its_owner():
    owner = core_v1.ReplicationController(metadata=meta_v1.ObjectMeta(name="o", uid="u1"))
    reference = ownership.controller_reference(owner)
    assert (reference.kind, reference.api_version, reference.uid) == ("ReplicationController", "v1", "u1")
    assert reference.controller
    assert ownership.controller_of(owned("p", "u1")).uid == "u1"
