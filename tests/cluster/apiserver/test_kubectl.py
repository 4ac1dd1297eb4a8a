"""Unmodified kubectl against the server over TLS; the node is played by the test."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from kubectl_world import Kubectl, kubectl_of

pytestmark = pytest.mark.kubectl

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - {name: main, image: busybox, command: [sleep, "3600"]}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "busybox:1"}]}
"""


async def test_apply_get_describe_and_delete_a_pod(kubectl):
    assert "pod/web created" in await kubectl("apply", "-f", "-", input=POD)
    assert "pod/web unchanged" in await kubectl("apply", "-f", "-", input=POD)
    table = await kubectl("get", "pods", "-o", "wide")
    assert re.search(r"NAME +READY +STATUS +RESTARTS +AGE +IP +NODE", table)
    assert re.search(r"web +0/1 +Pending +0", table)
    assert "kind: Pod" in await kubectl("get", "pod", "web", "-o", "yaml")
    described = await kubectl("describe", "pod", "web")
    assert "Service Account:  default" in described
    assert 'pod "web" deleted' in await kubectl("delete", "pod", "web", "--wait=true")
    assert 'pods "web" not found' in await kubectl("get", "pod", "web", fails=True)


async def test_label_annotate_patch_replace_and_diff(kubectl):
    await kubectl("apply", "-f", "-", input=DEPLOYMENT)
    assert "labeled" in await kubectl("label", "deployment", "web", "colour=red")
    assert "annotated" in await kubectl("annotate", "deployment", "web", "note=x")
    assert "patched" in await kubectl("patch", "deployment", "web", "-p", '{"spec":{"minReadySeconds":5}}')
    assert "scaled" in await kubectl("scale", "deployment", "web", "--replicas=4")
    changed = DEPLOYMENT.replace("busybox:1", "busybox:2")
    diff = await kubectl("diff", "-f", "-", input=changed, fails=True)
    assert re.search(r"^-.*busybox:1$", diff, re.MULTILINE)
    assert re.search(r"^\+.*busybox:2$", diff, re.MULTILINE)
    assert "configured" in await kubectl("apply", "-f", "-", input=changed)
    full = await kubectl("get", "deployment", "web", "-o", "json")
    assert json.loads(full)["spec"]["template"]["spec"]["containers"][0]["image"] == "busybox:2"
    assert "replaced" in await kubectl("replace", "-f", "-", input=full)
    assert re.search(r"web +0/2", await kubectl("get", "deployments"))


async def test_discovery_and_explanations(kubectl):
    resources = await kubectl("api-resources")
    assert re.search(r"^pods +po +v1 +true +Pod$", resources, re.MULTILINE)
    assert "apps/v1" in (await kubectl("api-versions")).splitlines()
    assert "FIELD" in await kubectl("explain", "pod.spec.containers.image")
    assert "v1.37" in await kubectl("version")


async def test_wait_and_field_selectors(kubectl, secured, client_of):
    await kubectl("apply", "-f", "-", input=POD)
    api = client_of(secured.server)
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}}
    await api.patch("/api/v1/namespaces/default/pods/web/status", ready)
    assert "condition met" in await kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=20s")
    assert "web" in await kubectl("get", "pods", "--field-selector=status.phase=Running")
    assert "No resources found" in await kubectl("get", "pods", "--field-selector=status.phase=Failed")


async def test_bad_input_is_explained(kubectl):
    typo = POD.replace("containers:", "container:")
    said = await kubectl("apply", "-f", "-", input=typo, fails=True)
    assert 'strict decoding error: unknown field "spec.container"' in said
    empty = POD.replace("image: busybox", 'image: ""')
    assert 'The Pod "web" is invalid: spec.containers[0].image: Required value' in await kubectl(
        "apply", "-f", "-", input=empty, fails=True
    )
    assert "the server doesn't have a resource type" in await kubectl("get", "nothings", fails=True)


async def test_who_am_i_and_may_i(kubectl):
    assert "kubernetes-admin" in await kubectl("auth", "whoami")
    assert "yes" in await kubectl("auth", "can-i", "delete", "nodes")
    assert "no" in await kubectl("auth", "can-i", "list", "pods", "--as=jane", fails=True)


async def test_a_token_for_an_account(kubectl):
    token = (await kubectl("create", "token", "default")).strip()
    said = await kubectl("auth", "whoami", "--token", token, "--as=", fails=False)
    assert "system:serviceaccount:default:default" in said or "kubernetes-admin" in said


