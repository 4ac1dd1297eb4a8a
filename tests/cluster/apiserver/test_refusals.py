"""Refusals: paths, methods, media types, users, all as Status objects in Kubernetes' words."""

from __future__ import annotations

import pytest

from podling.apiserver.request import UserInfo

CONFIGS = "/api/v1/namespaces/default/configmaps"
JANE = UserInfo("jane", groups=("system:authenticated",))
NOT_FOUND = "the server could not find the requested resource"
WRONG_METHOD = "the server does not allow this method on the requested resource"


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/api/v1/nothing", 404, NOT_FOUND),
        ("GET", "/api/v2/pods", 404, NOT_FOUND),
        ("GET", "/apis/apps/v1/nothing", 404, NOT_FOUND),
        ("GET", "/nothing", 404, NOT_FOUND),
        ("GET", "/apis/none.example.com", 404, NOT_FOUND),
        ("GET", "/api/v1/pods/web", 404, NOT_FOUND),
        ("GET", "/api/v1/namespaces/default/nodes", 404, NOT_FOUND),
        ("GET", f"{CONFIGS}/a/status", 404, NOT_FOUND),
        ("POST", "/api/v1/configmaps", 405, WRONG_METHOD),
        ("POST", f"{CONFIGS}/a", 405, WRONG_METHOD),
        ("PUT", CONFIGS, 405, WRONG_METHOD),
        ("DELETE", "/api/v1/namespaces", 405, WRONG_METHOD),
        ("OPTIONS", CONFIGS, 405, WRONG_METHOD),
        ("PUT", "/api/v1/watch/namespaces/default/configmaps", 405, WRONG_METHOD),
        ("POST", "/version", 405, WRONG_METHOD),
        ("GET", "/apis/authorization.k8s.io/v1/subjectaccessreviews", 405, WRONG_METHOD),
        ("DELETE", "/api/v1/namespaces/default/pods/web/log", 405, WRONG_METHOD),
    ],
)
async def test_wrong_paths_and_methods(api, method, path, status, message):
    answer = await api.call(method, path)
    assert (answer.status, answer.message) == (status, message)
    assert answer.json["kind"] == "Status"
    assert answer.json["status"] == "Failure"


async def test_protobuf_alone_is_406_and_protobuf_or_json_is_json(api):
    alone = await api.get(CONFIGS, headers={"accept": "application/vnd.kubernetes.protobuf"})
    assert alone.status == 406
    assert alone.message == "only the following media types are accepted: application/json, application/yaml"
    both = await api.get(CONFIGS, headers={"accept": "application/vnd.kubernetes.protobuf,application/json"})
    assert (both.status, both.content_type) == (200, "application/json")
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    table = await api.post(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        review,
        headers={"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"},
    )
    assert table.status == 406


async def test_bodies_of_other_types_are_415_and_malformed_ones_400(api):
    other = await api.call("POST", CONFIGS, b"x", content_type="text/plain")
    assert other.status == 415
    assert other.message == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    )
    no_message = await api.call("POST", CONFIGS, b"x", content_type="application/vnd.kubernetes.protobuf")
    assert no_message.status == 400
    empty = await api.call("POST", CONFIGS, b"")
    assert empty.status == 400
    broken = await api.call("POST", CONFIGS, b"{")
    assert broken.status == 400
    wrong = await api.post(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": 1}})
    assert wrong.status == 400
    assert wrong.message.startswith(
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal'
    )


async def test_who_may_not_is_told_what(api):
    jane = api.by(JANE)
    answer = await jane.get(CONFIGS)
    assert answer.status == 403
    assert answer.message == (
        'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" '
        'in the namespace "default"'
    )
    one = await jane.get("/apis/apps/v1/namespaces/default/deployments/web")
    assert one.message == (
        'deployments.apps "web" is forbidden: User "jane" cannot get resource "deployments" in API group "apps" '
        'in the namespace "default"'
    )
    unknown = await jane.get("/api/v1/nothing")
    assert unknown.status == 403


async def test_a_role_that_is_granted_counts_from_the_next_request(api):
    jane = api.by(JANE)
    role = {
        "metadata": {"name": "r"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}],
    }
    base = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    await api.make(f"{base}/roles", role)
    binding = {
        "metadata": {"name": "b"},
        "roleRef": {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"},
        "subjects": [{"kind": "User", "name": "jane"}],
    }
    await api.make(f"{base}/rolebindings", binding)
    assert (await jane.get(CONFIGS)).status == 200
    assert (await jane.get("/api/v1/configmaps")).status == 403
    await api.delete(f"{base}/rolebindings/b")
    assert (await jane.get(CONFIGS)).status == 403


async def test_anybody_may_ask_about_health_and_discovery_needs_a_user(api):
    nobody = api.by(None)
    for path in ("/healthz", "/livez", "/readyz"):
        answer = await nobody.send("GET", path)
        assert (answer.status, answer.body) == (200, b"ok")
    assert (await nobody.get("/api")).status == 403
    assert (await api.by(JANE).get("/api")).json["versions"] == ["v1"]
    wrong = await nobody.get("/api", headers={"authorization": "Bearer nonsense"})
    assert (wrong.status, wrong.message) == (401, "Unauthorized")


async def test_reviews_answer_who_may_do_what(api):
    group = "/apis/authorization.k8s.io/v1"
    asked = {"spec": {"user": "jane", "resourceAttributes": {"verb": "list", "resource": "pods"}}}
    assert (await api.post(f"{group}/subjectaccessreviews", asked)).json["status"]["allowed"] is False
    mine = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}
    answer = await api.post(f"{group}/selfsubjectaccessreviews", mine)
    assert (answer.status, answer.json["status"]["allowed"]) == (201, True)
    who = await api.by(JANE).post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert who.json["status"]["userInfo"]["username"] == "jane"


async def test_acting_as_somebody_else_must_be_allowed(api):
    as_jane = {"impersonate-user": "jane"}
    assert (await api.get(CONFIGS, headers=as_jane)).status == 403
    refused = await api.by(JANE).get(CONFIGS, headers={"impersonate-user": "admin"})
    assert (
        refused.message
        == 'users "admin" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope'
    )


async def test_every_answer_has_an_audit_id_and_pretty_ones_are_indented(api):
    answer = await api.get("/api/v1/namespaces/default", headers={"audit-id": "mine"})
    assert answer.headers["Audit-Id"] == "mine"
    assert answer.headers["Cache-Control"] == "no-cache, private"
    assert "\n" not in answer.text.strip()
    assert answer.text.endswith("}\n")
    for more in ({"pretty": "true"}, {"headers": {"user-agent": "curl/8"}}):
        assert (await api.get("/api/v1/namespaces/default", **more)).text.startswith(
            '{\n  "kind": "Namespace"'
        )


async def test_readiness_lists_its_checks(api):
    answer = await api.send("GET", "/readyz", verbose="")
    assert b"[+]poststarthook/rbac/bootstrap-roles ok\n" in answer.body
    assert answer.body.endswith(b"readyz check passed\n")
    assert (await api.send("GET", "/livez/ping")).body == b"ok"
    assert (await api.send("GET", "/livez/nothing")).status == 404


async def test_an_unforeseen_failure_is_500_and_logged(api, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(api.server._services.authorizer, "check", broken)
    answer = await api.get(CONFIGS)
    assert answer.status == 500
    assert answer.message == "Internal error occurred: ZeroDivisionError: oh"
    assert "GET /api/v1/namespaces/default/configmaps failed" in caplog.text
