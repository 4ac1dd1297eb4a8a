"""Every kind of Kubernetes 1.37 in every version: all its verbs and subresources, on the least object that is valid."""

from __future__ import annotations

import base64
import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from podling.api import kinds
from podling.api.kinds import Kind

OBJECTS = yaml.safe_load(Path(__file__).with_name("minimal_objects.yaml").read_text())
STORED = [row for row in kinds.ALL if "create" in row.verbs and row.is_stored]
NAMES = {
    "APIService": ("v1.g.io", "v2.g.io"),
    "CustomResourceDefinition": ("things.g.io", "others.g.io"),
    "IPAddress": ("10.1.2.3", "10.1.2.4"),
    "Namespace": ("one", "two"),
    "StorageVersion": ("g.io.things", "g.io.others"),
}
"""Two names for kinds that do not take any."""
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def minimal(row: Kind, name: str) -> dict[str, Any]:
    body = OBJECTS.get(f"{row.api_version}/{row.kind}", OBJECTS.get(row.kind))
    assert body is not None, f"minimal_objects.yaml has no {row.kind}"
    made = {"apiVersion": row.api_version, "kind": row.kind, "metadata": {"name": name}, **body}
    made["metadata"]["labels"] = {"of": "test"}
    return adapted(row, name, made)


def adapted(row: Kind, name: str, made: dict[str, Any]) -> dict[str, Any]:
    """Kinds whose names say what is in them, and what cannot be written down beforehand."""
    if row.kind == "CertificateSigningRequest":
        made["spec"] = {**made["spec"], "request": signing_request()}
    if row.kind == "APIService":
        made["spec"] = {**made["spec"], "version": name.partition(".")[0]}
    if row.kind == "ClusterTrustBundle":
        made["spec"] = {**made["spec"], "trustBundle": trust_anchor()}
    if row.kind == "CustomResourceDefinition":
        plural = name.partition(".")[0]
        spelled = {
            "plural": plural,
            "singular": plural[:-1],
            "kind": plural.title(),
            "listKind": f"{plural}List",
        }
        made["spec"] = {**made["spec"], "names": spelled}
    return made


@cache
def signing_request() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ali")])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return base64.b64encode(asked.public_bytes(serialization.Encoding.PEM)).decode()


@cache
def trust_anchor() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")])
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def names(row: Kind) -> tuple[str, str]:
    return NAMES.get(row.kind, ("one", "two"))


@pytest.fixture
async def everything(world):
    async with world(runtime_config={"api/all": "true"}) as api:
        yield api