CREATIONS = {
    "namespaces": "create namespace NAME",
    "serviceaccounts": "create serviceaccount NAME",
    "configmaps": "create configmap NAME --from-literal=a=b --from-literal=empty=",
    "secrets": "create secret generic NAME --from-literal=a=b",
    "roles": "create role NAME --verb=get,list --resource=pods,deployments.apps --resource-name=x",
    "rolebindings": "create rolebinding NAME --role=r --serviceaccount=default:sa --user=u",
    "clusterroles": "create clusterrole NAME --verb=get --non-resource-url=/logs",
    "resourcequotas": "create quota NAME --hard=pods=3 --scopes=BestEffort",
    "deployments": "create deployment NAME --image=busybox:1 --replicas=0 --port=80 -- sleep 9",
    "jobs": "create job NAME --image=busybox:1 -- echo hi",
    "cronjobs": "create cronjob NAME --image=busybox:1 --schedule=@daily -- echo hi",
    "ingresses": "create ingress NAME --rule=foo.com/bar*=svc:http,tls=secret",
    "poddisruptionbudgets": "create poddisruptionbudget NAME --selector=a=b --min-available=50%",
    "priorityclasses": "create priorityclass NAME --value=-1000 --description=low",
    "services": "create service clusterip NAME --tcp=80:http --clusterip=None",
}


@pytest.mark.parametrize("plural", CREATIONS)
async def test_protobuf_means_what_json_means(kubectl, plural):
    old, new = Kubectl(kubectl_of(31), **kubectl.settings), Kubectl(kubectl_of(33), **kubectl.settings)
    made = []
    for program, name in ((old, "from-json"), (new, "from-protobuf")):
        await program(*CREATIONS[plural].replace("NAME", name).split())
        text = await program("get", plural, name, "-o", "json")
        document = json.loads(text.replace(name, "NAME"))
        for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
            document["metadata"].pop(key, None)
        made.append(re.sub(r'"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"', '"UID"', json.dumps(document)))
    assert made[0] == made[1]


async def test_older_kubectl_explains_and_validates_by_the_v2_document(kubectl):
    old = Kubectl(kubectl_of(27), **kubectl.settings)
    assert "pod/web created" in await old("apply", "-f", "-", input=POD)
    plain = await old("explain", "pods.spec", "--output=plaintext-openapiv2")
    assert "FIELDS" in plain and "containers" in plain


async def test_debug_adds_an_ephemeral_container(kubectl, secured, client_of):
    await kubectl("apply", "-f", "-", input=POD)
    api = client_of(secured.server)
    watch = await api.watch("/api/v1/namespaces/default/pods")
    debugging = asyncio.ensure_future(
        kubectl("debug", "web", "--image=busybox", "-c", "look", "--profile=general", "--attach=false")
    )
    while "ephemeralContainers" not in (await watch.next())[1]["spec"]:
        pass
    await debugging
    pod = (await api.get("/api/v1/namespaces/default/pods/web")).json
    assert pod["spec"]["ephemeralContainers"][0]["name"] == "look"


async def test_evictions_and_cordons(kubectl, secured, client_of):
    api = client_of(secured.server)
    await api.make("/api/v1/nodes", {"metadata": {"name": "n1"}})
    pod = {
        "metadata": {"name": "web"},
        "spec": {
            "nodeName": "n1",
            "containers": [{"name": "main", "image": "busybox"}],
            "terminationGracePeriodSeconds": 0,
        },
    }
    await api.make("/api/v1/namespaces/default/pods", pod)
    assert "evicted" in await kubectl("drain", "n1", "--force", "--timeout=20s")
    assert (await api.get("/api/v1/namespaces/default/pods/web")).status == 404
    assert (await api.get("/api/v1/nodes/n1")).json["spec"]["unschedulable"] is True
    assert "uncordoned" in await kubectl("uncordon", "n1")


async def test_logs_and_exec_reach_the_kubelet(kubectl, secured, kubelet):
    secured.server._services.dial = kubelet
    await kubectl("apply", "-f", "-", input=POD)
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "web"}, "target": {"name": "n1"}}
    await kubectl("create", "-f", "-", input=json.dumps(binding))
    assert await kubectl("logs", "web") == "one\n"
    assert await kubectl("exec", "-i", "web", "--", "cat", input="bye") == "BYE"
    over_spdy = Kubectl(kubectl_of(27), **kubectl.settings)
    assert await over_spdy("exec", "-i", "web", "--", "cat", input="bye") == "BYE"


