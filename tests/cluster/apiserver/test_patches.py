"""Patches: JSON patch, merge patch, strategic merge patch."""

from __future__ import annotations

import asyncio

CONFIGS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


async def test_a_merge_patch_sets_and_removes(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1", "y": "2"}})
    answer = await api.patch(f"{CONFIGS}/a", {"data": {"x": None, "z": "3"}})
    assert answer.status == 200
    assert answer.json["data"] == {"y": "2", "z": "3"}


async def test_a_json_patch_follows_its_operations(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1"}})
    operations = [
        {"op": "test", "path": "/data/x", "value": "1"},
        {"op": "add", "path": "/data/y", "value": "2"},
        {"op": "remove", "path": "/data/x"},
    ]
    answer = await api.patch(f"{CONFIGS}/a", operations, content_type=JSON_PATCH)
    assert answer.json["data"] == {"y": "2"}
    failed = await api.patch(f"{CONFIGS}/a", operations, content_type=JSON_PATCH)
    assert failed.status == 422


async def test_a_strategic_patch_merges_lists_by_their_key(api, pod):
    spec = {"tolerations": [{"key": "a", "operator": "Exists"}]}
    await api.make(PODS, pod(**spec))
    change = {"spec": {"containers": [{"name": "main", "image": "busybox:2"}]}}
    answer = await api.patch(f"{PODS}/web", change, content_type=STRATEGIC)
    assert answer.status == 200, answer.text
    containers = answer.json["spec"]["containers"]
    assert [(c["name"], c["image"]) for c in containers] == [("main", "busybox:2")]
    assert containers[0]["terminationMessagePath"] == "/dev/termination-log"


async def test_a_patch_that_names_a_revision_insists_on_it(api):
    first = await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1"}})
    old = first["metadata"]["resourceVersion"]
    await api.patch(f"{CONFIGS}/a", {"data": {"x": "2"}})
    late = await api.patch(f"{CONFIGS}/a", {"metadata": {"resourceVersion": old}, "data": {"x": "3"}})
    assert late.status == 409


async def test_many_patches_of_one_object_at_once_all_succeed(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}})
    answers = await asyncio.gather(*(api.patch(f"{CONFIGS}/a", {"data": {f"k{i}": "v"}}) for i in range(40)))
    assert {answer.status for answer in answers} == {200}
    assert len((await api.get(f"{CONFIGS}/a")).json["data"]) == 40


async def test_a_patch_of_nothing_writes_nothing(api):
    first = await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1"}})
    again = await api.patch(f"{CONFIGS}/a", {"data": {"x": "1"}})
    assert again.revision == first["metadata"]["resourceVersion"]


async def test_unknown_kinds_of_patches_are_415(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}})
    answer = await api.patch(f"{CONFIGS}/a", {}, content_type="application/json")
    assert answer.status == 415
    assert answer.message == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, "
        "application/apply-patch+yaml"
    )


async def test_a_malformed_patch_is_400(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}})
    answer = await api.patch(f"{CONFIGS}/a", b"{")
    assert answer.status == 400


async def test_a_patch_may_not_rename_or_move(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}})
    assert (await api.patch(f"{CONFIGS}/a", {"metadata": {"name": "b"}})).status == 400
    assert (await api.patch(f"{CONFIGS}/a", {"metadata": {"namespace": "b"}})).status == 400
    missing = await api.patch(f"{CONFIGS}/b", {"data": {}})
    assert missing.status == 404


async def test_kinds_that_insist_on_a_revision_can_be_patched_without(api):
    """A patch starts from what is stored, so it always has one (leases, PodDisruptionBudgets, CustomResourceDefinitions)."""
    leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    made = await api.make(leases, {"metadata": {"name": "a"}, "spec": {"holderIdentity": "x"}})
    answer = await api.patch(f"{leases}/a", {"spec": {"holderIdentity": "y"}})
    assert answer.status == 200, answer.text
    assert answer.json["spec"]["holderIdentity"] == "y"
    late = {
        "metadata": {"resourceVersion": made["metadata"]["resourceVersion"]},
        "spec": {"holderIdentity": "z"},
    }
    assert (await api.patch(f"{leases}/a", late)).status == 409
    answer = await api.put(f"{leases}/a", {"metadata": {"name": "a"}})
    assert "must be specified for an update" in answer.message
    answer = await api.patch(f"{leases}/a", {"metadata": {"resourceVersion": None}})
    assert answer.status == 422
    assert "must be specified for an update" in answer.message
