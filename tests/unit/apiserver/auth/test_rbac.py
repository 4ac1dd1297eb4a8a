"""RBAC as the API reference defines it, on the roles that every cluster starts with."""

import pytest

from podling.api import errors
from podling.api.types import core_v1, meta_v1, rbac_v1
from podling.apiserver.auth.authorize import Authorizer
from podling.apiserver.auth.bootstrap import NODE_RULES, bootstrap_objects
from podling.apiserver.auth.node import NodeAuthorizer
from podling.apiserver.auth.rbac import Rbac, uncovered
from podling.apiserver.request import RequestInfo, UserInfo

ANN = UserInfo("ann", groups=("dev", "system:authenticated"))
Rule = rbac_v1.PolicyRule


def asks(verb: str, resource: str, *, group: str = "", namespace: str = "", name: str = "") -> RequestInfo:
    plural, _, subresource = resource.partition("/")
    return RequestInfo(
        verb=verb,
        path="",
        is_resource=True,
        group=group,
        version="v1",
        namespace=namespace,
        resource=plural,
        subresource=subresource,
        name=name,
    )


def path(verb: str, url: str) -> RequestInfo:
    return RequestInfo(verb=verb, path=url)


@pytest.fixture
def rbac() -> Rbac:
    index = Rbac()
    for obj in bootstrap_objects():
        index.put(obj)
    return index


def bind(rbac: Rbac, role: str, *, namespace: str = "", kind: str = "ClusterRole", **subject: str) -> None:
    who = rbac_v1.Subject(kind=subject.pop("subject"), **subject)
    reference = rbac_v1.RoleRef(kind=kind, name=role)
    name = f"{role}-{who.kind}-{who.name}".lower()
    if namespace:
        meta = meta_v1.ObjectMeta(name=name, namespace=namespace)
        rbac.put(rbac_v1.RoleBinding(metadata=meta, role_ref=reference, subjects=[who]))
    else:
        meta = meta_v1.ObjectMeta(name=name)
        rbac.put(rbac_v1.ClusterRoleBinding(metadata=meta, role_ref=reference, subjects=[who]))


def role(rbac: Rbac, *rules: Rule, name: str = "r", namespace: str = "a") -> None:
    rbac.put(rbac_v1.Role(metadata=meta_v1.ObjectMeta(name=name, namespace=namespace), rules=list(rules)))


def test_nobody_may_anything_without_a_binding(rbac: Rbac) -> None:
    assert not rbac.allows(ANN, asks("list", "pods", namespace="a"))


def test_a_role_binding_reaches_its_own_namespace_only(rbac: Rbac) -> None:
    bind(rbac, "view", namespace="a", subject="User", name="ann")
    assert rbac.allows(ANN, asks("list", "pods", namespace="a"))
    assert rbac.allows(ANN, asks("get", "pods/log", namespace="a", name="p"))
    assert not rbac.allows(ANN, asks("list", "pods", namespace="b"))
    assert not rbac.allows(ANN, asks("list", "pods"))
    assert not rbac.allows(ANN, asks("list", "secrets", namespace="a"))
    assert not rbac.allows(ANN, asks("create", "pods", namespace="a"))


def test_edit_includes_view_and_admin_includes_edit_by_aggregation(rbac: Rbac) -> None:
    bind(rbac, "admin", namespace="a", subject="Group", name="dev")
    for question in (
        asks("list", "pods", namespace="a"),
        asks("create", "deployments", group="apps", namespace="a"),
        asks("create", "rolebindings", group="rbac.authorization.k8s.io", namespace="a"),
        asks("create", "pods/exec", namespace="a"),
    ):
        assert rbac.allows(ANN, question)


def test_a_role_made_later_joins_an_aggregated_one_and_leaves_again(rbac: Rbac) -> None:
    bind(rbac, "view", subject="User", name="ann")
    question = asks("list", "crontabs", group="stable.example.com")
    assert not rbac.allows(ANN, question)
    meta = meta_v1.ObjectMeta(name="crons", labels={"rbac.authorization.k8s.io/aggregate-to-view": "true"})
    rules = [Rule(verbs=["list"], api_groups=["stable.example.com"], resources=["crontabs"])]
    joined = rbac_v1.ClusterRole(metadata=meta, rules=rules)
    rbac.put(joined)
    assert rbac.allows(ANN, question)
    rbac.drop(joined)
    assert not rbac.allows(ANN, question)