def owners_of(text):
    """`manager operation` of everybody who owns something, from an object as JSON."""
    return sorted(f"{e['manager']} {e['operation']}" for e in json.loads(text)["metadata"]["managedFields"])


async def test_server_side_apply_creates_changes_and_removes(kubectl):
    labelled = DEPLOYMENT.replace("{name: web}", "{name: web, labels: {a: b}}")
    apply = ("apply", "--server-side", "-f", "-")
    assert "deployment.apps/web serverside-applied" in await kubectl(*apply, input=labelled)
    first = await kubectl("get", "deployment", "web", "-o", "json", "--show-managed-fields")
    assert owners_of(first) == ["kubectl Apply"]
    assert "serverside-applied" in await kubectl(*apply, input=labelled)
    assert await kubectl("get", "deployment", "web", "-o", "json", "--show-managed-fields") == first
    await kubectl(*apply, input=DEPLOYMENT)
    assert "labels" not in json.loads(await kubectl("get", "deployment", "web", "-o", "json"))["metadata"]


async def test_server_side_apply_tells_of_conflicts_and_forces(kubectl):
    apply = ("apply", "--server-side", "-f", "-")
    await kubectl(*apply, input=DEPLOYMENT)
    await kubectl("scale", "deployment", "web", "--replicas=4")
    said = await kubectl(*apply, input=DEPLOYMENT, fails=True)
    scaled = 'conflict with "kubectl.*" with subresource "scale" using apps/v1: .spec.replicas'
    assert re.search(f"Apply failed with 1 conflict: {scaled}", said)
    assert "--force-conflicts" in said
    changed = DEPLOYMENT.replace("replicas: 2", "replicas: 5")
    other = await kubectl(*apply, "--field-manager=other", input=changed, fails=True)
    assert re.search(scaled, other)
    forced = await kubectl(*apply, "--field-manager=other", "--force-conflicts", input=changed)
    assert "serverside-applied" in forced
    found = await kubectl("get", "deployment", "web", "-o", "json", "--show-managed-fields")
    assert json.loads(found)["spec"]["replicas"] == 5
    assert owners_of(found) == ["kubectl Apply", "other Apply"]


async def test_objects_move_from_client_side_to_server_side_apply(kubectl):
    labelled = DEPLOYMENT.replace("{name: web}", "{name: web, labels: {a: b, c: d}}")
    await kubectl("apply", "-f", "-", input=labelled)
    changed = DEPLOYMENT.replace("{name: web}", "{name: web, labels: {a: new}}").replace(
        "busybox:1", "busybox:2"
    )
    said = await kubectl("apply", "--server-side", "-f", "-", input=changed)
    assert "serverside-applied" in said
    assert "Warning" not in said
    full = await kubectl("get", "deployment", "web", "-o", "json", "--show-managed-fields")
    assert owners_of(full) == ["kubectl Apply", "kubectl-last-applied Apply"]
    found = json.loads(full)
    assert found["metadata"]["labels"] == {"a": "new"}
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "busybox:2"
    note = json.loads(found["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])
    assert note["metadata"]["labels"] == {"a": "new"}
    assert "configured" in await kubectl("apply", "-f", "-", input=labelled)


async def test_diff_server_side_shows_what_an_apply_would_do(kubectl):
    await kubectl("apply", "--server-side", "-f", "-", input=DEPLOYMENT)
    assert await kubectl("diff", "--server-side", "-f", "-", input=DEPLOYMENT) == ""
    changed = DEPLOYMENT.replace("busybox:1", "busybox:2")
    diff = await kubectl("diff", "--server-side", "-f", "-", input=changed, fails=True)
    assert re.search(r"^-.*busybox:1$", diff, re.MULTILINE)
    assert re.search(r"^\+.*busybox:2$", diff, re.MULTILINE)
    tried = await kubectl(
        "apply", "--server-side", "--dry-run=server", "-o", "json", "-f", "-", input=changed
    )
    assert "busybox:2" in tried
    assert "busybox:2" not in await kubectl("get", "deployment", "web", "-o", "json")


async def test_server_side_apply_explains_bad_input(kubectl):
    typo = DEPLOYMENT.replace("replicas:", "replica:")
    said = await kubectl("apply", "--server-side", "-f", "-", input=typo, fails=True)
    assert ".spec.replica: field not declared in schema" in said