@pytest.mark.parametrize("row", STORED, ids=repr)
async def test_a_kind_takes_every_verb(everything, row):
    api = everything
    one, two = names(row)
    collection = row.url("default")
    url = row.url("default", one)
    before = (await api.get(collection)).revision
    made = await api.make(collection, minimal(row, one))
    assert (made["kind"], made["apiVersion"]) == (row.kind, row.api_version)
    assert {"uid", "creationTimestamp", "resourceVersion", "managedFields"} <= set(made["metadata"])
    assert (await api.get(url)).json == made
    taken = await api.post(collection, minimal(row, one))
    assert (taken.status, taken.json["reason"]) == (409, "AlreadyExists")
    listed = (await api.get(collection, labelSelector="of=test")).json
    assert (listed["kind"], [item["metadata"]["name"] for item in listed["items"]]) == (row.list_kind, [one])
    assert (await api.get(collection, headers={"accept": TABLE})).json["kind"] == "Table"
    stream = await api.watch(collection, resourceVersion=before, labelSelector="of=test")
    made["metadata"]["annotations"] = {"step": "update"}
    updated = await api.put(url, made)
    assert updated.status == 200, updated.text
    await patched_every_way(api, row, url)
    await api.make(collection, minimal(row, two))
    gone = await api.delete(url, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
    assert gone.status == 200, gone.text
    if "deletecollection" in row.verbs:
        emptied = await api.delete(collection, labelSelector="of=test", propagationPolicy="Background")
        assert emptied.status == 200, emptied.text
        await release_protected(api, row)
        assert (await api.get(collection, labelSelector="of=test")).json["items"] == []
    assert await stream.names(7) == [f"ADDED {one}", *[f"MODIFIED {one}"] * 5, f"ADDED {two}"]


async def release_protected(api, row):
    """Volumes and claims stay until a controller has said that nobody uses them; here it is said by hand."""
    for item in (await api.get(row.url("default"), labelSelector="of=test")).json["items"]:
        assert item["metadata"]["deletionTimestamp"]
        assert item["metadata"]["finalizers"] in (
            ["kubernetes.io/pvc-protection"],
            ["kubernetes.io/pv-protection"],
        )
        url = row.url("default", item["metadata"]["name"])
        await api.patch(url, {"metadata": {"finalizers": None}}, content_type="application/merge-patch+json")


async def patched_every_way(api, row, url):
    def annotated(step):
        return {"metadata": {"annotations": {"step": step}}}

    operations = [{"op": "replace", "path": "/metadata/annotations/step", "value": "json"}]
    wishes = {"apiVersion": row.api_version, "kind": row.kind, **annotated("apply")}
    for step, body, media_type, query in (
        ("json", operations, JSON_PATCH, {}),
        ("merge", annotated("merge"), "application/merge-patch+json", {}),
        ("strategic", annotated("strategic"), STRATEGIC, {}),
        ("apply", wishes, APPLY, {"fieldManager": "t", "force": "true"}),
    ):
        answer = await api.patch(url, body, content_type=media_type, **query)
        assert answer.status == 200, answer.text
        assert answer.json["metadata"]["annotations"]["step"] == step


@pytest.mark.parametrize("row", [row for row in STORED if "status" in row.subresources], ids=repr)
async def test_a_status_is_written_by_itself(everything, row):
    api = everything
    one, _ = names(row)
    made = await api.make(row.url("default"), minimal(row, one))
    url = row.url("default", one, "status")
    assert (await api.get(url)).json == made
    asked = {**made, "metadata": {**made["metadata"], "labels": {"of": "test"}}}
    answer = await api.put(url, asked)
    assert answer.status == 200, answer.text
    assert answer.json.get("spec") == made.get("spec")
    patched = await api.patch(url, {"metadata": {"resourceVersion": answer.revision}})
    assert patched.status == 200, patched.text
    stale = await api.put(url, {**made, "metadata": {**made["metadata"], "resourceVersion": "1"}})
    assert (stale.status, stale.json["reason"]) == (409, "Conflict")


@pytest.mark.parametrize("row", [row for row in STORED if "scale" in row.subresources], ids=repr)
async def test_what_scales_scales(everything, row):
    api = everything
    await api.make(row.url("default"), minimal(row, "one"))
    url = row.url("default", "one", "scale")
    scale = (await api.get(url)).json
    assert (scale["kind"], scale["apiVersion"], scale["spec"]) == ("Scale", "autoscaling/v1", {"replicas": 1})
    scale["spec"]["replicas"] = 3
    assert (await api.put(url, scale)).json["spec"]["replicas"] == 3
    assert (await api.patch(url, {"spec": {"replicas": 2}})).json["spec"]["replicas"] == 2
    assert (await api.get(row.url("default", "one"))).json["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    "row", [row for row in kinds.ALL if not row.served_by_default and row.verbs], ids=repr
)
async def test_alpha_and_beta_versions_are_served_only_when_they_are_asked_for(world, row):
    async with world() as api:
        assert (await api.get(row.url("default"))).status == 404
    async with world(runtime_config={row.api_version: "true"}) as api:
        assert (await api.get(row.url("default"))).status == 200
        found = (await api.get(f"/apis/{row.api_version}")).json["resources"]
        assert row.plural in [resource["name"] for resource in found]


@pytest.mark.parametrize("row", [row for row in kinds.ALL if row.verbs and row.served_by_default], ids=repr)
async def test_verbs_that_a_kind_does_not_have_are_refused(api, row):
    methods = {
        "list": ("GET", ""),
        "create": ("POST", ""),
        "update": ("PUT", "x"),
        "deletecollection": ("DELETE", ""),
    }
    for verb, (method, name) in methods.items():
        if verb not in row.verbs:
            answer = await api.call(method, row.url("default", name), {})
            assert (answer.status, answer.json["reason"]) == (405, "MethodNotAllowed"), (
                f"{verb}: {answer.text}"
            )
