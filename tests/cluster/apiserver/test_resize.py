"""`pods/resize`: what may be asked for, by which verbs, and what becomes of the rest of the request (KEP-1287)."""

from __future__ import annotations

from typing import Any

import pytest

PODS = "/api/v1/namespaces/default/pods"
RESIZE = f"{PODS}/web/resize"
STRATEGIC = "application/strategic-merge-patch+json"
SMALL = {"cpu": "100m", "memory": "64Mi"}


def container(name: str = "main", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "busybox", **fields}


def burstable(name: str = "main", **fields: Any) -> dict[str, Any]:
    resources = {"requests": SMALL, "limits": {"cpu": "200m", "memory": "128Mi"}}
    return container(name, resources=resources, **fields)


def asking(resources: dict[str, Any], name: str = "main") -> dict[str, Any]:
    return {"spec": {"containers": [{"name": name, "resources": resources}]}}


async def resize(api: Any, resources: dict[str, Any]) -> Any:
    return await api.patch(RESIZE, asking(resources), content_type=STRATEGIC)


async def test_a_resize_raises_the_generation_and_leaves_the_rest(api, pod):
    made = await api.make(PODS, pod(containers=[burstable()]))
    answer = await resize(api, {"requests": {"cpu": "150m"}, "limits": {"memory": "256Mi"}})
    assert answer.status == 200, answer.text
    now = answer.json
    assert now["metadata"]["generation"] == made["metadata"]["generation"] + 1
    assert now["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "150m", "memory": "64Mi"},
        "limits": {"cpu": "200m", "memory": "256Mi"},
    }
    assert now["status"]["qosClass"] == "Burstable"
    owners = [(entry["manager"], entry.get("subresource")) for entry in now["metadata"]["managedFields"]]
    assert ("test", "resize") in owners


async def test_put_takes_a_whole_pod_and_reading_gives_the_pod(api, pod):
    wanted = await api.make(PODS, pod(containers=[burstable()]))
    wanted["spec"]["containers"][0]["resources"]["limits"] = {"cpu": "300m", "memory": "256Mi"}
    wanted["spec"]["containers"][0]["image"] = "other"
    wanted["metadata"]["labels"] = {"new": "label"}
    answer = await api.put(RESIZE, wanted)
    assert answer.status == 200, answer.text
    assert (await api.get(RESIZE)).json == (await api.get(f"{PODS}/web")).json == answer.json
    (now,) = answer.json["spec"]["containers"]
    assert (now["image"], now["resources"]["limits"]["cpu"]) == ("busybox", "300m")
    assert "labels" not in answer.json["metadata"] or "new" not in answer.json["metadata"]["labels"]


async def test_resources_change_through_the_subresource_alone(api, pod):
    await api.make(PODS, pod(containers=[burstable()]))
    answer = await api.patch(f"{PODS}/web", asking({"requests": {"cpu": "1m"}}), content_type=STRATEGIC)
    assert answer.status == 422
    assert "pod updates may not change fields other than" in answer.message


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"limits": {"memory": None}}, "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"),
        ({"requests": {"cpu": "300m"}}, 'Invalid value: "300m": must be less than or equal to cpu limit of 200m'),
        ({"requests": {"ephemeral-storage": "1Gi"}}, "spec: Forbidden: only cpu and memory resources are mutable"),
        (
            {"requests": {"cpu": "200m", "memory": "128Mi"}},
            'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
        ),
    ],
)  # fmt: skip
async def test_what_may_not_be_asked_for(api, pod, resources, message):
    await api.make(PODS, pod(containers=[burstable()]))
    answer = await resize(api, resources)
    assert answer.status == 422
    assert message in answer.message


