"""kr8s against the API: objects, watches, waits, patches, applies, refusals."""

from __future__ import annotations

import asyncio
import json

import kr8s
import kr8s.asyncio
import pytest
from kr8s.asyncio.objects import ConfigMap, Deployment

pytestmark = pytest.mark.filterwarnings("ignore:Kubernetes version .* is not supported")
"""kr8s names the versions that it was tried with; ours is newer."""


@pytest.fixture
async def api(kubeconfig):
    made = await kr8s.asyncio.api(kubeconfig=str(kubeconfig))
    yield made
    await made._session.aclose()


def config_map(api, name, **labels):
    return ConfigMap({"metadata": {"name": name, "labels": labels}, "data": {"a": "1"}}, api=api)


async def test_the_version_and_who_asks(api):
    assert (await api.version())["gitVersion"] == "v1.37.0"
    assert await api.whoami() == "kubernetes-admin"
    assert {"pods", "deployments"} <= {one["name"] for one in await api.api_resources()}


async def test_objects_are_created_read_listed_and_deleted(api):
    made = config_map(api, "c", t="x")
    await made.create()
    read = await ConfigMap.get("c", api=api)
    assert read.raw["metadata"]["uid"] == made.raw["metadata"]["uid"]
    assert [one.name async for one in api.get("configmaps", label_selector="t=x")] == ["c"]
    await made.label(colour="red")
    await made.annotate(why="because")
    await read.refresh()
    assert (read.labels["colour"], read.annotations["why"]) == ("red", "because")
    with pytest.raises(kr8s.ServerError) as taken:
        await config_map(api, "c").create()
    assert taken.value.response.status_code == 409
    await made.delete()
    assert not await made.exists()
    with pytest.raises(kr8s.NotFoundError):
        await ConfigMap.get("c", api=api, timeout=0.01)


async def test_a_watch_tells_what_happens(api):
    made = config_map(api, "w", watched="yes")
    await made.create()
    seen = []
    async with asyncio.timeout(20):
        async for kind, one in api.watch("configmaps", label_selector="watched=yes"):
            seen.append((kind, one.raw["data"]["a"]))
            if kind == "ADDED":
                await made.patch({"data": {"a": "2"}})
            elif kind == "MODIFIED":
                await made.delete()
            else:
                break
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


async def test_objects_are_patched_scaled_and_waited_for(api, deployment):
    made = Deployment(deployment, api=api)
    await made.create()
    await made.patch({"metadata": {"labels": {"more": "yes"}}})
    assert made.labels["more"] == "yes"
    await made.patch([{"op": "replace", "path": "/spec/replicas", "value": 5}], type="json")
    assert made.spec["replicas"] == 5
    scale = {"spec": {"replicas": 3}}
    async with api.call_api(
        "PATCH",
        version="apps/v1",
        namespace="default",
        url="deployments/web/scale",
        content=json.dumps(scale),
        headers={"Content-Type": "application/merge-patch+json"},
    ) as answer:
        assert answer.json()["spec"] == {"replicas": 3}
    await made.patch(
        {"status": {"conditions": [{"type": "Available", "status": "True"}]}}, subresource="status"
    )
    await made.wait("condition=Available", timeout=20)


async def test_objects_are_applied_and_conflicts_told(api, deployment):
    async def apply(manager, **more):
        async with api.call_api(
            "PATCH",
            version="apps/v1",
            namespace="default",
            url="deployments/web",
            params={"fieldManager": manager, **more},
            content=json.dumps(deployment),
            headers={"Content-Type": "application/apply-patch+yaml"},
        ) as answer:
            return answer.json()

    made = await apply("one")
    assert made["metadata"]["managedFields"][0]["manager"] == "one"
    deployment["spec"]["replicas"] = 4
    with pytest.raises(kr8s.ServerError, match='conflict with "one"'):
        await apply("two")
    assert (await apply("two", force="true"))["spec"]["replicas"] == 4
