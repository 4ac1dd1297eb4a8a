"""lightkube against the API: objects, pages, watches, waits, patches, applies, refusals."""

from __future__ import annotations

import asyncio

import pytest
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.codecs import load_all_yaml
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap
from lightkube.types import PatchType


@pytest.fixture
async def api(kubeconfig):
    async with AsyncClient(config=KubeConfig.from_file(kubeconfig), field_manager="lightkube") as made:
        yield made


def config_map(name, **labels):
    return ConfigMap(metadata=ObjectMeta(name=name, labels=labels), data={"a": "1"})


async def test_objects_are_created_read_replaced_listed_and_deleted(api):
    made = await api.create(config_map("c", t="x"))
    read = await api.get(ConfigMap, "c")
    assert (read.metadata.uid, read.data) == (made.metadata.uid, {"a": "1"})
    read.data["a"] = "2"
    assert (await api.replace(read)).data == {"a": "2"}
    with pytest.raises(ApiError) as conflict:
        await api.replace(read)
    assert (conflict.value.status.code, conflict.value.status.reason) == (409, "Conflict")
    assert [one.metadata.name async for one in api.list(ConfigMap, labels={"t": "x"})] == ["c"]
    await api.delete(ConfigMap, "c")
    with pytest.raises(ApiError) as missing:
        await api.get(ConfigMap, "c")
    assert missing.value.status.code == 404


async def test_lists_come_in_pages_and_collections_go_at_once(api):
    for number in range(7):
        await api.create(config_map(f"c{number}", p="y"))
    found = [one.metadata.name async for one in api.list(ConfigMap, labels={"p": "y"}, chunk_size=3)]
    assert found == [f"c{number}" for number in range(7)]
    await api.deletecollection(ConfigMap)
    assert [one async for one in api.list(ConfigMap, labels={"p": "y"})] == []


async def test_a_watch_tells_what_happens(api):
    async def write():
        made = await api.create(config_map("w", watched="yes"))
        made.data["a"] = "2"
        await api.replace(made)
        await api.delete(ConfigMap, "w")

    listed = api.list(ConfigMap)
    assert isinstance([one.metadata.name async for one in listed], list)
    seen = []
    async with asyncio.timeout(20), asyncio.TaskGroup() as writing:
        writing.create_task(write())
        async for kind, one in api.watch(
            ConfigMap, labels={"watched": "yes"}, resource_version=listed.resourceVersion
        ):
            seen.append((kind, one.data["a"]))
            if kind == "DELETED":
                break
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


async def test_objects_are_patched_scaled_and_waited_for(api, deployment):
    (made,) = load_all_yaml(str(deployment))
    await api.create(made, namespace="default")
    side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "busybox:2"}]}}}}
    merged = await api.patch(Deployment, "web", side)
    assert {one.name for one in merged.spec.template.spec.containers} == {"main", "side"}
    merged = await api.patch(Deployment, "web", {"spec": {"replicas": 6}}, patch_type=PatchType.MERGE)
    assert merged.spec.replicas == 6
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
    assert (await api.patch(Deployment, "web", operations, patch_type=PatchType.JSON)).spec.replicas == 5
    scale = Deployment.Scale(metadata=ObjectMeta(name="web"), spec=ScaleSpec(replicas=3))
    assert (await api.replace(scale, "web")).spec.replicas == 3
    status = {"status": {"conditions": [{"type": "Available", "status": "True"}]}}
    await api.patch(Deployment.Status, "web", status, patch_type=PatchType.MERGE)
    async with asyncio.timeout(20):
        waited = await api.wait(Deployment, "web", for_conditions=["Available"])
    assert waited.spec.replicas == 3


async def test_objects_are_applied_and_conflicts_told(api, deployment):
    (body,) = load_all_yaml(str(deployment))
    made = await api.apply(body, namespace="default", field_manager="one")
    assert made.metadata.managedFields[0].manager == "one"
    body.spec.replicas = 4
    with pytest.raises(ApiError, match='conflict with "one"'):
        await api.apply(body, namespace="default", field_manager="two")
    forced = await api.apply(body, namespace="default", field_manager="two", force=True)
    assert forced.spec.replicas == 4
