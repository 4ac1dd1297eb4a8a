"""Creating and updating objects: identity, generation, conflicts, what nobody may change."""

from __future__ import annotations

PODS = "/api/v1/namespaces/default/pods"
CONFIGS = "/api/v1/namespaces/default/configmaps"
SERVICES = "/api/v1/namespaces/default/services"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def deployment(replicas=1):
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "busybox:1"}]}}
    return {
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


async def test_a_new_object_gets_identity_times_and_the_revision_of_its_write(api):
    made = await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1"}})
    meta = made["metadata"]
    assert made["kind"] == "ConfigMap"
    assert made["apiVersion"] == "v1"
    assert meta["namespace"] == "default"
    assert len(meta["uid"]) == 36
    assert meta["creationTimestamp"].startswith("2023-11-14T")
    assert (await api.get(f"{CONFIGS}/a")).json == made
    assert (await api.get(CONFIGS)).revision == meta["resourceVersion"]


async def test_what_a_client_says_of_identity_is_overridden(api):
    claimed = {"name": "a", "uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z", "selfLink": "/x"}
    meta = (await api.make(CONFIGS, {"metadata": claimed}))["metadata"]
    assert meta["uid"] != "mine"
    assert not meta["creationTimestamp"].startswith("2001")
    assert "selfLink" not in meta


async def test_a_taken_name_is_409(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}})
    again = await api.post(CONFIGS, {"metadata": {"name": "a"}})
    assert again.status == 409
    assert again.json["reason"] == "AlreadyExists"
    assert again.message == 'configmaps "a" already exists'
    assert again.json["details"] == {"name": "a", "kind": "configmaps"}


async def test_generate_name_adds_five_characters(api):
    names = {
        (await api.make(CONFIGS, {"metadata": {"generateName": "job-"}}))["metadata"]["name"]
        for _ in range(3)
    }
    assert len(names) == 3
    assert all(name.startswith("job-") and len(name) == 9 for name in names)


async def test_a_name_or_a_prefix_is_required(api):
    answer = await api.post(CONFIGS, {"data": {}})
    assert answer.status == 422
    assert (
        answer.message
        == 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required'
    )


async def test_nothing_is_created_in_a_namespace_that_is_not_there(api):
    answer = await api.post("/api/v1/namespaces/nowhere/configmaps", {"metadata": {"name": "a"}})
    assert answer.status == 404
    assert answer.message == 'namespaces "nowhere" not found'


async def test_the_namespace_of_the_object_must_be_that_of_the_path(api):
    answer = await api.post(CONFIGS, {"metadata": {"name": "a", "namespace": "other"}})
    assert answer.status == 400
    assert (
        answer.message
        == "the namespace of the provided object does not match the namespace sent on the request"
    )


async def test_an_update_from_an_old_revision_is_409(api):
    first = await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1"}})
    await api.put(f"{CONFIGS}/a", {**first, "data": {"x": "2"}})
    late = await api.put(f"{CONFIGS}/a", {**first, "data": {"x": "3"}})
    assert late.status == 409
    assert late.message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


async def test_an_update_without_a_revision_is_the_last_word(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1"}})
    answer = await api.put(f"{CONFIGS}/a", {"metadata": {"name": "a"}, "data": {"y": "2"}})
    assert answer.json["data"] == {"y": "2"}


async def test_an_update_that_changes_nothing_writes_nothing(api):
    first = await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1"}})
    again = await api.put(f"{CONFIGS}/a", {**first, "data": {"x": "1"}, "binaryData": {}})
    assert again.json == first
    assert (await api.get(CONFIGS)).revision == first["metadata"]["resourceVersion"]


async def test_an_empty_status_and_none_are_the_same(api):
    made = await api.make(SERVICES, {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}})
    without = {name: part for name, part in made.items() if name != "status"}
    answer = await api.put(f"{SERVICES}/a/status", without)
    assert answer.json["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_name_and_uid_in_the_body_must_be_those_of_the_object(api):
    first = await api.make(CONFIGS, {"metadata": {"name": "a"}})
    wrong_name = await api.put(f"{CONFIGS}/a", {"metadata": {"name": "b"}})
    assert (wrong_name.status, wrong_name.message) == (
        400,
        "the name of the object (b) does not match the name on the URL (a)",
    )
    wrong_uid = await api.put(f"{CONFIGS}/a", {"metadata": {"name": "a", "uid": "other"}})
    assert wrong_uid.status == 409
    assert f"UID in object meta: {first['metadata']['uid']}" in wrong_uid.message


async def test_an_object_of_another_kind_is_refused(api):
    answer = await api.post(CONFIGS, {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "a"}})
    assert answer.status == 400
    assert "cannot be handled as a ConfigMap" in answer.message
    wrong_version = await api.post(CONFIGS, {"apiVersion": "v2", "metadata": {"name": "a"}})
    assert wrong_version.message.startswith('ConfigMap in version "v2" cannot be handled as a ConfigMap')


