"""kubernetes_asyncio against the API: objects, watches, patches, applies, refusals."""

from __future__ import annotations

import asyncio

import pytest
from kubernetes_asyncio import client, config, dynamic, watch
from kubernetes_asyncio.client.exceptions import ApiException

NAMESPACE = "default"


@pytest.fixture
async def api(kubeconfig):
    settings = client.Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
    async with client.ApiClient(settings) as made:
        yield made


async def test_objects_are_created_read_replaced_listed_and_deleted(api):
    core = client.CoreV1Api(api)
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="c", labels={"t": "x"}), data={"a": "1"})
    made = await core.create_namespaced_config_map(NAMESPACE, body)
    read = await core.read_namespaced_config_map("c", NAMESPACE)
    assert (read.metadata.uid, read.data) == (made.metadata.uid, {"a": "1"})
    read.data = {"a": "2"}
    replaced = await core.replace_namespaced_config_map("c", NAMESPACE, read)
    assert replaced.data == {"a": "2"}
    with pytest.raises(ApiException) as conflict:
        await core.replace_namespaced_config_map("c", NAMESPACE, read)
    assert conflict.value.status == 409
    listed = await core.list_namespaced_config_map(NAMESPACE, label_selector="t=x")
    assert [one.metadata.name for one in listed.items] == ["c"]
    assert (await core.delete_namespaced_config_map("c", NAMESPACE)).status == "Success"
    with pytest.raises(ApiException) as missing:
        await core.read_namespaced_config_map("c", NAMESPACE)
    assert missing.value.status == 404


async def test_a_watch_tells_what_happens(api):
    core = client.CoreV1Api(api)
    since = (await core.list_namespaced_config_map(NAMESPACE)).metadata.resource_version

    async def write():
        await core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "w"}})
        await core.patch_namespaced_config_map("w", NAMESPACE, {"data": {"k": "v"}})
        await core.delete_namespaced_config_map("w", NAMESPACE)

    seen = []
    async with asyncio.timeout(20), watch.Watch() as watcher, asyncio.TaskGroup() as writing:
        writing.create_task(write())
        async for event in watcher.stream(core.list_namespaced_config_map, NAMESPACE, resource_version=since):
            seen.append((event["type"], event["object"].data))
            if event["type"] == "DELETED":
                break
    assert seen == [("ADDED", None), ("MODIFIED", {"k": "v"}), ("DELETED", {"k": "v"})]


async def test_objects_are_patched_in_every_way_and_scaled(api, deployment):
    apps = client.AppsV1Api(api)
    await apps.create_namespaced_deployment(NAMESPACE, deployment)
    side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "busybox:2"}]}}}}
    merged = await apps.patch_namespaced_deployment(
        "web", NAMESPACE, side, _content_type="application/strategic-merge-patch+json"
    )
    assert {one.name for one in merged.spec.template.spec.containers} == {"main", "side"}
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
    patched = await apps.patch_namespaced_deployment(
        "web", NAMESPACE, operations, _content_type="application/json-patch+json"
    )
    assert patched.spec.replicas == 5
    merged = await apps.patch_namespaced_deployment(
        "web", NAMESPACE, {"spec": {"replicas": 6}}, _content_type="application/merge-patch+json"
    )
    assert merged.spec.replicas == 6
    scaled = await apps.patch_namespaced_deployment_scale(
        "web", NAMESPACE, {"spec": {"replicas": 3}}, _content_type="application/merge-patch+json"
    )
    assert scaled.spec.replicas == 3


async def test_objects_are_applied_and_conflicts_told(api, deployment):
    apps = client.AppsV1Api(api)

    async def apply(manager, **more):
        return await apps.patch_namespaced_deployment(
            "web",
            NAMESPACE,
            deployment,
            field_manager=manager,
            _content_type="application/apply-patch+yaml",
            **more,
        )

    made = await apply("one")
    assert (made.spec.replicas, made.metadata.managed_fields[0].manager) == (2, "one")
    deployment["spec"]["replicas"] = 4
    with pytest.raises(ApiException) as conflict:
        await apply("two")
    assert conflict.value.status == 409
    assert (await apply("two", force=True)).spec.replicas == 4


async def test_kinds_are_discovered_and_applied_without_types(api, deployment):
    resources = await dynamic.DynamicClient(api)
    deployments = await resources.resources.get(api_version="apps/v1", kind="Deployment")
    made = await resources.server_side_apply(
        deployments, body=deployment, namespace=NAMESPACE, field_manager="one"
    )
    assert made.spec.replicas == 2
    listed = await resources.get(deployments, namespace=NAMESPACE)
    assert [one.metadata.name for one in listed.items] == ["web"]
