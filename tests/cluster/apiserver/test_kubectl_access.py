"""kubectl for who manages a cluster: certificates, nodes, rights, and its own settings."""

from __future__ import annotations

import base64
import json
import re

import kubectl_world
import pytest
from test_every_kind import signing_request

pytestmark = pytest.mark.kubectl
SUPPORTED = range(27, 34)
FIRST_WITH_WHOAMI = 28
"""1.27 asks for v1alpha1 and v1beta1 of SelfSubjectReview; of Kubernetes 1.37 there is v1 alone."""


async def read(kubectl, *words):
    return json.loads(await kubectl("get", *words, "-o", "json"))


async def test_certificates_are_approved_and_denied(kubectl):
    for name in ("good", "bad"):
        request = {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {
                "request": signing_request(),
                "signerName": "kubernetes.io/kube-apiserver-client",
                "usages": ["client auth"],
            },
        }
        await kubectl("create", "-f", "-", input=json.dumps(request))
    assert re.search(r"good +.*kube-apiserver-client +\S+ +<none> +Pending", await kubectl("get", "csr"))
    assert "/good approved" in await kubectl("certificate", "approve", "good")
    assert "/bad denied" in await kubectl("certificate", "deny", "bad")
    [condition] = (await read(kubectl, "csr", "good"))["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "Approved",
        "True",
        "KubectlApprove",
    )
    assert "Denied" in await kubectl("get", "csr", "bad")
    assert "Subject:" in await kubectl("describe", "csr", "good")


async def test_nodes_are_cordoned_tainted_and_drained(kubectl, secured, client_of):
    api = client_of(secured.server)
    await api.make("/api/v1/nodes", {"metadata": {"name": "n1"}})
    assert "node/n1 cordoned" in await kubectl("cordon", "n1")
    assert "SchedulingDisabled" in await kubectl("get", "node", "n1")
    assert "node/n1 already cordoned" in await kubectl("cordon", "n1")
    assert "node/n1 uncordoned" in await kubectl("uncordon", "n1")
    assert "node/n1 tainted" in await kubectl("taint", "node", "n1", "a=b:NoSchedule", "c:NoExecute")
    assert "already has" in await kubectl("taint", "node", "n1", "a=x:NoSchedule", fails=True)
    await kubectl("taint", "node", "n1", "a=x:NoSchedule", "--overwrite")
    assert "node/n1 untainted" in await kubectl("taint", "node", "n1", "c-")
    taints = (await read(kubectl, "node", "n1"))["spec"]["taints"]
    assert taints == [{"effect": "NoSchedule", "key": "a", "value": "x"}]
    assert re.search(r"^Taints: +a=x:NoSchedule$", await kubectl("describe", "node", "n1"), re.MULTILINE)
    assert "node/n1 drained" in await kubectl("drain", "n1", "--ignore-daemonsets", "--timeout=20s")


async def test_what_one_may_do(kubectl):
    await kubectl("create", "serviceaccount", "robot")
    robot = ("--as=system:serviceaccount:default:robot",)
    assert (await kubectl("auth", "can-i", "get", "pods", *robot, fails=True)).startswith("no")
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "reader", "namespace": "default"},
        "rules": [{"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]}],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "reader", "namespace": "default"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "default"}],
    }
    given = f"{json.dumps(role)}\n---\n{json.dumps(binding)}"
    said = await kubectl("auth", "reconcile", "-f", "-", input=given)
    assert "role.rbac.authorization.k8s.io/reader reconciled" in said
    assert "rolebinding.rbac.authorization.k8s.io/reader reconciled" in said
    assert "reconciled" in await kubectl("auth", "reconcile", "-f", "-", input=given)
    assert await kubectl("auth", "can-i", "get", "pods", *robot) == "yes\n"
    assert await kubectl("auth", "can-i", "get", "pods", "--subresource=log", *robot) == "yes\n"
    assert (await kubectl("auth", "can-i", "delete", "pods", *robot, fails=True)).startswith("no")
    listed = await kubectl("auth", "can-i", "--list", *robot)
    assert re.search(r"^pods +\[\] +\[\] +\[get list\]$", listed, re.MULTILINE), listed
    assert re.search(r"^ +\[/api/\*\] +\[\] +\[get\]$", listed, re.MULTILINE)
    assert await kubectl("auth", "can-i", "get", "/healthz") == "yes\n"
    refused = await kubectl("delete", "pod", "x", *robot, fails=True)
    assert 'User "system:serviceaccount:default:robot" cannot delete resource "pods"' in refused
    token = (await kubectl("create", "token", "robot")).strip()
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["sub"] == "system:serviceaccount:default:robot"


@pytest.mark.parametrize("minor", SUPPORTED)
async def test_who_one_is(kubectl, minor):
    kubectl.program = kubectl_world.kubectl_of(minor)
    if minor < FIRST_WITH_WHOAMI:
        said = await kubectl("auth", "whoami", fails=True)
        assert "the selfsubjectreviews API is not enabled in the cluster" in said
        return
    assert "system:masters" in await kubectl("auth", "whoami")
    someone = await kubectl("auth", "whoami", "--as=ali", "--as-group=g", "-o", "json")
    assert json.loads(someone)["status"]["userInfo"]["username"] == "ali"


async def test_its_own_settings(kubectl, tmp_path):
    assert (await kubectl("config", "current-context")) == "test\n"
    await kubectl("config", "set-context", "--current", "--namespace=other")
    await kubectl("create", "namespace", "other")
    assert "No resources found in other namespace." in await kubectl("get", "pods")
    assert re.search(r"^\* +test", await kubectl("config", "get-contexts"), re.MULTILINE)
    assert "REDACTED" in await kubectl("config", "view") or "DATA+OMITTED" in await kubectl("config", "view")
    for shell in ("bash", "zsh", "fish", "powershell"):
        assert "kubectl" in await kubectl("completion", shell)
    completed = await kubectl("__complete", "get", "pods", "")
    assert ":4" in completed
    plugin = tmp_path / "kubectl-hello"
    plugin.write_text("#!/bin/sh\necho hello $1\n")
    plugin.chmod(0o755)
    kubectl.environment["PATH"] = f"{tmp_path}:{kubectl.environment['PATH']}"
    assert "kubectl-hello" in await kubectl("plugin", "list")
    assert await kubectl("hello", "you") == "hello you\n"
    assert "--request-timeout" in await kubectl("options")