async def test_a_request_cannot_be_removed_and_falls_back_to_its_limit(api, pod):
    await api.make(PODS, pod(containers=[container(resources={"requests": SMALL, "limits": {"cpu": "1"}})]))
    answer = await resize(api, {"requests": {"memory": None}})
    assert "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed" in (
        answer.message
    )
    back = await resize(api, {"requests": {"cpu": None}})
    assert back.json["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "1"


async def test_limits_and_requests_may_be_added(api, pod):
    half = container(resources={"requests": {"cpu": "100m"}})
    await api.make(PODS, pod(containers=[half]))
    answer = await resize(api, {"requests": {"memory": "32Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}})
    assert answer.status == 200, answer.text


async def test_containers_stay_the_same_ones_in_the_same_order(api, pod):
    made = await api.make(PODS, pod(containers=[burstable("a"), burstable("b")]))
    made["spec"]["containers"].reverse()
    swapped = await api.put(RESIZE, made)
    assert "spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize" in (
        swapped.message
    )
    made["spec"]["containers"].pop()
    shorter = await api.put(RESIZE, made)
    assert "spec.containers: Forbidden: containers may not be added or removed on resize" in shorter.message


async def test_the_resize_policy_is_fixed(api, pod):
    policy = [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]
    made = await api.make(PODS, pod(containers=[burstable(resizePolicy=policy)]))
    made["spec"]["containers"][0]["resizePolicy"][0]["restartPolicy"] = "RestartContainer"
    answer = await api.put(RESIZE, made)
    assert "only cpu and memory resources are mutable" in answer.message


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (
            {"resourceName": "pods", "restartPolicy": "NotRequired"},
            'resizePolicy: Unsupported value: "pods": supported values: "cpu", "memory"',
        ),
        (
            {"resourceName": "cpu", "restartPolicy": "Maybe"},
            'resizePolicy: Unsupported value: "Maybe": supported values: "NotRequired", "RestartContainer"',
        ),
        (
            {"resourceName": "cpu", "restartPolicy": "RestartContainer"},
            "must be 'NotRequired' when `restartPolicy` is 'Never'",
        ),
    ],
)
async def test_resize_policies_must_make_sense(api, pod, policy, message):
    answer = await api.post(PODS, pod(restartPolicy="Never", containers=[burstable(resizePolicy=[policy])]))
    assert answer.status == 422
    assert message in answer.message


async def test_a_node_that_shows_no_resources_cannot_resize(api, pod):
    await api.make(PODS, pod(containers=[burstable()]))
    running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    told = {"name": "main", "image": "", "imageID": "", "ready": True, "restartCount": 0, "state": running}
    await api.patch(f"{PODS}/web/status", {"status": {"containerStatuses": [told]}})
    answer = await resize(api, {"requests": {"cpu": "150m"}})
    assert "spec: Forbidden: Pod running on node without support for resize" in answer.message


async def test_static_pods_are_not_resized(api, pod):
    body = pod(containers=[burstable()], nodeName="n1")
    body["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    await api.make(PODS, body)
    answer = await resize(api, {"requests": {"cpu": "150m"}})
    assert "Forbidden: static pods cannot be resized" in answer.message


async def test_limit_ranges_and_quotas_hold_for_resizes(api, pod):
    await api.make(PODS, pod(containers=[burstable()]))
    most = {"limits": [{"type": "Container", "max": {"cpu": "400m"}}]}
    await api.make("/api/v1/namespaces/default/limitranges", {"metadata": {"name": "l"}, "spec": most})
    answer = await resize(api, {"limits": {"cpu": "500m"}})
    assert answer.status == 403
    assert "maximum cpu usage per Container is 400m, but limit is 500m" in answer.message
    hard = {"metadata": {"name": "q"}, "spec": {"hard": {"requests.memory": "100Mi"}}}
    await api.make("/api/v1/namespaces/default/resourcequotas", hard)
    counted = {"status": {"hard": {"requests.memory": "100Mi"}, "used": {"requests.memory": "64Mi"}}}
    await api.patch("/api/v1/namespaces/default/resourcequotas/q/status", counted)
    answer = await resize(api, {"requests": {"memory": "120Mi"}})
    assert answer.status == 403
    assert "exceeded quota: q, requested: requests.memory=56Mi" in answer.message


async def test_resources_of_the_pod_as_a_whole_are_completed_and_resized(api, pod):
    whole = {"limits": {"cpu": "2", "memory": "1Gi"}}
    asks = container(resources={"requests": {"cpu": "100m"}})
    made = await api.make(PODS, pod(resources=whole, containers=[asks]))
    assert made["spec"]["resources"]["requests"] == {"cpu": "100m", "memory": "1Gi"}
    assert made["status"]["qosClass"] == "Burstable"
    grown = await api.patch(
        RESIZE, {"spec": {"resources": {"requests": {"cpu": "1"}}}}, content_type=STRATEGIC
    )
    assert grown.status == 200, grown.text
    gone = await api.patch(RESIZE, {"spec": {"resources": None}}, content_type=STRATEGIC)
    assert "spec.resources: Forbidden: pod-level resources cannot be removed" in gone.message


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        (
            {"requests": {"cpu": "50m"}},
            'spec.resources.requests[cpu]: Invalid value: "50m": must be greater than or equal to '
            "aggregate container requests of 100m",
        ),
        (
            {"requests": {"cpu": "100m"}, "limits": {"cpu": "150m"}},
            'spec.resources.containers[0][cpu].limits: Invalid value: "200m": must be less than or equal to '
            "pod limits of 150m",
        ),
        (
            {"requests": {"ephemeral-storage": "1Gi"}},
            'Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-", "memory"',
        ),
    ],
)
async def test_a_pods_whole_resources_must_hold_its_containers(api, pod, whole, message):
    answer = await api.post(PODS, pod(resources=whole, containers=[burstable()]))
    assert answer.status == 422
    assert message in answer.message


async def test_huge_pages_come_in_whole_pages(api, pod):
    amounts = {"hugepages-2Mi": "3Mi", "memory": "64Mi"}
    answer = await api.post(PODS, pod(containers=[container(resources={"limits": amounts})]))
    assert "3Mi is not positive integer multiple of hugepages-2Mi" in answer.message
