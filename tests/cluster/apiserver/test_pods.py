"""What is special about Pods: admission, binding, status, what may change."""

from __future__ import annotations

import asyncio

from podling.testing.virtualtime import virtual

PODS = "/api/v1/namespaces/default/pods"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
PRIORITIES = "/apis/scheduling.k8s.io/v1/priorityclasses"


async def test_a_pod_runs_as_its_namespaces_default_account_and_gets_its_token(api, pod):
    spec = (await api.make(PODS, pod()))["spec"]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    (volume,) = spec["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    assert [next(iter(source)) for source in volume["projected"]["sources"]] == [
        "serviceAccountToken",
        "configMap",
        "downwardAPI",
    ]
    (mount,) = spec["containers"][0]["volumeMounts"]
    assert mount == {
        "name": volume["name"],
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        "readOnly": True,
    }


async def test_the_pods_word_on_tokens_outranks_its_accounts(api, pod):
    await api.make(ACCOUNTS, {"metadata": {"name": "quiet"}, "automountServiceAccountToken": False})
    assert "volumes" not in (await api.make(PODS, pod("a", serviceAccountName="quiet")))["spec"]
    loud = await api.make(PODS, pod("b", serviceAccountName="quiet", automountServiceAccountToken=True))
    assert len(loud["spec"]["volumes"]) == 1


async def test_an_account_that_is_not_there_is_403(api, pod):
    answer = await api.post(PODS, pod(serviceAccountName="nobody"))
    assert answer.status == 403
    assert answer.message == (
        'pods "web" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found'
    )


@virtual
async def test_a_pod_waits_for_the_default_account_of_a_new_namespace(world, pod):
    async with world() as api:
        await api.make("/api/v1/namespaces", {"metadata": {"name": "new"}})
        waiting = asyncio.ensure_future(api.post("/api/v1/namespaces/new/pods", pod()))
        await asyncio.sleep(0.5)
        await api.make("/api/v1/namespaces/new/serviceaccounts", {"metadata": {"name": "default"}})
        assert (await waiting).status == 201


