"""Server-side apply over the API: merging, owners, conflicts, what is refused.

Sources: the API concepts' page "Server-Side Apply" and k8s.io/kubernetes/test/integration/apiserver/apply.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

CONFIGS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


def config(name: str = "a", **data: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deployment(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": list(containers) or [{"name": "main", "image": "busybox:1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }


async def apply(api: Any, path: str, body: Any, manager: str = "one", **more: Any) -> Any:
    """Apply, and expect it to succeed."""
    answer = await api.patch(path, body, content_type=APPLY, fieldManager=manager, **more)
    assert answer.status in (200, 201), answer.text
    return answer.json


async def refused(api: Any, path: str, body: Any, manager: str = "one", **more: Any) -> Any:
    answer = await api.patch(path, body, content_type=APPLY, fieldManager=manager, **more)
    assert answer.status >= 400, answer.text
    return answer


def owners(found: Any) -> dict[tuple[str, str], Any]:
    return {(e["manager"], e["operation"]): e["fieldsV1"] for e in found["metadata"]["managedFields"]}


async def test_applying_what_is_not_there_creates_it(api):
    answer = await api.patch(f"{CONFIGS}/a", config(x="1"), content_type=APPLY, fieldManager="one")
    assert answer.status == 201
    made = answer.json
    assert made["data"] == {"x": "1"}
    assert made["metadata"]["managedFields"] == [
        {
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:x": {}}},
            "manager": "one",
            "operation": "Apply",
            "time": "2023-11-14T22:13:20Z",
        }
    ]
    again = await api.patch(f"{CONFIGS}/a", config(x="2"), content_type=APPLY, fieldManager="one")
    assert again.status == 200
    assert again.json["data"] == {"x": "2"}


async def test_yaml_is_what_the_media_type_says(api):
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: '1'\n"
    made = await apply(api, f"{CONFIGS}/a", text)
    assert made["data"] == {"x": "1"}


async def test_what_is_no_longer_applied_goes_if_nobody_else_owns_it(api):
    await apply(api, f"{CONFIGS}/a", config(x="1", y="2", z="3"))
    await apply(api, f"{CONFIGS}/a", config(y="2"), "two")
    await api.patch(f"{CONFIGS}/a", {"data": {"w": "4"}})
    left = await apply(api, f"{CONFIGS}/a", config(z="3"))
    assert left["data"] == {"y": "2", "z": "3", "w": "4"}
    assert owners(left)["one", "Apply"] == {"f:data": {"f:z": {}}}
    assert owners(left)["two", "Apply"] == {"f:data": {"f:y": {}}}


async def test_a_field_of_another_is_a_conflict_and_nothing_is_written(api):
    await apply(api, f"{DEPLOYMENTS}/web", deployment(replicas=2))
    before = (await api.get(f"{DEPLOYMENTS}/web")).json
    answer = await refused(api, f"{DEPLOYMENTS}/web", deployment(replicas=5), "two")
    assert answer.status == 409
    assert answer.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'Apply failed with 1 conflict: conflict with "one": .spec.replicas',
        "reason": "Conflict",
        "details": {
            "causes": [
                {
                    "reason": "FieldManagerConflict",
                    "message": 'conflict with "one"',
                    "field": ".spec.replicas",
                }
            ]
        },
        "code": 409,
    }
    assert (await api.get(f"{DEPLOYMENTS}/web")).json == before


async def test_several_conflicts_are_told_manager_by_manager(api):
    main = {"name": "main", "image": "busybox:1"}
    await apply(api, f"{DEPLOYMENTS}/web", deployment(main, replicas=2))
    await api.patch(
        f"{DEPLOYMENTS}/web", {"spec": {"minReadySeconds": 3, "paused": True}}, fieldManager="editor"
    )
    wanted = deployment({**main, "image": "busybox:2"}, replicas=5, minReadySeconds=4, paused=False)
    answer = await refused(api, f"{DEPLOYMENTS}/web", wanted, "two")
    assert answer.message == (
        "Apply failed with 4 conflicts: "
        'conflicts with "editor" using apps/v1:\n'
        "- .spec.minReadySeconds\n"
        "- .spec.paused\n"
        'conflicts with "one":\n'
        "- .spec.replicas\n"
        '- .spec.template.spec.containers[name="main"].image'
    )
    assert [cause["field"] for cause in answer.json["details"]["causes"]] == [
        ".spec.minReadySeconds",
        ".spec.paused",
        ".spec.replicas",
        '.spec.template.spec.containers[name="main"].image',
    ]


async def test_force_takes_fields_over(api):
    await apply(api, f"{CONFIGS}/a", config(x="1", y="1"))
    taken = await apply(api, f"{CONFIGS}/a", config(x="2"), "two", force="true")
    assert taken["data"] == {"x": "2", "y": "1"}
    assert owners(taken) == {
        ("one", "Apply"): {"f:data": {"f:y": {}}},
        ("two", "Apply"): {"f:data": {"f:x": {}}},
    }
    back = await refused(api, f"{CONFIGS}/a", config(x="1", y="1"))
    assert back.message == 'Apply failed with 1 conflict: conflict with "two": .data.x'


async def test_the_same_value_is_shared_and_goes_when_the_last_owner_lets_go(api):
    await apply(api, f"{CONFIGS}/a", config(x="1", y="1"))
    shared = await apply(api, f"{CONFIGS}/a", config(x="1"), "two")
    assert owners(shared)["one", "Apply"] == {"f:data": {"f:x": {}, "f:y": {}}}
    assert owners(shared)["two", "Apply"] == {"f:data": {"f:x": {}}}
    answer = await refused(api, f"{CONFIGS}/a", config(x="2"), "two")
    assert answer.message == 'Apply failed with 1 conflict: conflict with "one": .data.x'
    left = await apply(api, f"{CONFIGS}/a", config(y="1"))
    assert left["data"] == {"x": "1", "y": "1"}
    gone = await apply(api, f"{CONFIGS}/a", {k: v for k, v in config().items() if k != "data"}, "two")
    assert gone["data"] == {"y": "1"}
    assert [e["manager"] for e in gone["metadata"]["managedFields"]] == ["one"]


async def test_an_update_takes_fields_without_asking(api):
    await apply(api, f"{CONFIGS}/a", config(x="1", y="1"))
    changed = (await api.patch(f"{CONFIGS}/a", {"data": {"x": "2"}}, fieldManager="editor")).json
    assert owners(changed) == {
        ("one", "Apply"): {"f:data": {"f:y": {}}},
        ("editor", "Update"): {"f:data": {"f:x": {}}},
    }
    answer = await refused(api, f"{CONFIGS}/a", config(x="1", y="1"))
    assert answer.message == 'Apply failed with 1 conflict: conflict with "editor" using v1: .data.x'


async def test_an_apply_of_what_is_there_writes_nothing(api, clock):
    made = await apply(api, f"{DEPLOYMENTS}/web", deployment(replicas=2))
    clock.time += 60
    again = await apply(api, f"{DEPLOYMENTS}/web", deployment(replicas=2))
    assert again == made
    null = deployment(replicas=2)
    null["metadata"]["creationTimestamp"] = None
    null["status"] = {}
    assert await apply(api, f"{DEPLOYMENTS}/web", null) == made


async def test_times_follow_changes(api, clock):
    await apply(api, f"{CONFIGS}/a", config(x="1"))
    clock.time += 60
    await apply(api, f"{CONFIGS}/a", config(y="1"), "two")
    clock.time += 60
    found = await apply(api, f"{CONFIGS}/a", config(x="2"))
    assert {e["manager"]: e["time"][14:19] for e in found["metadata"]["managedFields"]} == {
        "one": "15:20",
        "two": "14:20",
    }
    assert [e["manager"] for e in found["metadata"]["managedFields"]] == ["two", "one"]


async def test_defaults_are_nobodys_and_come_back(api):
    made = await apply(api, f"{DEPLOYMENTS}/web", deployment())
    assert made["spec"]["replicas"] == 1
    assert "f:replicas" not in owners(made)["one", "Apply"]["f:spec"]
    await apply(api, f"{DEPLOYMENTS}/web", deployment(replicas=4), "two")
    unset = await apply(api, f"{DEPLOYMENTS}/web", {**deployment(), "spec": {}}, "two")
    assert unset["spec"]["replicas"] == 1
    assert set(owners(unset)) == {("one", "Apply"), ("two", "Apply")}
    assert owners(unset)["two", "Apply"] == {"f:spec": {}}


async def test_items_are_merged_and_removed_by_their_keys(api):
    main = {"name": "main", "image": "busybox:1", "ports": [{"containerPort": 80}, {"containerPort": 53}]}
    side = {"name": "side", "image": "busybox:1"}
    await apply(api, f"{DEPLOYMENTS}/web", deployment(main))
    both = await apply(api, f"{DEPLOYMENTS}/web", deployment(side), "two")
    assert [c["name"] for c in both["spec"]["template"]["spec"]["containers"]] == ["main", "side"]
    main = {
        **main,
        "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 80, "name": "http"}],
    }
    changed = await apply(api, f"{DEPLOYMENTS}/web", deployment(main))
    ports = changed["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert ports == [
        {"containerPort": 53, "protocol": "UDP"},
        {"name": "http", "containerPort": 80, "protocol": "TCP"},
    ]
    left = await apply(api, f"{DEPLOYMENTS}/web", deployment({"name": "third", "image": "busybox:1"}))
    assert [c["name"] for c in left["spec"]["template"]["spec"]["containers"]] == ["side", "third"]


async def test_status_is_applied_through_its_own_door(api):
    await apply(api, f"{DEPLOYMENTS}/web", {**deployment(), "status": {"replicas": 3}})
    made = (await api.get(f"{DEPLOYMENTS}/web")).json
    assert "replicas" not in made["status"]
    condition = {"type": "Available", "status": "True", "reason": "x", "message": "y"}
    status = {**deployment(replicas=9), "status": {"replicas": 2, "conditions": [condition]}}
    found = await apply(api, f"{DEPLOYMENTS}/web/status", status, "two")
    assert found["spec"]["replicas"] == 1
    assert found["status"]["replicas"] == 2
    entry = next(e for e in found["metadata"]["managedFields"] if e["manager"] == "two")
    assert entry["subresource"] == "status"
    key = 'k:{"type":"Available"}'
    assert entry["fieldsV1"]["f:status"] == {
        "f:replicas": {},
        "f:conditions": {
            key: {".": {}, "f:type": {}, "f:status": {}, "f:reason": {}, "f:message": {}},
        },
    }
    assert "f:spec" not in entry["fieldsV1"]
    status["status"]["replicas"] = 5
    answer = await refused(api, f"{DEPLOYMENTS}/web/status", status, "three")
    assert answer.message == (
        'Apply failed with 1 conflict: conflict with "two" with subresource "status": .status.replicas'
    )
    missing = await refused(api, f"{DEPLOYMENTS}/none/status", status)
    assert missing.status == 404


async def test_uid_and_revision_are_preconditions(api):
    made = await apply(api, f"{CONFIGS}/a", config(x="1"))

    def insisting(**meta: str) -> dict[str, Any]:
        return {**config(x="2"), "metadata": {"name": "a", **meta}}

    answer = await refused(api, f"{CONFIGS}/a", insisting(uid="other"))
    assert answer.status == 409
    assert "Precondition failed: UID in precondition: other" in answer.message
    revision = made["metadata"]["resourceVersion"]
    done = await apply(api, f"{CONFIGS}/a", insisting(resourceVersion=revision, uid=made["metadata"]["uid"]))
    assert owners(done)["one", "Apply"] == {"f:data": {"f:x": {}}}
    late = await refused(api, f"{CONFIGS}/a", {**insisting(resourceVersion=revision), "data": {"x": "3"}})
    assert late.status == 409
    assert "the object has been modified" in late.message
    absent = await refused(api, f"{CONFIGS}/b", {**config("b"), "metadata": {"name": "b", "uid": "u"}})
    assert absent.status == 409
    assert "uid mismatch: the provided object specified uid u, and no existing object was found" in (
        absent.message
    )


REFUSED: dict[str, tuple[Any, dict[str, str], int, str]] = {
    "no manager": (
        config(),
        {"fieldManager": ""},
        422,
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ),
    "managed fields": (
        {**config(), "metadata": {"name": "a", "managedFields": []}},
        {},
        400,
        "metadata.managedFields must be nil",
    ),
    "no kind": ({"metadata": {"name": "a"}}, {}, 400, "invalid object type: /, Kind="),
    "another kind": (
        {**config(), "kind": "Secret"},
        {},
        400,
        "invalid object type: /v1, Kind=Secret",
    ),
    "an unknown field": (
        {**config(), "dat": {}},
        {"fieldValidation": "Ignore"},
        400,
        "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .dat: field not declared in schema",
    ),
    "a wrong type": (
        config(x=5),
        {},
        400,
        "failed to create typed patch object (/a; /v1, Kind=ConfigMap): "
        ".data.x: expected string, got &value.valueUnstructured{Value:5}",
    ),
    "another name": (
        config("b"),
        {},
        400,
        "the name of the object (b) does not match the name on the URL (a)",
    ),
    "no name": (
        {**config(), "metadata": {}},
        {},
        400,
        "the name of the object (a based on URL) was undeterminable: name must be provided",
    ),
    "a key twice": (
        b'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: "1"\n  x: "2"\n',
        {"fieldValidation": "Strict"},
        400,
        "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n"
        '  line 6: key "x" already set in map',
    ),
    "no mapping": (b"[]", {}, 400, "error decoding YAML: the document must be a mapping"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_refusals(api, case):
    body, query, status, message = REFUSED[case]
    answer = await api.patch(f"{CONFIGS}/a", body, content_type=APPLY, **{"fieldManager": "one", **query})
    assert (answer.status, answer.message) == (status, message)
    assert (await api.get(f"{CONFIGS}/a")).status == 404


async def test_duplicate_items_are_refused(api):
    twice = deployment({"name": "main", "image": "a"}, {"name": "main", "image": "b"})
    answer = await refused(api, f"{DEPLOYMENTS}/web", twice)
    assert answer.message == (
        "failed to create typed patch object (/web; apps/v1, Kind=Deployment): "
        '.spec.template.spec.containers: duplicate entries for key [name="main"]'
    )


async def test_not_json_is_400_and_force_is_for_applies(api):
    answer = await refused(api, f"{CONFIGS}/a", b"{")
    assert answer.status == 400
    assert answer.message.startswith("error decoding YAML: ")
    deep = b'{"a":' * 5000 + b"1" + b"}" * 5000
    assert (await refused(api, f"{CONFIGS}/a", deep)).status == 400
    await apply(api, f"{CONFIGS}/a", config())
    plain = await api.patch(f"{CONFIGS}/a", {}, content_type=MERGE, force="true")
    assert plain.status == 422
    assert "force: Forbidden: may not be specified for non-apply patch" in plain.message


async def test_a_key_given_twice_is_a_warning(api):
    text = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1","x":"2"}}'
    answer = await api.patch(f"{CONFIGS}/a", text, content_type=APPLY, fieldManager="one")
    assert answer.status == 201
    assert answer.json["data"] == {"x": "2"}
    assert answer.headers["Warning"] == (
        '299 - "error converting YAML to JSON: yaml: unmarshal errors:   '
        'line 1: key \\"x\\" already set in map"'
    )


async def test_dry_run_answers_and_stores_nothing(api):
    tried = await apply(api, f"{CONFIGS}/a", config(x="1"), dryRun="All")
    assert tried["data"] == {"x": "1"}
    assert (await api.get(f"{CONFIGS}/a")).status == 404
    made = await apply(api, f"{CONFIGS}/a", config(x="1"))
    tried = await apply(api, f"{CONFIGS}/a", config(x="2"), dryRun="All")
    assert tried["data"] == {"x": "2"}
    assert (await api.get(f"{CONFIGS}/a")).json == made
    answer = await refused(api, f"{CONFIGS}/a", config(x="2"), "two", dryRun="All")
    assert answer.status == 409


async def test_an_object_whose_managed_fields_were_emptied_has_an_owner_again(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1", "y": "1"}})
    emptied = (await api.patch(f"{CONFIGS}/a", {"metadata": {"managedFields": [{}]}})).json
    assert "managedFields" not in emptied["metadata"]
    answer = await refused(api, f"{CONFIGS}/a", config(x="2"))
    assert answer.message == (
        'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.x'
    )
    found = await apply(api, f"{CONFIGS}/a", config(x="1"))
    assert owners(found) == {
        ("before-first-apply", "Update"): {"f:data": {".": {}, "f:x": {}, "f:y": {}}},
        ("one", "Apply"): {"f:data": {"f:x": {}}},
    }


async def test_an_empty_list_empties_managed_fields_too(api):
    await apply(api, f"{CONFIGS}/a", config(x="1"))
    emptied = (await api.patch(f"{CONFIGS}/a", {"metadata": {"managedFields": []}})).json
    assert "managedFields" not in emptied["metadata"]


async def test_owners_may_be_rewritten_by_a_patch(api):
    """Which is how clients move an object from client-side to server-side apply."""
    made = await api.make(CONFIGS, config(x="1"), fieldManager="kubectl-client-side-apply")
    entry = {**made["metadata"]["managedFields"][0], "manager": "kubectl", "operation": "Apply"}
    revision = made["metadata"]["resourceVersion"]
    operations = [
        {"op": "replace", "path": "/metadata/managedFields", "value": [entry]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": revision},
    ]
    answer = await api.patch(f"{CONFIGS}/a", operations, content_type="application/json-patch+json")
    assert answer.status == 200, answer.text
    assert answer.revision != revision
    assert list(owners(answer.json)) == [("kubectl", "Apply")]
    left = await apply(api, f"{CONFIGS}/a", config(y="1"), "kubectl")
    assert left["data"] == {"y": "1"}
    late = await api.patch(f"{CONFIGS}/a", operations, content_type="application/json-patch+json")
    assert late.status == 409


async def test_null_takes_a_value_away(api):
    await apply(api, f"{DEPLOYMENTS}/web", deployment(replicas=3, minReadySeconds=5))
    answer = await refused(api, f"{DEPLOYMENTS}/web", deployment(minReadySeconds=None), "two")
    assert answer.message == 'Apply failed with 1 conflict: conflict with "one": .spec.minReadySeconds'
    found = await apply(api, f"{DEPLOYMENTS}/web", deployment(replicas=None, minReadySeconds=None))
    assert found["spec"]["replicas"] == 1
    assert "minReadySeconds" not in found["spec"]


async def test_managers_of_other_versions_are_compared_in_theirs(api):
    path = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers/web"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}

    def scaler(version: str, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": f"autoscaling/{version}",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web"},
            "spec": {"scaleTargetRef": target, "maxReplicas": 5, **spec},
        }

    await apply(api, path.format("v1"), scaler("v1", targetCPUUtilizationPercentage=50, minReplicas=2))
    answer = await refused(api, path.format("v2"), scaler("v2", minReplicas=3), "two")
    assert answer.message == 'Apply failed with 1 conflict: conflict with "one": .spec.minReplicas'
    moved = await apply(api, path.format("v2"), scaler("v2", minReplicas=2))
    entry = moved["metadata"]["managedFields"][0]
    assert (entry["apiVersion"], entry["manager"]) == ("autoscaling/v2", "one")
    assert len(moved["metadata"]["managedFields"]) == 1
    seen = (await api.get(path.format("v1"))).json
    assert seen["spec"]["minReplicas"] == 2


async def test_many_appliers_at_once_all_get_their_field(api):
    made = await asyncio.gather(
        *(apply(api, f"{CONFIGS}/a", config(**{f"k{i}": "v"}), f"m{i}") for i in range(20))
    )
    assert len(made) == 20
    found = (await api.get(f"{CONFIGS}/a")).json
    assert found["data"] == {f"k{i}": "v" for i in range(20)}
    assert len(found["metadata"]["managedFields"]) == 20


async def test_who_creates_by_applying_must_be_allowed_to_create(api, client_of):
    from podling.apiserver.request import UserInfo

    jane = api.by(UserInfo("jane", groups=("system:authenticated",)))
    role = {
        "metadata": {"name": "p"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]}],
    }
    await api.make("/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", role)
    binding = {
        "metadata": {"name": "p"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "p"},
        "subjects": [{"kind": "User", "name": "jane"}],
    }
    await api.make("/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", binding)
    answer = await refused(jane, f"{CONFIGS}/a", config(x="1"))
    assert answer.status == 403
    assert 'User "jane" cannot create resource "configmaps"' in answer.message
    await apply(api, f"{CONFIGS}/a", config(x="1"))
    await apply(jane, f"{CONFIGS}/a", config(y="1"), "two")


async def test_the_annotation_of_client_side_apply_lets_kubectl_in(api):
    """The manager `kubectl` has no conflict over what the annotation says it set; others do."""
    from podling.api.apply.lastapplied import ANNOTATION
    from podling.api.gotext import json_text

    applied = {**config(x="1"), "metadata": {"name": "a", "annotations": {}}}
    note = {ANNOTATION: json_text(applied) + "\n"}
    body = {**config(x="1"), "metadata": {"name": "a", "annotations": note}}
    await api.make(CONFIGS, body, fieldManager="kubectl-client-side-apply")
    await api.patch(f"{CONFIGS}/a", {"data": {"y": "1"}}, fieldManager="editor")
    assert (await refused(api, f"{CONFIGS}/a", config(x="2"), "other")).status == 409
    mixed = await refused(api, f"{CONFIGS}/a", config(x="2", y="2"), "kubectl")
    assert mixed.message == 'Apply failed with 1 conflict: conflict with "editor" using v1: .data.y'
    found = await apply(api, f"{CONFIGS}/a", config(x="2"), "kubectl")
    assert found["data"] == {"x": "2", "y": "1"}
    assert found["metadata"]["annotations"][ANNOTATION] == (
        '{"apiVersion":"v1","data":{"x":"2"},"kind":"ConfigMap","metadata":{"name":"a"}}\n'
    )


async def test_ephemeral_containers_can_be_applied(api, pod):
    await api.make(PODS, pod())
    debug = {"name": "debug", "image": "busybox"}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"ephemeralContainers": [debug]},
    }
    found = await apply(api, f"{PODS}/web/ephemeralcontainers", body)
    assert [c["name"] for c in found["spec"]["ephemeralContainers"]] == ["debug"]
    entry = next(e for e in found["metadata"]["managedFields"] if e["manager"] == "one")
    assert entry["subresource"] == "ephemeralcontainers"
    assert entry["fieldsV1"] == {
        "f:spec": {"f:ephemeralContainers": {'k:{"name":"debug"}': {".": {}, "f:name": {}, "f:image": {}}}}
    }


async def test_replicas_applied_through_scale_are_owned_in_the_object(api):
    await apply(api, f"{DEPLOYMENTS}/web", deployment(replicas=2))
    scale = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "web"},
        "spec": {"replicas": 3},
    }
    answer = await refused(api, f"{DEPLOYMENTS}/web/scale", scale, "scaler")
    assert answer.message == 'Apply failed with 1 conflict: conflict with "one": .spec.replicas'
    scaled = await apply(api, f"{DEPLOYMENTS}/web/scale", scale, "scaler", force="true")
    assert scaled["spec"] == {"replicas": 3}
    found = (await api.get(f"{DEPLOYMENTS}/web")).json
    entry = next(e for e in found["metadata"]["managedFields"] if e["manager"] == "scaler")
    assert (entry["apiVersion"], entry["subresource"]) == ("apps/v1", "scale")
    assert entry["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in owners(found)["one", "Apply"]["f:spec"]
    answer = await refused(api, f"{DEPLOYMENTS}/web", deployment(replicas=2))
    assert answer.message == (
        'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale": .spec.replicas'
    )
    assert await apply(api, f"{DEPLOYMENTS}/web/scale", scale, "scaler") == scaled
    wrong = await refused(api, f"{DEPLOYMENTS}/web/scale", deployment(), "scaler")
    assert wrong.message == "invalid object type: apps/v1, Kind=Deployment"


TWICE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Service": (
        "/api/v1/namespaces/default/services",
        "v1",
        {
            "spec": {
                "type": "NodePort",
                "selector": {"a": "b"},
                "ports": [{"port": 53, "name": "t"}, {"port": 53, "name": "u", "protocol": "UDP"}],
            }
        },
    ),
    "Pod": (
        PODS,
        "v1",
        {
            "spec": {
                "containers": [
                    {"name": "c", "image": "i", "resources": {"limits": {"cpu": 1, "memory": "1024Mi"}}}
                ],
                "tolerations": [{"key": "a"}],
            }
        },
    ),
    "Secret": ("/api/v1/namespaces/default/secrets", "v1", {"stringData": {"a": "b"}, "data": {"c": "ZA=="}}),
    "Namespace": ("/api/v1/namespaces", "v1", {"metadata": {"labels": {"a": "b"}}}),
    "ClusterRoleBinding": (
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "rbac.authorization.k8s.io/v1",
        {
            "roleRef": {"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"},
            "subjects": [{"kind": "User", "name": "x"}],
        },
    ),
    "Job": (
        "/apis/batch/v1/namespaces/default/jobs",
        "batch/v1",
        {
            "spec": {
                "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
            }
        },
    ),
    "PodDisruptionBudget": (
        "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
        "policy/v1",
        {"spec": {"minAvailable": "50%", "selector": {"matchLabels": {"a": "b"}}}},
    ),
    "Lease": (
        "/apis/coordination.k8s.io/v1/namespaces/default/leases",
        "coordination.k8s.io/v1",
        {"spec": {"holderIdentity": "x", "renewTime": "2026-01-01T00:00:00.000000Z"}},
    ),
    "CustomResourceDefinition": (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "apiextensions.k8s.io/v1",
        {
            "spec": {
                "group": "x.io",
                "scope": "Namespaced",
                "names": {"plural": "ws", "kind": "W"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object", "default": {"a": 1}}},
                    }
                ],
            }
        },
    ),
    "HorizontalPodAutoscaler": (
        "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers",
        "autoscaling/v1",
        {
            "spec": {
                "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
            }
        },
    ),
}


@pytest.mark.parametrize("kind", TWICE)
async def test_the_second_apply_of_any_kind_writes_nothing(api, kind):
    """Whatever defaults, admission and the kind's own rules made of the first."""
    path, version, body = TWICE[kind]
    name = "ws.x.io" if kind == "CustomResourceDefinition" else "s"
    meta = {"name": name, **body.get("metadata", {})}
    whole = {"apiVersion": version, "kind": kind, **body, "metadata": meta}
    first = await apply(api, f"{path}/{name}", whole, fieldValidation="Strict")
    assert await apply(api, f"{path}/{name}", whole, fieldValidation="Strict") == first


async def test_updates_own_the_fields_of_the_version_they_are_written_in(api):
    path = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
    body = {
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 5,
            "targetCPUUtilizationPercentage": 50,
        },
    }
    made = await api.make(path.format("v1"), body, fieldManager="old")
    entry = made["metadata"]["managedFields"][0]
    assert (entry["manager"], entry["apiVersion"]) == ("old", "autoscaling/v1")
    assert entry["fieldsV1"]["f:spec"]["f:targetCPUUtilizationPercentage"] == {}
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    change = {"spec": {"metrics": [{"type": "Resource", "resource": resource}]}}
    answer = await api.patch(f"{path.format('v2')}/web", change, fieldManager="new")
    found = {entry["manager"]: entry for entry in answer.json["metadata"]["managedFields"]}
    assert found["new"]["apiVersion"] == "autoscaling/v2"
    assert found["new"]["fieldsV1"] == {"f:spec": {"f:metrics": {}}}
    assert found["old"]["apiVersion"] == "autoscaling/v1"
    assert "f:targetCPUUtilizationPercentage" not in found["old"]["fieldsV1"]["f:spec"]
    assert found["old"]["fieldsV1"]["f:spec"]["f:maxReplicas"] == {}
