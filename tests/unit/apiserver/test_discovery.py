"""Discovery documents against what upstream serves (k8s.io/kubernetes/api/discovery)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podling.api import kinds
from podling.apiserver.discovery import Discovery, aggregated_version

SERVED = [row for row in kinds.ALL if row.served_by_default]
V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
KUBECTL = f"{V2},{V2BETA1},application/json"


@pytest.fixture(scope="module")
def discovery() -> Discovery:
    return Discovery(SERVED, address="127.0.0.1:6443")


def read(discovery: Discovery, path: str, accept: str = "") -> dict[str, Any]:
    document = discovery.find(path, accept)
    assert document is not None
    decoded = msgspec.json.decode(document.body)
    assert isinstance(decoded, dict)
    return decoded


def resource(discovery: Discovery, path: str, name: str) -> dict[str, Any]:
    (found,) = (item for item in read(discovery, path)["resources"] if item["name"] == name)
    assert isinstance(found, dict)
    return found


def test_the_core_group_tells_its_versions_and_where_it_is(discovery: Discovery) -> None:
    assert read(discovery, "/api") == {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
    }


def test_groups_come_by_priority_with_their_preferred_versions(discovery: Discovery) -> None:
    groups = read(discovery, "/apis")["groups"]
    assert [group["name"] for group in groups[:7]] == [
        "apiregistration.k8s.io",
        "apps",
        "events.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
    ]
    autoscaling = read(discovery, "/apis/autoscaling")
    assert autoscaling["kind"] == "APIGroup"
    assert autoscaling["preferredVersion"] == {"groupVersion": "autoscaling/v2", "version": "v2"}
    assert [version["version"] for version in autoscaling["versions"]] == ["v2", "v1"]
    assert {**autoscaling, "kind": 0, "apiVersion": 0} == {**groups[5], "kind": 0, "apiVersion": 0}


def test_pods_are_described_as_upstream_does(discovery: Discovery) -> None:
    # api/discovery/api__v1.json
    assert resource(discovery, "/api/v1", "pods") == {
        "categories": ["all"],
        "kind": "Pod",
        "name": "pods",
        "namespaced": True,
        "shortNames": ["po"],
        "singularName": "pod",
        "storageVersionHash": "xPOwRZ+Yhw8=",
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    }
    assert resource(discovery, "/api/v1", "pods/eviction") == {
        "group": "policy",
        "kind": "Eviction",
        "name": "pods/eviction",
        "namespaced": True,
        "singularName": "",
        "verbs": ["create"],
        "version": "v1",
    }


@pytest.mark.parametrize(
    ("path", "name", "kind", "verbs"),
    [
        ("/api/v1", "pods/exec", "PodExecOptions", ["create", "get"]),
        ("/api/v1", "pods/log", "Pod", ["get"]),
        ("/api/v1", "pods/binding", "Binding", ["create"]),
        ("/api/v1", "nodes/proxy", "NodeProxyOptions", ["create", "delete", "get", "patch", "update"]),
        ("/api/v1", "services/proxy", "ServiceProxyOptions", ["create", "delete", "get", "patch", "update"]),
        ("/api/v1", "serviceaccounts/token", "TokenRequest", ["create"]),
        ("/api/v1", "namespaces/finalize", "Namespace", ["update"]),
        ("/apis/apps/v1", "deployments/scale", "Scale", ["get", "patch", "update"]),
        (
            "/apis/certificates.k8s.io/v1",
            "certificatesigningrequests/approval",
            "CertificateSigningRequest",
            ["get", "patch", "update"],
        ),
    ],
)
def test_subresources(discovery: Discovery, path: str, name: str, kind: str, verbs: list[str]) -> None:
    found = resource(discovery, path, name)
    assert (found["kind"], found["verbs"], found["singularName"]) == (kind, verbs, "")


@pytest.mark.parametrize(
    ("path", "name", "digest"),
    [
        ("/api/v1", "nodes", "XwShjMxG9Fs="),
        ("/apis/events.k8s.io/v1", "events", "r2yiGXH7wu8="),
        ("/apis/autoscaling/v1", "horizontalpodautoscalers", "qwQve8ut294="),
        ("/apis/storage.k8s.io/v1", "storageclasses", "K+m6uJwbjGY="),
    ],
)
def test_storage_version_hashes_are_upstreams(
    discovery: Discovery, path: str, name: str, digest: str
) -> None:
    assert resource(discovery, path, name)["storageVersionHash"] == digest


def test_what_is_not_stored_has_no_hash(discovery: Discovery) -> None:
    assert "storageVersionHash" not in resource(discovery, "/api/v1", "componentstatuses")
    assert "storageVersionHash" not in resource(discovery, "/apis/authentication.k8s.io/v1", "tokenreviews")


def test_resources_are_sorted_and_bodies_of_subresources_are_none(discovery: Discovery) -> None:
    names = [item["name"] for item in read(discovery, "/api/v1")["resources"]]
    assert names == sorted(names)
    assert "scales" not in [item["name"] for item in read(discovery, "/apis/autoscaling/v1")["resources"]]
    assert "apiVersion" not in read(discovery, "/api/v1")
    assert read(discovery, "/apis/apps/v1")["groupVersion"] == "apps/v1"


def test_only_what_is_served_is_found(discovery: Discovery) -> None:
    for path in ("/apis/nowhere", "/apis/apps/v2", "/api/v2", "/apis/a/b/c", "/x"):
        assert discovery.find(path) is None
    assert discovery.find("/apis/resource.k8s.io/v1beta1") is None
    assert Discovery(kinds.ALL, address="a").find("/apis/resource.k8s.io/v1beta1") is not None
    assert discovery.find("/apis/apps/") == discovery.find("/apis/apps")


def test_the_aggregated_document_of_a_group(discovery: Discovery) -> None:
    # api/discovery/aggregated_v2.json
    document = read(discovery, "/apis", KUBECTL)
    assert (document["kind"], document["apiVersion"]) == ("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2")
    (apps,) = (item for item in document["items"] if item["metadata"]["name"] == "apps")
    (version,) = apps["versions"]
    assert (version["version"], version["freshness"]) == ("v1", "Current")
    (deployments,) = (item for item in version["resources"] if item["resource"] == "deployments")
    change = ["get", "patch", "update"]
    assert deployments == {
        "categories": ["all"],
        "resource": "deployments",
        "responseKind": {"group": "", "kind": "Deployment", "version": ""},
        "scope": "Namespaced",
        "shortNames": ["deploy"],
        "singularResource": "deployment",
        "subresources": [
            {
                "responseKind": {"group": "autoscaling", "kind": "Scale", "version": "v1"},
                "subresource": "scale",
                "verbs": change,
            },
            {
                "responseKind": {"group": "", "kind": "Deployment", "version": ""},
                "subresource": "status",
                "verbs": change,
            },
        ],
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    }


def test_the_aggregated_core_group_has_no_name(discovery: Discovery) -> None:
    (core,) = read(discovery, "/api", V2)["items"]
    assert core["metadata"] == {"creationTimestamp": None}
    assert core["versions"][0]["version"] == "v1"


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        ("", ""),
        ("application/json", ""),
        ("*/*", ""),
        (V2, "v2"),
        (V2BETA1, "v2beta1"),
        (KUBECTL, "v2"),
        (f"application/json,{V2}", ""),
        ("application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,application/json", ""),
        (f"application/vnd.kubernetes.protobuf,{V2BETA1}", "v2beta1"),
        ("application/json; g=apidiscovery.k8s.io; v=v2; as=APIGroupDiscoveryList", "v2"),
    ],
)
def test_the_form_is_chosen_by_accept(accept: str, version: str) -> None:
    assert aggregated_version(accept) == version


def test_documents_are_made_once_and_tagged(discovery: Discovery) -> None:
    plain, aggregated = discovery.find("/apis"), discovery.find("/apis", KUBECTL)
    assert plain is not None
    assert aggregated is not None
    assert plain is discovery.find("/apis")
    assert plain.etag != aggregated.etag
    assert plain.etag.startswith('"')
    assert (plain.content_type, aggregated.content_type) == ("application/json", V2)
    again = Discovery(SERVED, address="127.0.0.1:6443").find("/apis", KUBECTL)
    assert again is not None
    assert again.etag == aggregated.etag


def test_a_group_version_has_no_aggregated_form(discovery: Discovery) -> None:
    document = discovery.find("/apis/apps/v1", V2)
    assert document is not None
    assert document.content_type == "application/json"


def test_custom_resources_are_listed_too() -> None:
    widget = kinds.Kind(
        "example.com",
        "v1",
        "Widget",
        "widgets",
        "widget",
        True,
        prefix="example.com/widgets",
        short_names=("wd",),
    )
    document = read(Discovery([*SERVED, widget], address="a"), "/apis/example.com/v1")
    assert document["resources"][0]["shortNames"] == ["wd"]
