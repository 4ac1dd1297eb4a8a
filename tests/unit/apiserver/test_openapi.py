"""OpenAPI documents: complete in themselves, and holding what kubectl looks up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from podling.api import kinds
from podling.api.levels import Level
from podling.apiserver.openapi import OpenApi, descriptions

SERVED = [row for row in kinds.ALL if row.served_by_default]


@pytest.fixture(scope="module")
def documents() -> OpenApi:
    return OpenApi(SERVED, level=Level(), version="v1.37.0")


def read(documents: OpenApi, name: str) -> dict[str, Any]:
    data = documents.document(name)
    assert data is not None
    decoded = msgspec.json.decode(data)
    assert isinstance(decoded, dict)
    return decoded


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def names(documents: OpenApi) -> list[str]:
    return list(msgspec.json.decode(documents.index)["paths"])


def test_the_index_names_every_group_and_version_with_a_hash(documents: OpenApi) -> None:
    index = msgspec.json.decode(documents.index)["paths"]
    assert {"api/v1", "apis/apps/v1", "apis/autoscaling/v1", "apis/autoscaling/v2"} <= set(index)
    assert (
        index["apis/apps/v1"]["serverRelativeURL"]
        == f"/openapi/v3/apis/apps/v1?hash={documents.digest('apis/apps/v1')}"
    )


def test_a_hash_changes_with_what_is_served_and_only_then() -> None:
    def digest(rows: list[kinds.Kind], version: str = "v1.37.0") -> str:
        return OpenApi(rows, level=Level(), version=version).digest("apis/apps/v1")

    same = digest(SERVED)
    _ = kinds.DEPLOYMENT.api_version, kinds.DEPLOYMENT.resource
    assert digest(SERVED) == same
    assert digest(SERVED, "v1.38.0") != same
    assert digest([row for row in SERVED if row is not kinds.DEPLOYMENT]) != same
    assert digest([row for row in SERVED if row.group == "apps"]) == same


def test_every_document_is_complete(documents: OpenApi) -> None:
    for name in names(documents):
        document = read(documents, name)
        known = {f"#/components/schemas/{schema}" for schema in document["components"]["schemas"]}
        assert set(references(document)) <= known, name


def test_only_what_is_served_has_a_document(documents: OpenApi) -> None:
    assert documents.document("apis/nowhere/v1") is None
    assert documents.document("apis/resource.k8s.io/v1beta1") is None
    assert documents.document("api/v1") is documents.document("api/v1")


def test_operation_ids_are_unique_and_upstreams(documents: OpenApi) -> None:
    found = [
        operation["operationId"]
        for name in names(documents)
        for item in read(documents, name)["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    ]
    assert len(found) == len(set(found))
    assert {
        "listCoreV1NamespacedPod",
        "listCoreV1PodForAllNamespaces",
        "createCoreV1NamespacedPod",
        "readCoreV1NamespacedPodLog",
        "connectCoreV1GetNamespacedPodExec",
        "deleteAppsV1CollectionNamespacedDeployment",
        "replaceAppsV1NamespacedDeploymentScale",
        "readCoreV1Node",
        "patchRbacAuthorizationV1ClusterRole",
        "createCoreV1NamespacedPodEviction",
    } <= set(found)


def test_a_patch_tells_its_kind_and_that_it_takes_field_validation_and_dry_run(documents: OpenApi) -> None:
    # what kubectl's QueryParamVerifierV3 looks for
    patch = read(documents, "api/v1")["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "", "version": "v1", "kind": "Pod"}
    assert patch["x-kubernetes-action"] == "patch"
    assert {"fieldValidation", "dryRun", "fieldManager", "force"} == {
        parameter["name"] for parameter in patch["parameters"]
    }
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]


def test_operations_are_those_of_the_table(documents: OpenApi) -> None:
    paths = read(documents, "api/v1")["paths"]
    assert {"get", "post", "delete", "parameters"} == set(paths["/api/v1/namespaces/{namespace}/pods"])
    assert "delete" not in paths["/api/v1/namespaces"]
    assert {"get", "parameters"} == set(paths["/api/v1/pods"])
    assert "/api/v1/componentstatuses" in paths
    assert {"put", "parameters"} == set(paths["/api/v1/namespaces/{name}/finalize"])
    scale = read(documents, "apis/apps/v1")["paths"][
        "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"
    ]
    assert scale["get"]["x-kubernetes-group-version-kind"] == {
        "group": "autoscaling",
        "version": "v1",
        "kind": "Scale",
    }
    reviews = read(documents, "apis/authentication.k8s.io/v1")["paths"]
    assert set(reviews["/apis/authentication.k8s.io/v1/tokenreviews"]) == {"post", "parameters"}


def test_types_are_described_with_how_they_merge(documents: OpenApi) -> None:
    schemas = read(documents, "api/v1")["components"]["schemas"]
    pod = schemas["io.k8s.api.core.v1.Pod"]
    assert pod["x-kubernetes-group-version-kind"] == [{"group": "", "version": "v1", "kind": "Pod"}]
    spec = schemas["io.k8s.api.core.v1.PodSpec"]
    containers = spec["properties"]["containers"]
    assert containers["items"] == {"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"}
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert "containers" in spec["required"]
    requests = schemas["io.k8s.api.core.v1.ResourceRequirements"]["properties"]["requests"]
    assert requests["additionalProperties"] == {
        "$ref": "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"
    }
    metadata = schemas["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]["properties"]
    assert metadata["creationTimestamp"]["format"] == "date-time"
    assert metadata["generation"]["format"] == "int64"


def test_recursive_types_end(documents: OpenApi) -> None:
    schemas = read(documents, "apis/apiextensions.k8s.io/v1")["components"]["schemas"]
    props = schemas["io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"]["properties"]
    assert props["properties"]["additionalProperties"]["$ref"].endswith("JSONSchemaProps")


def test_an_older_level_does_not_know_newer_fields() -> None:
    old = OpenApi(SERVED, level=Level(25), version="v1.25.0")
    spec = read(old, "api/v1")["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"]
    assert "containers" in spec
    assert "schedulingGates" not in spec


def test_descriptions_come_from_the_installed_schemas(documents: OpenApi) -> None:
    pod = read(documents, "api/v1")["components"]["schemas"]["io.k8s.api.core.v1.Pod"]
    assert pod["description"].startswith("Pod is a collection of containers")
    assert pod["properties"]["spec"]["allOf"] == [{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec"}]


def test_without_the_schemas_documents_have_no_prose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptions, "find_spec", lambda name: None)
    plain = OpenApi([kinds.CONFIG_MAP], level=Level(), version="v1.37.0")
    assert b"description" not in (plain.document("api/v1") or b"").partition(b'"components"')[2]


def v2(documents: OpenApi) -> dict[str, Any]:
    decoded = msgspec.json.decode(documents.v2(protobuf=False))
    assert isinstance(decoded, dict)
    return decoded


def test_swagger_holds_everything_in_one_document(documents: OpenApi) -> None:
    document = v2(documents)
    known = {f"#/definitions/{name}" for name in document["definitions"]}
    assert set(references(document)) <= known
    assert {"/api/v1/namespaces/{namespace}/pods", "/apis/apps/v1/deployments"} <= set(document["paths"])
    patch = document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
    assert {parameter["in"] for parameter in patch["parameters"]} == {"query", "body"}
    assert document["definitions"]["io.k8s.apimachinery.pkg.api.resource.Quantity"] == {"type": "string"}


def messages(data: bytes, number: int) -> list[bytes]:
    """The fields of that number in a protobuf message, as far as they have a length."""
    found, at = [], 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            varint()
            continue
        assert tag & 7 == 2, "only varints and lengths are written"
        length = varint()
        if tag >> 3 == number:
            found.append(data[at : at + length])
        at += length
    assert at == len(data)
    return found


def one(data: bytes, *numbers: int) -> bytes:
    for number in numbers:
        (data,) = messages(data, number)
    return data


def test_old_kubectls_find_patches_and_kinds_in_protobuf(documents: OpenApi) -> None:
    # field numbers: gnostic-models/openapiv2/OpenAPIv2.proto
    document = documents.v2(protobuf=True)
    assert one(document, 1) == b"2.0"
    paths = {one(item, 1): one(item, 2) for item in messages(one(document, 8), 2)}
    assert len(paths) == len(v2(documents)["paths"])
    patch = one(paths[b"/api/v1/namespaces/{namespace}/pods/{name}"], 8)
    extensions = {one(item, 1): one(item, 2, 2) for item in messages(patch, 13)}
    assert msgspec.json.decode(extensions[b"x-kubernetes-group-version-kind"]) == {
        "group": "",
        "version": "v1",
        "kind": "Pod",
    }
    queries = [one(item, 1, 2, 3, 4) for item in messages(patch, 8) if messages(one(item, 1), 2)]
    assert {b"fieldValidation", b"dryRun"} <= set(queries)
    definitions = {one(item, 1): one(item, 2) for item in messages(one(document, 9), 1)}
    pod = definitions[b"io.k8s.api.core.v1.Pod"]
    properties = {one(item, 1): one(item, 2) for item in messages(one(pod, 25), 1)}
    assert one(properties[b"spec"], 1) == b"#/definitions/io.k8s.api.core.v1.PodSpec"
    assert one(properties[b"kind"], 22, 1) == b"string"


def test_both_forms_of_v2_share_a_cheap_tag(documents: OpenApi) -> None:
    assert documents.v2_etag.startswith('"')
    assert OpenApi(SERVED, level=Level(), version="v1.38.0").v2_etag != documents.v2_etag
