"""Nobody gives others more than they have themselves."""

import asyncio

import pytest

from podling.api import errors, kinds
from podling.api.object import Object
from podling.api.types import meta_v1, rbac_v1
from podling.apiserver.admission import Operation, Review
from podling.apiserver.auth.authorize import Authorizer
from podling.apiserver.auth.bootstrap import NODE_RULES, bootstrap_objects
from podling.apiserver.auth.escalation import plugin
from podling.apiserver.auth.node import NodeAuthorizer
from podling.apiserver.auth.rbac import Rbac
from podling.apiserver.request import UserInfo

ADMIN_OF_A = UserInfo("ann", groups=("system:authenticated",))
ROOT = UserInfo("root", groups=("system:masters",))
Rule = rbac_v1.PolicyRule
SEE_PODS = Rule(verbs=["get", "list"], api_groups=[""], resources=["pods"])
SEE_NODES = Rule(verbs=["get", "list"], api_groups=[""], resources=["nodes"])


@pytest.fixture
def authorizer():
    """Ann has the ClusterRole `admin` in the namespace `a`."""
    rbac = Rbac()
    for obj in bootstrap_objects():
        rbac.put(obj)
    rbac.put(binding("admins", "admin", subject="ann"))
    return Authorizer(rbac, NodeAuthorizer(NODE_RULES, lambda name: (), volumes=lambda: ()))


def binding(name, role, *, namespace="a", kind="ClusterRole", subject="bob"):
    made = rbac_v1.RoleBinding if namespace else rbac_v1.ClusterRoleBinding
    return made(
        metadata=meta_v1.ObjectMeta(name=name, namespace=namespace or None),
        role_ref=rbac_v1.RoleRef(kind=kind, name=role),
        subjects=[rbac_v1.Subject(kind="User", name=subject)],
    )


def role(*rules, namespace="a", name="r", aggregates=False, **meta):
    metadata = meta_v1.ObjectMeta(name=name, namespace=namespace or None, **meta)
    if namespace:
        return rbac_v1.Role(metadata=metadata, rules=list(rules))
    aggregation = rbac_v1.AggregationRule(cluster_role_selectors=[]) if aggregates else None
    return rbac_v1.ClusterRole(metadata=metadata, rules=list(rules), aggregation_rule=aggregation)


KINDS = {
    rbac_v1.Role: kinds.ROLE,
    rbac_v1.ClusterRole: kinds.CLUSTER_ROLE,
    rbac_v1.RoleBinding: kinds.ROLE_BINDING,
    rbac_v1.ClusterRoleBinding: kinds.CLUSTER_ROLE_BINDING,
}


def write(authorizer, body, *, user=ADMIN_OF_A, old=None):
    kind = KINDS[type(body)]
    row = plugin(authorizer)
    operation = Operation.CREATE if old is None else Operation.UPDATE
    assert row.handles(operation, kind.resource, "")
    review = Review(
        operation=operation,
        kind=kind,
        resource=kind.resource,
        subresource="",
        namespace=body.metadata.namespace or "",
        name=body.metadata.name,
        user=user,
        obj=Object(kind, body),
        old=Object(kind, old) if old is not None else None,
    )
    asyncio.run(row.admit(review, None))


def grant(authorizer, *rules, namespace=""):
    """Give Ann further rules."""
    made = role(*rules, namespace=namespace, name="extra")
    authorizer.rbac.put(made)
    kind = "Role" if namespace else "ClusterRole"
    authorizer.rbac.put(binding("extra", "extra", namespace=namespace, kind=kind, subject="ann"))


def test_a_namespace_admin_hands_on_what_she_has(authorizer):
    write(authorizer, role(SEE_PODS))
    write(authorizer, binding("b", "view"))
    write(authorizer, binding("b", "admin"))


def test_a_role_with_more_than_its_writer_has_is_refused_naming_what_is_lacking(authorizer):
    escalating = role(
        SEE_PODS,
        SEE_NODES,
        Rule(verbs=["get"], api_groups=["x.io"], resources=["things"], resource_names=["one"]),
        name="grab",
    )
    with pytest.raises(errors.Forbidden) as caught:
        write(authorizer, escalating)
    assert caught.value.message == (
        'roles.rbac.authorization.k8s.io "grab" is forbidden: user "ann" (groups=["system:authenticated"]) is '
        "attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}\n'
        '{APIGroups:["x.io"], Resources:["things"], ResourceNames:["one"], Verbs:["get"]}'
    )


def test_a_binding_to_a_stronger_role_is_refused(authorizer):
    for made in (binding("b", "cluster-admin"), binding("b", "cluster-admin", namespace="")):
        with pytest.raises(errors.Forbidden, match="attempting to grant RBAC permissions not currently held"):
            write(authorizer, made)


def test_rights_in_one_namespace_are_none_in_another(authorizer):
    with pytest.raises(errors.Forbidden):
        write(authorizer, binding("b", "view", namespace="b"))


def test_a_binding_to_a_role_that_is_not_there_is_not_found(authorizer):
    with pytest.raises(errors.NotFound, match=r'roles\.rbac\.authorization\.k8s\.io "nobody" not found'):
        write(authorizer, binding("b", "nobody", kind="Role"))


def test_the_verbs_bind_and_escalate_lift_the_check(authorizer):
    bind = Rule(
        verbs=["bind"],
        api_groups=["rbac.authorization.k8s.io"],
        resources=["clusterroles"],
        resource_names=["system:node"],
    )
    escalate = Rule(verbs=["escalate"], api_groups=["rbac.authorization.k8s.io"], resources=["roles"])
    grant(authorizer, bind, escalate)
    write(authorizer, binding("b", "system:node"))
    write(authorizer, role(SEE_NODES))
    with pytest.raises(errors.Forbidden):
        write(authorizer, binding("b", "cluster-admin"))


def test_masters_may_everything(authorizer):
    write(authorizer, binding("b", "cluster-admin", namespace=""), user=ROOT)
    write(authorizer, role(namespace="", aggregates=True), user=ROOT)


def test_an_aggregation_rule_takes_everything(authorizer):
    grant(
        authorizer, Rule(verbs=["*"], api_groups=["rbac.authorization.k8s.io"], resources=["clusterroles/x"])
    )
    with pytest.raises(errors.Forbidden, match="must have cluster-admin privileges to use aggregationRule"):
        write(authorizer, role(namespace="", aggregates=True))
    with pytest.raises(errors.Forbidden, match="aggregationRule"):
        write(authorizer, role(namespace=""), old=role(namespace="", aggregates=True))


def test_a_role_may_be_labelled_by_those_who_lack_its_rules(authorizer):
    write(authorizer, role(SEE_NODES, labels={"a": "b"}), old=role(SEE_NODES))
    with pytest.raises(errors.Forbidden):
        write(authorizer, role(SEE_NODES, SEE_PODS), old=role(SEE_NODES))


def test_owners_and_finalizers_of_a_strong_binding_may_be_changed(authorizer):
    old, new = binding("b", "cluster-admin"), binding("b", "cluster-admin")
    old.metadata.finalizers = ["foregroundDeletion"]
    write(authorizer, new, old=old)
    with pytest.raises(errors.Forbidden):
        write(authorizer, binding("b", "cluster-admin", subject="eve"), old=old)
