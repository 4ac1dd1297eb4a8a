"""Access reviews: the answers, their reasons, and what is no question."""

import pytest

from podling.api import errors
from podling.api.types import authorization_v1, meta_v1, rbac_v1
from podling.apiserver.auth import reviews
from podling.apiserver.auth.authorize import Authorizer
from podling.apiserver.auth.bootstrap import NODE_RULES, bootstrap_objects
from podling.apiserver.auth.node import NodeAuthorizer
from podling.apiserver.auth.rbac import Rbac
from podling.apiserver.request import RequestInfo, UserInfo

Attributes = authorization_v1.ResourceAttributes
Spec = authorization_v1.SubjectAccessReviewSpec
BOT = "system:serviceaccount:a:bot"


@pytest.fixture
def authorizer():
    rbac = Rbac()
    for obj in bootstrap_objects():
        rbac.put(obj)
    for name, namespace, role, subject in (
        ("viewers", "", "view", rbac_v1.Subject(kind="Group", name="dev")),
        ("bots", "a", "edit", rbac_v1.Subject(kind="ServiceAccount", name="bot", namespace="a")),
        ("gone", "a", "missing", rbac_v1.Subject(kind="User", name="bob")),
        ("gone-too", "", "lost", rbac_v1.Subject(kind="User", name="bob")),
    ):
        bind(rbac, name, namespace, role, subject)
    return Authorizer(rbac, NodeAuthorizer(NODE_RULES, lambda name: (), volumes=lambda: ()))


def bind(rbac, name, namespace, role, subject):
    made = rbac_v1.RoleBinding if namespace else rbac_v1.ClusterRoleBinding
    reference = rbac_v1.RoleRef(kind="Role" if role == "missing" else "ClusterRole", name=role)
    meta = meta_v1.ObjectMeta(name=name, namespace=namespace or None)
    rbac.put(made(metadata=meta, role_ref=reference, subjects=[subject]))


def status(authorizer, user, *groups, **attributes):
    spec = Spec(user=user, groups=list(groups), resource_attributes=Attributes(**attributes))
    review = authorization_v1.SubjectAccessReview(spec=spec)
    found = reviews.subject_access(review, authorizer).status
    return found.allowed, found.reason


def test_an_answer_names_the_binding_that_allows(authorizer):
    pods = {"verb": "list", "resource": "pods", "namespace": "a"}
    assert status(authorizer, "ann", "dev", **pods) == (
        True,
        'RBAC: allowed by ClusterRoleBinding "viewers" of ClusterRole "view" to Group "dev"',
    )
    assert status(authorizer, BOT, **pods) == (
        True,
        'RBAC: allowed by RoleBinding "bots/a" of ClusterRole "edit" to ServiceAccount "bot/a"',
    )
    assert status(authorizer, "root", "system:masters", **pods) == (True, None)


def test_a_refusal_names_the_roles_that_are_missing(authorizer):
    assert status(authorizer, "ann", verb="list", resource="pods", namespace="a") == (False, None)
    assert status(authorizer, "bob", verb="list", resource="pods") == (
        False,
        'RBAC: clusterrole.rbac.authorization.k8s.io "lost" not found',
    )
    with pytest.raises(errors.Forbidden) as caught:
        authorizer.check(
            UserInfo("bob"), RequestInfo("list", "", is_resource=True, resource="pods", namespace="a")
        )
    assert caught.value.message == (
        'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "a": '
        'RBAC: [clusterrole.rbac.authorization.k8s.io "lost" not found, '
        'role.rbac.authorization.k8s.io "missing" not found]'
    )


def test_a_node_is_told_that_it_has_no_business_with_a_secret(authorizer):
    secret = {"verb": "get", "resource": "secrets", "namespace": "a", "name": "s"}
    assert status(authorizer, "system:node:n1", "system:nodes", **secret) == (
        False,
        "no relationship found between node 'n1' and this object",
    )


