"""kubectl's ways to look: every output of `get`, `describe` of every kind, `events`, `cluster-info`, `top`, what is served."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from test_every_kind import STORED, minimal, names

from podling.api import kinds

pytestmark = pytest.mark.kubectl
SHOWN = [row for row in STORED if row.served_by_default and kinds.storage_kind(row) is row]
AT_ONCE = 2
NOT_DESCRIBED = {"VolumeAttributesClass"}
"""This kubectl describes them by their v1beta1, which Kubernetes 1.37 serves no more."""


@pytest.fixture
async def three(kubectl):
    """ConfigMaps a, b and c in two namespaces."""
    await kubectl("create", "namespace", "other")
    for name, namespace, colour in (("b", "default", "red"), ("a", "default", "blue"), ("c", "other", "red")):
        await kubectl("create", "configmap", name, "-n", namespace, f"--from-literal=key={name}")
        await kubectl("label", "configmap", name, "-n", namespace, f"colour={colour}")
    return kubectl


async def test_every_output_format(three):
    get = ("get", "configmap", "a")
    assert json.loads(await three(*get, "-o", "json"))["data"] == {"key": "a"}
    assert "data:\n  key: a\nkind: ConfigMap\n" in await three(*get, "-o", "yaml")
    assert await three(*get, "-o", "name") == "configmap/a\n"
    assert await three(*get, "-o", "jsonpath={.data.key}") == "a"
    assert await three(*get, "-o", "go-template={{.data.key}}") == "a"
    columns = await three(*get, "-o", "custom-columns=N:.metadata.name,K:.data.key")
    assert [line.split() for line in columns.splitlines()] == [["N", "K"], ["a", "a"]]
    assert re.search(r"^NAME +DATA +AGE$", await three(*get), re.MULTILINE)
    assert "NAME" not in await three(*get, "--no-headers")
    labelled = await three(*get, "--show-labels", "-L", "colour")
    assert re.search(r"^NAME +DATA +AGE +COLOUR +LABELS$", labelled, re.MULTILINE)
    assert "colour=blue" in labelled
    assert "configmap/a" in await three(*get, "--show-kind")
    assert "managedFields" in await three(*get, "-o", "yaml", "--show-managed-fields")


async def test_choosing_and_sorting(three):
    async def chosen(*words):
        said = await three("get", "configmaps", "--no-headers", "-o", "name", *words)
        return [line.partition("/")[2] for line in said.splitlines() if "kube-root" not in line]

    assert await chosen() == ["a", "b"]
    assert await chosen("-l", "colour=red") == ["b"]
    assert await chosen("-l", "colour in (red,blue),colour!=red") == ["a"]
    assert await chosen("--field-selector", "metadata.name!=a") == ["b"]
    assert await chosen("-A", "-l", "colour", "--sort-by={.metadata.labels.colour}") == ["a", "b", "c"]
    assert await chosen("-A", "-l", "colour", "--chunk-size=1") == ["a", "b", "c"]
    everywhere = await three("get", "configmaps", "-A", "-l", "colour")
    assert re.search(r"^NAMESPACE +NAME +DATA +AGE$", everywhere, re.MULTILINE)
    wrong = await three("get", "configmaps", "--field-selector", "data=a", fails=True)
    assert '"data" is not a known field selector: only "metadata.name", "metadata.namespace"' in wrong
    assert "No resources found in default namespace." in await three("get", "pods")
    assert '"nonsense"' in await three("get", "nonsense", fails=True)
    several = await three("get", "configmap/a", "serviceaccount/default", "-o", "name")
    assert several.split() == ["configmap/a", "serviceaccount/default"]
    assert json.loads(await three("get", "--raw", "/api/v1/namespaces/default/configmaps/a"))["data"] == {
        "key": "a"
    }


async def test_subresources_are_tables_too(kubectl):
    await kubectl("create", "deployment", "d", "--image=i", "--replicas=3")
    scale = await kubectl("get", "deployment", "d", "--subresource=scale")
    assert [line.split()[:3] for line in scale.splitlines()] == [
        ["NAME", "DESIRED", "AVAILABLE"],
        ["d", "3", "0"],
    ]
    assert re.search(
        r"^d +0/3", await kubectl("get", "deployment", "d", "--subresource=status"), re.MULTILINE
    )


async def test_every_kind_can_be_listed_and_described(kubectl, secured, client_of):
    api = client_of(secured.server)
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(row):
        name, _ = names(row)
        await api.make(row.url("default"), minimal(row, name))
        resource = f"{row.plural}.{row.version}.{row.group}" if row.group else row.plural
        async with turns:
            wide = await kubectl("get", resource, name, "-o", "wide")
            assert row.kind == "Event" or re.search(rf"^{re.escape(name)}( |$)", wide, re.MULTILINE), wide
            if row.kind in NOT_DESCRIBED:
                return
            described = await kubectl("describe", resource, name)
            assert re.search(rf"^Name: +{re.escape(name)}$", described, re.MULTILINE), described

    await asyncio.gather(*(look(row) for row in SHOWN))


async def test_what_is_served(kubectl):
    listed = await kubectl("api-resources", "--no-headers", "-o", "name")
    served = {row.resource for row in kinds.ALL if row.served_by_default and row.verbs}
    assert set(listed.split()) == served
    versions = (await kubectl("api-versions")).split()
    assert {row.api_version for row in kinds.ALL if row.served_by_default and row.verbs} == set(versions)
    some = await kubectl(
        "api-resources", "--namespaced=false", "--verbs=list,get", "--api-group=storage.k8s.io"
    )
    assert "storageclasses" in some
    categories = await kubectl("api-resources", "--categories=all", "-o", "name")
    assert {"pods", "deployments.apps", "jobs.batch"} <= set(categories.split())
    said = await kubectl("version", "-o", "json")
    # row "kubectl version parses both versions: major, minor, gitVersion, gitCommit" (v1.9)
    version, _ = json.JSONDecoder().raw_decode(said)
    for side in ("clientVersion", "serverVersion"):
        assert {"major", "minor", "gitVersion", "gitCommit"} <= {
            name for name, value in version[side].items() if value
        }


async def test_cluster_info(kubectl, tmp_path):
    # row "kubectl cluster-info reports where the control plane runs" (v1.9)
    said = re.sub(r"\x1b\[[0-9;]*m", "", await kubectl("cluster-info"))
    assert "Kubernetes control plane is running at https://localhost:" in said
    await kubectl("run", "web", "--image=i")
    await kubectl("cluster-info", "dump", f"--output-directory={tmp_path / 'dump'}", "--namespaces=default")
    found = {path.name for path in (tmp_path / "dump" / "default").iterdir()}
    assert {"pods.json", "deployments.json", "events.json"} <= found
    assert json.loads((tmp_path / "dump" / "default" / "pods.json").read_text())["items"]


async def test_top_says_that_nothing_runs(kubectl):
    assert "error: metrics not available yet" in await kubectl("top", "nodes", fails=True)
    assert "No resources found in default namespace." in await kubectl("top", "pods", fails=None)


async def test_events(kubectl):
    await kubectl("run", "web", "--image=i")
    pod = json.loads(await kubectl("get", "pod", "web", "-o", "json"))["metadata"]
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "web.1"},
        "involvedObject": {
            "kind": "Pod",
            "namespace": "default",
            "name": "web",
            "uid": pod["uid"],
            "apiVersion": "v1",
        },
        "reason": "Tested",
        "message": "it was tested",
        "type": "Warning",
        "count": 1,
        "firstTimestamp": "2023-11-14T22:13:20Z",
        "lastTimestamp": "2023-11-14T22:13:20Z",
    }
    await kubectl("create", "-f", "-", input=json.dumps(event))
    for words in ((), ("--for=pod/web",), ("--types=Warning",)):
        assert re.search(r"Warning +Tested +Pod/web +it was tested", await kubectl("events", *words))
    assert "No events found" in await kubectl("events", "--types=Normal")
    assert re.search(r"Warning +Tested +\S+ .* it was tested", await kubectl("describe", "pod", "web"))