async def test_generation_follows_the_spec_and_nothing_else(api):
    first = await api.make(DEPLOYMENTS, deployment())
    assert first["metadata"]["generation"] == 1
    labelled = await api.patch(f"{DEPLOYMENTS}/web", {"metadata": {"labels": {"x": "y"}}})
    assert labelled.json["metadata"]["generation"] == 1
    scaled = await api.patch(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 3}})
    assert scaled.json["metadata"]["generation"] == 2
    status = await api.patch(f"{DEPLOYMENTS}/web/status", {"status": {"replicas": 3}})
    assert status.json["metadata"]["generation"] == 2


async def test_defaults_of_the_api_reference_are_filled_in(api):
    spec = (await api.make(DEPLOYMENTS, deployment()))["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    assert spec["template"]["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert "enableServiceLinks" not in spec["template"]["spec"]


async def test_status_and_spec_are_written_through_different_doors(api):
    await api.make(DEPLOYMENTS, {**deployment(), "status": {"replicas": 9}})
    assert (await api.get(f"{DEPLOYMENTS}/web")).json["status"] == {}
    both = {"spec": {"replicas": 5}, "status": {"replicas": 4}}
    through_status = (await api.patch(f"{DEPLOYMENTS}/web/status", both)).json
    assert (through_status["spec"]["replicas"], through_status["status"]["replicas"]) == (1, 4)
    through_main = (
        await api.patch(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 5}, "status": {"replicas": 7}})
    ).json
    assert (through_main["spec"]["replicas"], through_main["status"]["replicas"]) == (5, 4)


async def test_dry_run_answers_as_if_and_stores_nothing(api, pod):
    before = (await api.get(PODS)).revision
    answer = await api.post(PODS, pod(), dryRun="All")
    assert answer.status == 201
    assert answer.json["status"]["phase"] == "Pending"
    assert "resourceVersion" not in answer.json["metadata"]
    assert (await api.get(f"{PODS}/web")).status == 404
    assert (await api.get(PODS)).revision == before
    wrong = await api.post(PODS, pod(), dryRun="Some")
    assert wrong.message.endswith('dryRun: Unsupported value: "Some": supported values: "All"')


async def test_some_kinds_are_created_by_an_update(api):
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "me"}}
    answer = await api.put("/apis/coordination.k8s.io/v1/namespaces/default/leases/l", lease)
    assert answer.status == 201
    missing = await api.put(f"{CONFIGS}/none", {"metadata": {"name": "none"}})
    assert (missing.status, missing.message) == (404, 'configmaps "none" not found')


async def test_unknown_and_repeated_fields_are_refused_warned_of_or_passed_over(api):
    body = b'{"metadata":{"name":"a"},"data":{"x":"1"},"datum":{},"immutable":false,"immutable":true}'
    strict = await api.call("POST", CONFIGS, body, fieldValidation="Strict")
    assert strict.status == 400
    assert strict.message == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
        'unknown field "datum", duplicate field "immutable"'
    )
    warned = await api.call("POST", CONFIGS, body, dryRun="All")
    assert (
        warned.headers["Warning"]
        == '299 - "unknown field \\"datum\\"", 299 - "duplicate field \\"immutable\\""'
    )
    ignored = await api.call("POST", CONFIGS, body, fieldValidation="Ignore")
    assert ignored.status == 201
    assert "Warning" not in ignored.headers


async def test_managed_fields_say_who_wrote_what(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1"}}, fieldManager="first")
    changed = await api.patch(f"{CONFIGS}/a", {"data": {"y": "2"}}, fieldManager="second")
    entries = {entry["manager"]: entry for entry in changed.json["metadata"]["managedFields"]}
    assert entries["first"]["fieldsV1"] == {"f:data": {".": {}, "f:x": {}}}
    assert entries["second"]["fieldsV1"] == {"f:data": {"f:y": {}}}
    assert entries["second"]["operation"] == "Update"
    by_agent = await api.make(CONFIGS, {"metadata": {"name": "b"}, "data": {"x": "1"}})
    assert by_agent["metadata"]["managedFields"][0]["manager"] == "test"


async def test_yaml_goes_in_and_comes_out(api):
    text = b"metadata:\n  name: a\ndata:\n  x: '1'\n"
    answer = await api.call(
        "POST", CONFIGS, text, content_type="application/yaml", headers={"accept": "application/yaml"}
    )
    assert answer.status == 201
    assert answer.content_type == "application/yaml"
    assert answer.text.startswith("apiVersion: v1\ndata:\n") or "kind: ConfigMap" in answer.text
    bad = await api.call("POST", CONFIGS, b"a: [", content_type="application/yaml")
    assert bad.status == 400


async def test_immutable_secrets_and_config_maps_stay_as_they_are(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1"}, "immutable": True})
    answer = await api.patch(f"{CONFIGS}/a", {"data": {"x": "2"}})
    assert answer.status == 422
    assert answer.message == (
        'ConfigMap "a" is invalid: data: Forbidden: field is immutable when `immutable` is set'
    )


async def test_text_of_a_secret_is_kept_encoded(api):
    made = await api.make(
        "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}, "stringData": {"k": "v"}}
    )
    assert made["data"] == {"k": "dg=="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made
