"""Deleting: at once, with grace, held by finalizers, guarded by preconditions."""

from __future__ import annotations

PODS = "/api/v1/namespaces/default/pods"
CONFIGS = "/api/v1/namespaces/default/configmaps"
SETS = "/apis/apps/v1/namespaces/default/replicasets"


async def bound(api, pod, name="web", **spec):
    await api.make(PODS, pod(name, **spec))
    answer = await api.post(f"{PODS}/{name}/binding", {"target": {"kind": "Node", "name": "n1"}})
    assert answer.status == 201, answer.text


def replica_set(name="rs"):
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": labels}, "template": template}}


async def test_most_kinds_answer_a_deletion_with_a_status(api):
    made = await api.make(CONFIGS, {"metadata": {"name": "a"}})
    answer = await api.delete(f"{CONFIGS}/a")
    assert answer.status == 200
    assert answer.json["status"] == "Success"
    assert answer.json["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    again = await api.delete(f"{CONFIGS}/a")
    assert (again.status, again.message) == (404, 'configmaps "a" not found')


async def test_a_running_pod_is_marked_and_waits_for_its_agent(api, pod, clock):
    await bound(api, pod)
    marked = (await api.delete(f"{PODS}/web")).json["metadata"]
    assert marked["deletionGracePeriodSeconds"] == 30
    assert marked["deletionTimestamp"] == "2023-11-14T22:13:50Z"
    assert marked["generation"] == 2
    clock.time += 10
    later = (await api.delete(f"{PODS}/web")).json["metadata"]
    assert later["deletionTimestamp"] == marked["deletionTimestamp"]
    shorter = (await api.delete(f"{PODS}/web", gracePeriodSeconds="5")).json["metadata"]
    assert (shorter["deletionTimestamp"], shorter["deletionGracePeriodSeconds"]) == (
        "2023-11-14T22:13:25Z",
        5,
    )
    longer = (await api.delete(f"{PODS}/web", gracePeriodSeconds="60")).json["metadata"]
    assert longer["deletionGracePeriodSeconds"] == 5
    assert (await api.delete(f"{PODS}/web", {"gracePeriodSeconds": 0})).status == 200
    assert (await api.get(f"{PODS}/web")).status == 404


async def test_a_pod_that_runs_nowhere_or_has_run_goes_at_once(api, pod):
    await api.make(PODS, pod("waiting"))
    gone = await api.delete(f"{PODS}/waiting")
    assert gone.json["kind"] == "Pod"
    assert (await api.get(f"{PODS}/waiting")).status == 404
    await bound(api, pod, "done")
    await api.patch(f"{PODS}/done/status", {"status": {"phase": "Succeeded"}})
    await api.delete(f"{PODS}/done")
    assert (await api.get(f"{PODS}/done")).status == 404


async def test_finalizers_hold_an_object_until_the_last_is_gone(api):
    await api.make(CONFIGS, {"metadata": {"name": "a", "finalizers": ["example.com/one", "example.com/two"]}})
    marked = await api.delete(f"{CONFIGS}/a")
    assert marked.status == 200
    assert marked.json["metadata"]["deletionTimestamp"]
    assert marked.json["metadata"]["deletionGracePeriodSeconds"] == 0
    added = await api.patch(
        f"{CONFIGS}/a", {"metadata": {"finalizers": ["example.com/one", "example.com/three"]}}
    )
    assert added.status == 422
    assert "no new finalizers can be added if the object is being deleted" in added.message
    await api.patch(f"{CONFIGS}/a", {"metadata": {"finalizers": ["example.com/two"]}})
    last = await api.patch(f"{CONFIGS}/a", {"metadata": {"finalizers": None}})
    assert last.status == 200
    assert (await api.get(f"{CONFIGS}/a")).status == 404


async def test_a_name_is_not_free_while_its_object_is_going(api):
    await api.make(CONFIGS, {"metadata": {"name": "a", "finalizers": ["example.com/one"]}})
    await api.delete(f"{CONFIGS}/a")
    answer = await api.post(CONFIGS, {"metadata": {"name": "a"}})
    assert answer.message == 'object is being deleted: configmaps "a" already exists'


async def test_propagation_becomes_a_finalizer(api):
    for policy, finalizer in (("Foreground", "foregroundDeletion"), ("Orphan", "orphan")):
        await api.make(SETS, replica_set(policy.lower()))
        answer = await api.delete(f"{SETS}/{policy.lower()}", {"propagationPolicy": policy})
        assert answer.json["metadata"]["finalizers"] == [finalizer]
    await api.make(SETS, replica_set("background"))
    await api.delete(f"{SETS}/background", propagationPolicy="Background")
    assert (await api.get(f"{SETS}/background")).status == 404
    wrong = await api.delete(f"{SETS}/orphan", propagationPolicy="Never")
    assert wrong.status == 422
    assert wrong.message.startswith(
        'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value'
    )


async def test_preconditions_guard_a_deletion(api):
    made = (await api.make(CONFIGS, {"metadata": {"name": "a"}}))["metadata"]
    wrong = await api.delete(f"{CONFIGS}/a", {"preconditions": {"uid": "other"}})
    assert wrong.status == 409
    assert "the UID in the precondition (other) does not match the UID in record" in wrong.message
    stale = await api.delete(f"{CONFIGS}/a", {"preconditions": {"resourceVersion": "1"}})
    assert stale.status == 409
    right = {"preconditions": {"uid": made["uid"], "resourceVersion": made["resourceVersion"]}}
    assert (await api.delete(f"{CONFIGS}/a", right)).status == 200


async def test_a_dry_run_deletes_nothing(api):
    await api.make(CONFIGS, {"metadata": {"name": "a"}})
    assert (await api.delete(f"{CONFIGS}/a", dryRun="All")).status == 200
    assert (await api.get(f"{CONFIGS}/a")).status == 200


async def test_a_collection_is_deleted_as_far_as_its_selectors_match(api):
    for name, colour in (("a", "red"), ("b", "red"), ("c", "blue")):
        await api.make(CONFIGS, {"metadata": {"name": name, "labels": {"colour": colour}}})
    answer = await api.delete(CONFIGS, labelSelector="colour=red")
    assert answer.status == 200
    assert [item["metadata"]["name"] for item in answer.json["items"]] == ["a", "b"]
    left = (await api.get(CONFIGS)).json["items"]
    assert [item["metadata"]["name"] for item in left] == ["c"]


async def test_a_collection_with_objects_that_may_not_go_says_why_for_the_first(api):
    for name in ("a", "b"):
        await api.make(CONFIGS, {"metadata": {"name": name}})
    answer = await api.delete(CONFIGS, {"preconditions": {"uid": "other"}})
    assert (answer.status, answer.json["details"]["name"]) == (409, "a")
    assert len((await api.get(CONFIGS)).json["items"]) == 2


async def test_a_namespace_goes_when_its_own_finalizers_are_gone(api):
    await api.make("/api/v1/namespaces", {"metadata": {"name": "x"}})
    going = (await api.delete("/api/v1/namespaces/x")).json
    assert going["status"]["phase"] == "Terminating"
    assert going["spec"]["finalizers"] == ["kubernetes"]
    refused = await api.post("/api/v1/namespaces/x/configmaps", {"metadata": {"name": "a"}})
    assert refused.status == 403
    assert refused.message == (
        'configmaps "a" is forbidden: unable to create new content in namespace x because it is being terminated'
    )
    assert refused.json["details"]["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": "namespace x is being terminated",
            "field": "metadata.namespace",
        }
    ]
    going["spec"]["finalizers"] = []
    finalized = await api.put("/api/v1/namespaces/x/finalize", going)
    assert finalized.status == 200, finalized.text
    assert (await api.get("/api/v1/namespaces/x")).status == 404


async def test_system_namespaces_are_not_deleted(api):
    answer = await api.delete("/api/v1/namespaces/kube-system")
    assert answer.status == 403
    assert answer.message == 'namespaces "kube-system" is forbidden: this namespace may not be deleted'


async def test_an_evicted_pod_is_deleted_with_its_grace(api, pod):
    await bound(api, pod)
    answer = await api.post(f"{PODS}/web/eviction", {"metadata": {"name": "web"}})
    assert answer.status == 201
    assert (await api.get(f"{PODS}/web")).json["metadata"]["deletionGracePeriodSeconds"] == 30
