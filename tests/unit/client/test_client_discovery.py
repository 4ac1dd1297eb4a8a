"""Whatever form a server has its discovery in, the rows come out the same, and one dead group hides no other."""

import msgspec

from podling.api import kinds
from podling.client import Client
from podling.client.discovery import AGGREGATED, discover
from podling.testing.scripted import ScriptedTransport
from podling.testing.virtualtime import virtual


def document(**fields):
    return msgspec.json.encode(fields)


def version(name, *resources, freshness="Current"):
    return {"version": name, "freshness": freshness, "resources": resources}


def resource(plural, kind, *, scope="Namespaced"):
    return {
        "resource": plural,
        "responseKind": {"kind": kind},
        "scope": scope,
        "verbs": ["get", "list", "delete"],
        "subresources": [{"subresource": "status", "verbs": ["get"]}],
    }


@virtual
async def test_the_aggregated_form_takes_two_requests():
    transport = ScriptedTransport()
    core = {"metadata": {}, "versions": [version("v1", resource("pods", "Pod"))]}
    custom = {
        "metadata": {"name": "example.com"},
        "versions": [
            version("v2", resource("widgets", "Widget")),
            version("v1", resource("widgets", "Widget")),
        ],
    }
    stale = {"metadata": {"name": "metrics.k8s.io"}, "versions": [version("v1beta1", freshness="Stale")]}
    transport.answer(document(kind="APIGroupDiscoveryList", items=[core]))
    transport.answer(document(kind="APIGroupDiscoveryList", items=[custom, stale]))
    found = await discover(Client(transport))
    assert [request.headers["accept"] for request in transport.requests] == [AGGREGATED] * 2
    assert found.resources[0] is kinds.POD
    assert [row.api_version for row in found.resources] == ["v1", "example.com/v2", "example.com/v1"]
    assert [row.api_version for row in found.preferred()] == ["v1", "example.com/v2"]
    widgets = found.resources[1]
    assert (widgets.kind, widgets.namespaced, widgets.type) == ("Widget", True, "")
    assert (widgets.verbs, widgets.subresources) == (("get", "list", "delete"), ("status",))
    assert list(found.failures) == ["metrics.k8s.io/v1beta1"]


@virtual
async def test_the_plain_form_is_walked_and_a_dead_group_is_named():
    transport = ScriptedTransport()
    transport.answer(document(kind="APIVersions", versions=["v1"]))
    plain = [
        {"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["get"], "singularName": "pod"},
        {"name": "pods/log", "kind": "Pod", "namespaced": True, "verbs": ["get"], "singularName": ""},
    ]
    transport.answer(document(kind="APIResourceList", groupVersion="v1", resources=plain))
    groups = [
        {
            "name": "example.com",
            "versions": [
                {"groupVersion": "example.com/v1", "version": "v1"},
                {"groupVersion": "example.com/v2", "version": "v2"},
            ],
            "preferredVersion": {"groupVersion": "example.com/v2", "version": "v2"},
        }
    ]
    transport.answer(document(kind="APIGroupList", groups=groups))
    custom = [
        {"name": "widgets", "kind": "Widget", "namespaced": True, "verbs": ["list"], "singularName": "widget"}
    ]
    transport.answer(document(kind="APIResourceList", groupVersion="example.com/v2", resources=custom))
    transport.answer(b"down", status=503)
    found = await discover(Client(transport))
    assert [row.resource for row in found.resources] == ["pods", "widgets.example.com"]
    assert list(found.failures) == ["example.com/v1"]


@virtual
async def test_metadata_alone_can_be_asked_for():
    transport = ScriptedTransport()
    transport.answer(
        b'{"metadata":{"resourceVersion":"4"},"items":[{"metadata":{"name":"a","finalizers":["x"]},"spec":7}]}'
    )
    page = await Client(transport).partial(kinds.SECRET).list(namespace="default")
    assert page.items[0].metadata.finalizers == ["x"]
    assert "as=PartialObjectMetadataList" in transport.requests[0].headers["accept"]