async def test_priority_comes_from_a_class_that_exists(api, pod):
    await api.make(PRIORITIES, {"metadata": {"name": "high"}, "value": 1000, "preemptionPolicy": "Never"})
    spec = (await api.make(PODS, pod("a", priorityClassName="high")))["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (1000, "Never")
    critical = (await api.make(PODS, pod("b", priorityClassName="system-node-critical")))["spec"]
    assert critical["priority"] == 2_000_001_000
    missing = await api.post(PODS, pod("c", priorityClassName="none"))
    assert missing.message == 'pods "c" is forbidden: no PriorityClass with name none was found'
    claimed = await api.post(PODS, pod("d", priority=5))
    assert "the integer value of priority (5) must not be provided in pod spec" in claimed.message


async def test_the_one_default_class_serves_pods_that_name_none(api, pod):
    await api.make(PRIORITIES, {"metadata": {"name": "usual"}, "value": 10, "globalDefault": True})
    spec = (await api.make(PODS, pod()))["spec"]
    assert (spec["priorityClassName"], spec["priority"]) == ("usual", 10)
    second = await api.post(PRIORITIES, {"metadata": {"name": "other"}, "value": 1, "globalDefault": True})
    assert second.status == 403


async def test_tolerations_of_lost_nodes_are_added_unless_given(api, pod):
    own = {
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 7,
    }
    tolerations = (await api.make(PODS, pod(tolerations=[own])))["spec"]["tolerations"]
    assert [(t["key"], t["tolerationSeconds"]) for t in tolerations] == [
        ("node.kubernetes.io/not-ready", 7),
        ("node.kubernetes.io/unreachable", 300),
    ]


async def test_a_new_pod_is_pending_with_its_quality_of_service(api, pod):
    resources = {"limits": {"cpu": "1", "memory": "1Gi"}}
    containers = [{"name": "main", "image": "busybox", "resources": resources}]
    made = await api.make(PODS, {**pod(containers=containers), "status": {"phase": "Running"}})
    assert made["status"] == {"phase": "Pending", "qosClass": "Guaranteed"}
    assert made["spec"]["containers"][0]["resources"]["requests"] == resources["limits"]
    changed = await api.patch(f"{PODS}/web/status", {"status": {"qosClass": "BestEffort"}})
    assert changed.message.endswith('status.qosClass: Invalid value: "BestEffort": field is immutable')


async def test_a_pod_is_bound_once(api, pod):
    await api.make(PODS, pod())
    first = await api.post(f"{PODS}/web/binding", {"target": {"kind": "Node", "name": "n1"}})
    assert (first.status, first.json["status"]) == (201, "Success")
    bound = (await api.get(f"{PODS}/web")).json
    assert bound["spec"]["nodeName"] == "n1"
    (condition,) = bound["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("PodScheduled", "True")
    second = await api.post(f"{PODS}/web/binding", {"target": {"name": "n2"}})
    assert second.status == 409
    assert 'pod web is already assigned to node "n1"' in second.message
    nowhere = await api.post(f"{PODS}/web/binding", {"target": {}})
    assert nowhere.status == 422


async def test_a_binding_may_be_posted_to_its_own_collection(api, pod):
    await api.make(PODS, pod())
    answer = await api.post(
        "/api/v1/namespaces/default/bindings", {"metadata": {"name": "web"}, "target": {"name": "n1"}}
    )
    assert answer.status == 201
    assert (await api.get(f"{PODS}/web")).json["spec"]["nodeName"] == "n1"


async def test_little_of_a_pod_may_change(api, pod):
    await api.make(PODS, pod())
    image = await api.patch(f"{PODS}/web", {"spec": {"activeDeadlineSeconds": 100}})
    assert image.status == 200
    longer = await api.patch(f"{PODS}/web", {"spec": {"activeDeadlineSeconds": 200}})
    assert "must be less than or equal to previous value" in longer.message
    moved = await api.patch(f"{PODS}/web", {"spec": {"hostname": "other"}})
    assert moved.status == 422
    assert moved.message.startswith(
        'Pod "web" is invalid: spec: Forbidden: pod updates may not change fields other than '
        "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    )


async def test_a_gated_pod_says_so_and_is_not_bound(api, pod):
    made = await api.make(PODS, pod(schedulingGates=[{"name": "example.com/wait"}]))
    assert made["status"]["conditions"][0]["reason"] == "SchedulingGated"
    refused = await api.post(f"{PODS}/web/binding", {"target": {"name": "n1"}})
    assert refused.status == 409
    opened = await api.patch(f"{PODS}/web", {"spec": {"schedulingGates": []}})
    assert opened.status == 200
    assert (await api.post(f"{PODS}/web/binding", {"target": {"name": "n1"}})).status == 201


async def test_debugging_containers_are_added_and_stay(api, pod):
    await api.make(PODS, pod())
    debug = {"name": "debug", "image": "busybox", "targetContainerName": "main"}
    change = {"spec": {"ephemeralContainers": [debug]}}
    strategic = "application/strategic-merge-patch+json"
    added = await api.patch(f"{PODS}/web/ephemeralcontainers", change, content_type=strategic)
    assert added.status == 200, added.text
    assert added.json["spec"]["ephemeralContainers"][0]["terminationMessagePolicy"] == "File"
    gone = await api.patch(f"{PODS}/web/ephemeralcontainers", {"spec": {"ephemeralContainers": []}})
    assert gone.status == 422
    assert 'existing ephemeral containers "debug" may not be removed' in gone.message
    refused = await api.post(PODS, pod("other", ephemeralContainers=[debug]))
    assert "cannot be set on create" in refused.message


async def test_a_runtime_class_must_exist_and_brings_its_overhead(api, pod):
    refused = await api.post(PODS, pod(runtimeClassName="vm"))
    assert refused.message == 'pods "web" is forbidden: pod rejected: RuntimeClass "vm" not found'
    runtime = {"metadata": {"name": "vm"}, "handler": "vm", "overhead": {"podFixed": {"memory": "64Mi"}}}
    await api.make("/apis/node.k8s.io/v1/runtimeclasses", runtime)
    assert (await api.make(PODS, pod(runtimeClassName="vm")))["spec"]["overhead"] == {"memory": "64Mi"}
