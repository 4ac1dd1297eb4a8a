"""What each verb asks for, and what becomes of refusals."""

import asyncio

import msgspec
import pytest

from podling.api import errors, kinds
from podling.api.types import core_v1, meta_v1, rbac_v1
from podling.client import Client, ConnectionFault, PatchType
from podling.testing.scripted import ScriptedTransport
from podling.testing.virtualtime import virtual

POD = (
    b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"default","resourceVersion":"3"}}'
)


def refusal(error):
    return msgspec.json.encode(error.status())


def pods():
    transport = ScriptedTransport()
    return transport, Client(transport, user_agent="tester", field_manager="fm").resource(core_v1.Pod)


@virtual
async def test_get_names_the_path_and_reads_the_type():
    transport, resource = pods()
    transport.answer(POD)
    pod = await resource.get("web", namespace="default")
    assert isinstance(pod, core_v1.Pod)
    request = transport.requests[0]
    assert (request.method, request.path) == ("GET", "/api/v1/namespaces/default/pods/web")
    assert request.headers["user-agent"] == "tester"


@virtual
async def test_list_over_all_namespaces_sends_selectors_only_where_given():
    transport, resource = pods()
    transport.answer(b'{"metadata":{"resourceVersion":"5"},"items":[' + POD + b"]}")
    page = await resource.list(label_selector="app=web", limit=10)
    assert [pod.metadata.name for pod in page.items] == ["web"]
    assert transport.requests[0].path == "/api/v1/pods"
    assert transport.requests[0].query == (("labelSelector", "app=web"), ("limit", "10"))


@virtual
async def test_create_takes_the_namespace_of_the_object_and_names_the_field_manager():
    transport, resource = pods()
    transport.answer(POD, status=201)
    await resource.create(core_v1.Pod(metadata=meta_v1.ObjectMeta(name="web", namespace="default")))
    request = transport.requests[0]
    assert (request.method, request.path) == ("POST", "/api/v1/namespaces/default/pods")
    assert request.query == (("fieldManager", "fm"),)
    assert request.headers["content-type"] == "application/json"


@virtual
async def test_create_without_any_namespace_is_a_mistake_of_the_caller():
    _, resource = pods()
    with pytest.raises(ValueError, match="no namespace was given"):
        await resource.create(core_v1.Pod(metadata=meta_v1.ObjectMeta(name="web")))


@virtual
async def test_update_of_the_status_goes_to_the_subresource():
    transport, resource = pods()
    transport.answer(POD)
    pod = core_v1.Pod(metadata=meta_v1.ObjectMeta(name="web", namespace="default"))
    await resource.update(pod, subresource="status", dry_run=True)
    request = transport.requests[0]
    assert (request.method, request.path) == ("PUT", "/api/v1/namespaces/default/pods/web/status")
    assert ("dryRun", "All") in request.query


@virtual
async def test_a_patch_has_the_media_type_of_its_sort():
    transport, resource = pods()
    for type in PatchType:
        transport.answer(POD)
        await resource.patch(
            "web", {"metadata": {}}, namespace="default", type=type, force=type is PatchType.APPLY
        )
    assert [request.headers["content-type"] for request in transport.requests] == [t.value for t in PatchType]
    assert ("force", "true") in transport.requests[-1].query


@virtual
async def test_delete_sends_options_only_where_there_are_some():
    transport, resource = pods()
    transport.answer(POD)
    await resource.delete("web", namespace="default")
    transport.answer(POD)
    await resource.delete("web", namespace="default", grace_period_seconds=0, uid="u1")
    assert transport.requests[0].body == b""
    assert msgspec.json.decode(transport.requests[1].body) == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "gracePeriodSeconds": 0,
        "preconditions": {"uid": "u1"},
    }


@virtual
async def test_kinds_of_the_cluster_need_no_namespace():
    transport = ScriptedTransport()
    roles = Client(transport).resource(rbac_v1.ClusterRole)
    transport.answer(b'{"metadata":{"name":"system:node"}}')
    await roles.get("system:node")
    assert transport.requests[0].path == "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node"


@virtual
async def test_a_custom_kind_comes_as_dicts():
    widget = kinds.Kind("example.com", "v1", "Widget", "widgets", "widget", namespaced=True)
    transport = ScriptedTransport()
    transport.answer(b'{"kind":"Widget","metadata":{"name":"w"},"spec":{"size":3}}')
    found = await Client(transport).resource(widget).get("w", namespace="default")
    assert found["spec"] == {"size": 3}


@virtual
async def test_a_refusal_is_the_error_that_the_status_names():
    transport, resource = pods()
    transport.answer(refusal(errors.NotFound(kinds.POD, "web")), status=404)
    with pytest.raises(errors.NotFound, match='pods "web" not found'):
        await resource.get("web", namespace="default")


@virtual
async def test_a_refusal_that_is_no_status_goes_by_its_code():
    transport, resource = pods()
    transport.answer(b"<html>nope</html>", status=503)
    with pytest.raises(errors.ServiceUnavailable, match="nope"):
        await resource.get("web", namespace="default")


@virtual
async def test_come_again_later_is_obeyed():
    transport, resource = pods()
    transport.answer(refusal(errors.TooManyRequests("busy")), status=429, headers={"retry-after": "2"})
    transport.answer(POD)
    assert (await resource.get("web", namespace="default")).metadata.name == "web"
    assert asyncio.get_running_loop().time() == 2.0


@virtual
async def test_an_eviction_refused_without_retry_after_is_raised_at_once():
    transport, resource = pods()
    transport.answer(refusal(errors.TooManyRequests("budget")), status=429)
    with pytest.raises(errors.TooManyRequests, match="budget"):
        await resource.create_subresource("web", "eviction", {}, namespace="default")
    assert transport.requests[0].path.endswith("/pods/web/eviction")


@virtual
async def test_a_server_that_never_answers_is_a_connection_fault():
    transport, resource = pods()
    response = transport.stream()
    response.send(b'{"kind":')
    with pytest.raises(ConnectionFault, match="no answer within 70 s"):
        await resource.get("web", namespace="default")
    assert response.closed


@virtual
async def test_a_log_is_read_as_it_comes_and_a_refused_one_raises():
    transport = ScriptedTransport()
    client = Client(transport)
    stream = transport.stream()
    stream.send(b"Hello ", b"Kubernetes!\n")
    stream.end()
    response = await client.stream("/api/v1/namespaces/default/pods/web/log", query=(("follow", "true"),))
    assert await response.read() == b"Hello Kubernetes!\n"
    transport.answer(refusal(errors.BadRequest("no such container")), status=400)
    with pytest.raises(errors.BadRequest, match="no such container"):
        await client.stream("/api/v1/namespaces/default/pods/web/log")


@virtual
async def test_a_raw_path_keeps_its_query():
    transport = ScriptedTransport()
    transport.answer(b"ok")
    assert await Client(transport).get_raw("/readyz?verbose") == b"ok"
    assert (transport.requests[0].path, transport.requests[0].query) == ("/readyz", (("verbose", ""),))