def test_a_service_account_is_found_by_namespace_and_name(rbac: Rbac) -> None:
    role(rbac, Rule(verbs=["get"], api_groups=[""], resources=["configmaps"], resource_names=["one"]))
    bind(rbac, "r", namespace="a", kind="Role", subject="ServiceAccount", name="bot")
    bot = UserInfo("system:serviceaccount:a:bot")
    assert rbac.allows(bot, asks("get", "configmaps", namespace="a", name="one"))
    assert not rbac.allows(bot, asks("get", "configmaps", namespace="a", name="two"))
    assert not rbac.allows(bot, asks("list", "configmaps", namespace="a"))
    assert not rbac.allows(
        UserInfo("system:serviceaccount:b:bot"), asks("get", "configmaps", namespace="a", name="one")
    )


@pytest.mark.parametrize(
    ("resources", "resource", "allowed"),
    [
        (["pods"], "pods/log", False),
        (["pods/log"], "pods/log", True),
        (["pods/log"], "pods", False),
        (["*"], "pods/log", True),
        (["*/scale"], "deployments/scale", True),
        (["*/scale"], "deployments", False),
    ],
)
def test_subresources_are_named_by_themselves(
    rbac: Rbac, resources: list[str], resource: str, allowed: bool
) -> None:
    role(rbac, Rule(verbs=["*"], api_groups=["*"], resources=resources))
    bind(rbac, "r", namespace="a", kind="Role", subject="User", name="ann")
    assert rbac.allows(ANN, asks("get", resource, namespace="a", name="x")) is allowed


def test_anonymous_sees_health_and_version_and_no_more(rbac: Rbac) -> None:
    nobody = UserInfo("system:anonymous", groups=("system:unauthenticated",))
    for url in ("/healthz", "/livez", "/readyz", "/version"):
        assert rbac.allows(nobody, path("get", url))
    for url in ("/api", "/apis", "/openapi/v3", "/metrics"):
        assert not rbac.allows(nobody, path("get", url))
    assert rbac.allows(ANN, path("get", "/apis/apps/v1"))
    assert not rbac.allows(ANN, path("post", "/apis"))


def test_a_binding_that_goes_takes_its_permission_along(rbac: Rbac) -> None:
    meta = meta_v1.ObjectMeta(name="b")
    subject = rbac_v1.Subject(kind="User", name="ann")
    binding = rbac_v1.ClusterRoleBinding(
        metadata=meta, role_ref=rbac_v1.RoleRef(kind="ClusterRole", name="cluster-admin"), subjects=[subject]
    )
    rbac.put(binding)
    assert rbac.allows(ANN, asks("delete", "nodes", name="n"))
    rbac.drop(binding)
    assert not rbac.allows(ANN, asks("delete", "nodes", name="n"))


def test_what_a_role_writer_lacks_is_found_piece_by_piece() -> None:
    owned = [Rule(verbs=["get", "list"], api_groups=[""], resources=["pods", "*/status"])]
    assert uncovered(owned, [Rule(verbs=["get"], api_groups=[""], resources=["pods", "nodes/status"])]) == []
    missing = uncovered(owned, [Rule(verbs=["get", "delete"], api_groups=["", "apps"], resources=["pods"])])
    assert [(one.verbs, one.api_groups) for one in missing] == [
        (["get"], ["apps"]),
        (["delete"], [""]),
        (["delete"], ["apps"]),
    ]
    named = [Rule(verbs=["get"], api_groups=[""], resources=["secrets"], resource_names=["a"])]
    assert uncovered(named, [Rule(verbs=["get"], api_groups=[""], resources=["secrets"])]) != []


def test_controllers_and_scheduler_may_do_their_work_and_not_more(rbac: Rbac) -> None:
    manager, scheduler = UserInfo("system:kube-controller-manager"), UserInfo("system:kube-scheduler")
    assert rbac.allows(manager, asks("delete", "pods", namespace="a", name="p"))
    assert rbac.allows(manager, asks("create", "configmaps", namespace="a"))
    assert rbac.allows(scheduler, asks("create", "pods/binding", namespace="a", name="p"))
    assert not rbac.allows(scheduler, asks("get", "secrets", namespace="a", name="s"))


