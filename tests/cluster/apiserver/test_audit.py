"""The audit log of a whole server: what each stage and level says of a request. Source: test/e2e/auth/audit.go, API reference "Auditing"."""

import json

from podling.apiserver.audit.log import Rotation
from podling.apiserver.audit.policy import load
from podling.apiserver.config import Audit
from podling.apiserver.request import UserInfo
from podling.testing.virtualtime import virtual

CONFIGS = "/api/v1/namespaces/default/configmaps"
EVE = UserInfo("eve", uid="7", groups=("system:authenticated",), extra={"scopes": ("a", "b")})
POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  users: ["system:apiserver"]
- level: RequestResponse
  omitManagedFields: true
  resources: [{group: "", resources: [configmaps]}]
- level: Request
  resources: [{group: "", resources: [secrets]}]
- level: Metadata
  resources: [{group: "", resources: [namespaces]}]
- level: Metadata
  nonResourceURLs: ["/version"]
"""


def audited(folder, policy=POLICY):
    return Audit(policy=load(policy), log=folder / "audit.log", rotation=Rotation())


def told(folder, **wanted):
    events = [json.loads(line) for line in (folder / "audit.log").read_text().splitlines()]
    return [event for event in events if all(event.get(name) == value for name, value in wanted.items())]


@virtual
async def test_a_write_is_told_with_its_object_and_answer(world, tmp_path):
    async with world(audit=audited(tmp_path)) as api:
        made = await api.post(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "y"}})
        first, last = told(tmp_path, verb="create")
    assert (first["stage"], last["stage"]) == ("RequestReceived", "ResponseComplete")
    assert first["auditID"] == last["auditID"] == made.headers["Audit-Id"]
    assert last["requestURI"] == CONFIGS
    about = {"resource": "configmaps", "namespace": "default", "apiVersion": "v1"}
    assert (first["objectRef"], last["objectRef"]) == (about, {**about, "name": "a"})
    assert last["requestObject"]["data"] == {"x": "y"}
    assert last["responseObject"]["metadata"]["uid"] == made.json["metadata"]["uid"]
    assert "managedFields" in made.json["metadata"]
    assert "managedFields" not in last["responseObject"]["metadata"]
    assert last["responseStatus"] == {"metadata": {}, "code": 201}
    assert last["annotations"]["authorization.k8s.io/decision"] == "allow"
    assert "requestObject" not in first
    assert first["requestReceivedTimestamp"] <= last["stageTimestamp"]


@virtual
async def test_who_asked_is_told_also_when_he_may_not_or_acts_as_somebody_else(world, tmp_path):
    async with world(audit=audited(tmp_path)) as api:
        assert (await api.by(EVE).get(CONFIGS)).status == 403
        headers = {"impersonate-user": "ann", "impersonate-group": "dev"}
        await api.send("GET", f"{CONFIGS}/none", headers=headers)
        (refused,) = told(tmp_path, stage="ResponseComplete", verb="list")
        (served,) = told(tmp_path, stage="ResponseComplete", verb="get")
    assert refused["user"] == {
        "username": "eve",
        "uid": "7",
        "groups": ["system:authenticated"],
        "extra": {"scopes": ["a", "b"]},
    }
    assert refused["annotations"]["authorization.k8s.io/decision"] == "forbid"
    assert (refused["responseStatus"]["code"], refused["responseStatus"]["reason"]) == (403, "Forbidden")
    assert "eve" in refused["responseStatus"]["message"]
    assert served["user"]["username"] == "admin"
    assert served["impersonatedUser"]["username"] == "ann"
    assert "dev" in served["impersonatedUser"]["groups"]


@virtual
async def test_levels_say_no_more_than_they_should(world, tmp_path):
    async with world(audit=audited(tmp_path)) as api:
        await api.make(
            "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}, "stringData": {"a": "b"}}
        )
        await api.make("/api/v1/namespaces", {"metadata": {"name": "n"}})
        await api.get("/version")
        await api.get("/api/v1/nodes")
        (secret,) = told(tmp_path, stage="ResponseComplete", level="Request")
        namespace, version = told(tmp_path, stage="ResponseComplete", level="Metadata")
        everything = told(tmp_path)
    assert secret["requestObject"]["stringData"] == {"a": "b"}
    assert "responseObject" not in secret
    assert not {"requestObject", "responseObject"} & namespace.keys()
    assert (version["requestURI"], version["verb"]) == ("/version", "get")
    assert "objectRef" not in version
    assert not [event for event in everything if "nodes" in event["requestURI"]]


@virtual
async def test_a_watch_is_told_when_it_begins_and_when_it_ends(world, tmp_path):
    async with world(audit=audited(tmp_path)) as api:
        watch = await api.watch(CONFIGS)
        assert [event["stage"] for event in told(tmp_path, verb="watch")] == [
            "RequestReceived",
            "ResponseStarted",
        ]
        await watch.close()
        assert told(tmp_path, verb="watch")[-1]["stage"] == "ResponseComplete"


@virtual
async def test_patches_and_yaml_are_told_as_documents(world, tmp_path):
    async with world(audit=audited(tmp_path)) as api:
        yaml = b"{metadata: {name: a}, data: {x: 'y'}}"
        await api.send("POST", CONFIGS, yaml, content_type="application/yaml")
        await api.patch(f"{CONFIGS}/a", {"data": {"x": "z"}})
        (created,) = told(tmp_path, stage="ResponseComplete", verb="create")
        (patched,) = told(tmp_path, stage="ResponseComplete", verb="patch")
    assert created["requestObject"]["data"] == {"x": "y"}
    assert patched["requestObject"] == {"data": {"x": "z"}}
    assert patched["objectRef"]["name"] == "a"


@virtual
async def test_a_body_nested_too_deeply_is_answered_and_told_without(world, tmp_path):
    async with world(audit=audited(tmp_path)) as api:
        answer = await api.post(CONFIGS, b'{"a":' * 3000)
        (event,) = told(tmp_path, stage="ResponseComplete", verb="create")
    assert (answer.status, event["responseStatus"]["code"]) == (400, 400)
    assert "requestObject" not in event


@virtual
async def test_a_log_that_cannot_be_written_is_told_of_and_counted_and_harms_nobody(world, tmp_path, caplog):
    (tmp_path / "audit.log").mkdir()
    async with world(audit=audited(tmp_path)) as api:
        assert (await api.get(CONFIGS)).status == 200
        text = (await api.get("/metrics")).text
    assert 'apiserver_audit_error_total{plugin="log"} 2' in text
    assert "apiserver_audit_event_total 2" in text
    assert len([record for record in caplog.records if "audit log cannot be written" in record.message]) == 1