def test_a_node_touches_its_own_lease_only(authorizer):
    def may(verb, namespace, name):
        lease = {"group": "coordination.k8s.io", "resource": "leases", "namespace": namespace, "name": name}
        return status(authorizer, "system:node:n1", "system:nodes", verb=verb, **lease)[0]

    assert may("update", "kube-node-lease", "n1")
    assert may("create", "kube-node-lease", "")
    assert not may("update", "kube-node-lease", "n2")
    assert not may("create", "kube-system", "")
    assert not may("list", "kube-node-lease", "n1")


def test_a_cluster_wide_binding_to_a_role_of_a_namespace_grants_nothing(authorizer):
    who = rbac_v1.Subject(kind="User", name="mallory")
    meta = meta_v1.ObjectMeta(name="odd")
    reference = rbac_v1.RoleRef(kind="Role", name="cluster-admin")
    authorizer.rbac.put(rbac_v1.ClusterRoleBinding(metadata=meta, role_ref=reference, subjects=[who]))
    assert status(authorizer, "mallory", verb="list", resource="pods", namespace="a")[0] is False


def test_roles_that_aggregate_each_other_have_the_rules_of_both(authorizer):
    rbac = authorizer.rbac
    for name, other, resource in (("left", "right", "pods"), ("right", "left", "secrets")):
        aggregation = rbac_v1.AggregationRule(
            cluster_role_selectors=[meta_v1.LabelSelector(match_labels={f"to-{name}": "true"})]
        )
        meta = meta_v1.ObjectMeta(name=name, labels={f"to-{other}": "true"})
        rbac.put(rbac_v1.ClusterRole(metadata=meta, aggregation_rule=aggregation))
        leaf = meta_v1.ObjectMeta(name=f"{name}-leaf", labels={f"to-{name}": "true"})
        rule = rbac_v1.PolicyRule(verbs=["get"], api_groups=[""], resources=[resource])
        rbac.put(rbac_v1.ClusterRole(metadata=leaf, rules=[rule]))
        bind(rbac, f"all-{name}", "", name, rbac_v1.Subject(kind="User", name=name))
    for user in ("left", "right"):
        for resource in ("pods", "secrets"):
            assert status(authorizer, user, verb="get", resource=resource, namespace="a")[0]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (Spec(user="ann"), "exactly one of nonResourceAttributes or resourceAttributes must be specified"),
        (Spec(resource_attributes=Attributes()), "at least one of user or group must be specified"),
        (
            Spec(
                user="ann",
                resource_attributes=Attributes(),
                non_resource_attributes=authorization_v1.NonResourceAttributes(path="/x"),
            ),
            "cannot be specified in combination with resourceAttributes",
        ),
    ],
)
def test_what_is_no_question_is_invalid(authorizer, spec, words):
    with pytest.raises(errors.Invalid, match=words):
        reviews.subject_access(authorization_v1.SubjectAccessReview(spec=spec), authorizer)


def test_a_local_review_stays_in_its_namespace(authorizer):
    def ask(namespace):
        spec = Spec(user="ann", resource_attributes=Attributes(verb="get", resource="pods", namespace="a"))
        review = authorization_v1.LocalSubjectAccessReview(spec=spec)
        return reviews.local_subject_access(review, authorizer, namespace=namespace).status.allowed

    assert ask("a") is False
    with pytest.raises(errors.BadRequest, match="must match namespace: b"):
        ask("b")


def test_ones_own_rules_are_listed_and_a_nodes_list_says_it_is_incomplete(authorizer):
    def rules(user):
        spec = authorization_v1.SelfSubjectRulesReviewSpec(namespace="a")
        review = authorization_v1.SelfSubjectRulesReview(spec=spec)
        return reviews.self_subject_rules(review, authorizer, user=user).status

    own = rules(UserInfo("ann", groups=("system:authenticated",)))
    assert ["selfsubjectreviews"] in [rule.resources for rule in own.resource_rules]
    assert any("/version" in rule.non_resource_urls for rule in own.non_resource_rules)
    assert own.incomplete is False
    node = rules(UserInfo("system:node:n1", groups=("system:nodes",)))
    assert (node.incomplete, node.evaluation_error) == (True, reviews.NO_NODE_RULES)