def pod_with_secret(name: str, secret: str) -> core_v1.Pod:
    variable = core_v1.EnvVar(
        name="X",
        value_from=core_v1.EnvVarSource(secret_key_ref=core_v1.SecretKeySelector(name=secret, key="k")),
    )
    container = core_v1.Container(name="c", env=[variable])
    meta = meta_v1.ObjectMeta(name=name, namespace="a")
    return core_v1.Pod(
        metadata=meta, spec=core_v1.PodSpec(containers=[container], service_account_name="bot")
    )


def test_a_node_reads_the_secrets_of_its_own_pods_only() -> None:
    pods = {"n1": [pod_with_secret("p", "mine")], "n2": [pod_with_secret("q", "theirs")]}
    nodes = NodeAuthorizer(NODE_RULES, lambda node: pods.get(node, []), volumes=lambda: ())
    one = UserInfo("system:node:n1", groups=("system:nodes",))
    assert nodes.allows(one, asks("get", "secrets", namespace="a", name="mine"))
    assert not nodes.allows(one, asks("get", "secrets", namespace="a", name="theirs"))
    assert not nodes.allows(one, asks("list", "secrets", namespace="a"))
    assert nodes.allows(one, asks("create", "serviceaccounts/token", namespace="a", name="bot"))
    assert not nodes.allows(one, asks("create", "serviceaccounts/token", namespace="a", name="admin"))
    assert nodes.allows(one, asks("patch", "nodes/status", name="n1"))
    assert not nodes.allows(one, asks("patch", "nodes/status", name="n2"))
    assert nodes.allows(
        one, asks("update", "leases", group="coordination.k8s.io", namespace="kube-node-lease", name="n1")
    )
    assert not nodes.allows(UserInfo("system:node:n1"), asks("get", "secrets", namespace="a", name="mine"))


def test_a_node_reads_the_secrets_of_volumes_behind_claims_of_its_own_pods() -> None:
    claimed = core_v1.PersistentVolumeClaimVolumeSource(claim_name="c")
    user = pod_with_secret("p", "mine")
    assert user.spec is not None
    user.spec.volumes = [core_v1.Volume(name="v", persistent_volume_claim=claimed)]
    shown = core_v1.CSIPersistentVolumeSource(
        node_stage_secret_ref=core_v1.SecretReference(namespace="storage", name="key")
    )
    volumes = [
        core_v1.PersistentVolume(
            spec=core_v1.PersistentVolumeSpec(
                csi=shown, claim_ref=core_v1.ObjectReference(namespace="a", name="c")
            )
        )
    ]
    pods = {"n1": [user], "n2": [pod_with_secret("q", "theirs")]}
    nodes = NodeAuthorizer(NODE_RULES, lambda node: pods.get(node, []), volumes=lambda: volumes)
    one, two = (UserInfo(f"system:node:{name}", groups=("system:nodes",)) for name in pods)
    assert nodes.allows(one, asks("get", "secrets", namespace="storage", name="key"))
    assert not nodes.allows(one, asks("get", "secrets", namespace="storage", name="other"))
    assert not nodes.allows(one, asks("get", "secrets", namespace="a", name="key"))
    assert not nodes.allows(two, asks("get", "secrets", namespace="storage", name="key"))


def test_refusals_read_as_upstreams(rbac: Rbac) -> None:
    authorizer = Authorizer(rbac, NodeAuthorizer(NODE_RULES, lambda node: [], volumes=lambda: ()))
    with pytest.raises(errors.Forbidden) as listing:
        authorizer.check(ANN, asks("list", "pods", namespace="default"))
    assert listing.value.message == (
        'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "default"'
    )
    with pytest.raises(errors.Forbidden) as scaling:
        authorizer.check(ANN, asks("get", "deployments/scale", group="apps", namespace="d", name="x"))
    assert scaling.value.message == (
        'deployments.apps "x" is forbidden: User "ann" cannot get resource "deployments/scale" in API group "apps" '
        'in the namespace "d"'
    )
    with pytest.raises(errors.Forbidden) as node:
        authorizer.check(ANN, asks("list", "nodes"))
    assert node.value.message == (
        'nodes is forbidden: User "ann" cannot list resource "nodes" in API group "" at the cluster scope'
    )
    with pytest.raises(errors.Forbidden) as health:
        authorizer.check(ANN, path("get", "/metrics"))
    assert health.value.message == 'forbidden: User "ann" cannot get path "/metrics"'
    authorizer.check(UserInfo("root", groups=("system:masters",)), path("get", "/metrics"))
