"""The official Python client (`kubernetes`) against the API: objects, watches, patches, applies, refusals.

It blocks, so each tour runs in a thread beside the server's loop.
"""

from __future__ import annotations

import asyncio

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException

NAMESPACE = "default"


@pytest.fixture
def api(kubeconfig):
    made = config.new_client_from_config(str(kubeconfig))
    yield made
    made.rest_client.pool_manager.clear()
    made.close()


def crud(api):
    core = client.CoreV1Api(api)
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="c", labels={"t": "x"}), data={"a": "1"})
    made = core.create_namespaced_config_map(NAMESPACE, body)
    assert made.metadata.uid
    read = core.read_namespaced_config_map("c", NAMESPACE)
    assert read.data == {"a": "1"}
    read.data = {"a": "2"}
    replaced = core.replace_namespaced_config_map("c", NAMESPACE, read)
    assert int(replaced.metadata.resource_version) > int(made.metadata.resource_version)
    with pytest.raises(ApiException) as conflict:
        core.replace_namespaced_config_map("c", NAMESPACE, read)
    assert (conflict.value.status, conflict.value.reason) == (409, "Conflict")
    assert [
        one.metadata.name for one in core.list_namespaced_config_map(NAMESPACE, label_selector="t=x").items
    ] == ["c"]
    assert core.delete_namespaced_config_map("c", NAMESPACE)["status"] == "Success"
    with pytest.raises(ApiException) as missing:
        core.read_namespaced_config_map("c", NAMESPACE)
    assert missing.value.status == 404


def pages(api):
    core = client.CoreV1Api(api)
    for number in range(7):
        core.create_namespaced_secret(NAMESPACE, {"metadata": {"name": f"s{number}", "labels": {"p": "y"}}})
    seen, token = [], None
    while True:
        page = core.list_namespaced_secret(NAMESPACE, limit=3, label_selector="p=y", _continue=token)
        seen += [one.metadata.name for one in page.items]
        token = page.metadata._continue
        if not token:
            return seen


def followed(api):
    core = client.CoreV1Api(api)
    since = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "w"}})
    core.patch_namespaced_config_map("w", NAMESPACE, {"data": {"k": "v"}})
    core.delete_namespaced_config_map("w", NAMESPACE)
    watcher, seen = watch.Watch(), []
    for event in watcher.stream(
        core.list_namespaced_config_map, NAMESPACE, resource_version=since, timeout_seconds=20
    ):
        seen.append((event["type"], event["object"].data))
        if event["type"] == "DELETED":
            watcher.stop()
    return seen


def patches(api, deployment):
    apps = client.AppsV1Api(api)
    apps.create_namespaced_deployment(NAMESPACE, deployment)
    side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "busybox:2"}]}}}}
    merged = apps.patch_namespaced_deployment("web", NAMESPACE, side)
    assert {one.name for one in merged.spec.template.spec.containers} == {"main", "side"}
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
    assert apps.patch_namespaced_deployment("web", NAMESPACE, operations).spec.replicas == 5
    scaled = apps.patch_namespaced_deployment_scale("web", NAMESPACE, {"spec": {"replicas": 3}})
    assert scaled.spec.replicas == 3
    assert apps.read_namespaced_deployment_status("web", NAMESPACE).spec.replicas == 3
    apps.delete_namespaced_deployment("web", NAMESPACE, propagation_policy="Background")


def applies(api, deployment):
    deployments = dynamic.DynamicClient(api).resources.get(api_version="apps/v1", kind="Deployment")
    deployment["metadata"]["name"] = "applied"

    def apply(manager, **more):
        return deployments.server_side_apply(
            body=deployment, name="applied", namespace=NAMESPACE, field_manager=manager, **more
        )

    made = apply("one")
    assert (
        made.metadata.managedFields[0].to_dict().items() >= {"manager": "one", "operation": "Apply"}.items()
    )
    deployment["spec"]["replicas"] = 4
    with pytest.raises(ApiException) as conflict:
        apply("two")
    assert conflict.value.status == 409
    assert 'conflict with \\"one\\"' in conflict.value.body
    assert apply("two", force_conflicts=True).spec.replicas == 4


async def test_objects_are_created_read_replaced_listed_and_deleted(api):
    await asyncio.to_thread(crud, api)


async def test_lists_come_in_pages(api):
    assert await asyncio.to_thread(pages, api) == [f"s{number}" for number in range(7)]


async def test_a_watch_tells_what_happened_since(api):
    assert await asyncio.to_thread(followed, api) == [
        ("ADDED", None),
        ("MODIFIED", {"k": "v"}),
        ("DELETED", {"k": "v"}),
    ]


async def test_objects_are_patched_in_every_way_and_scaled(api, deployment):
    await asyncio.to_thread(patches, api, deployment)


async def test_objects_are_applied_and_conflicts_told(api, deployment):
    await asyncio.to_thread(applies, api, deployment)


async def test_the_version_and_the_groups_are_discovered(api):
    version = await asyncio.to_thread(client.VersionApi(api).get_code)
    assert (version.major, version.minor) == ("1", "37")
    groups = await asyncio.to_thread(client.ApisApi(api).get_api_versions)
    assert {"apps", "batch", "events.k8s.io"} <= {group.name for group in groups.groups}
