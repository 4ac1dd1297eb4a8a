"""kubectl's ways to resize a Pod: patch, edit and apply its subresource (kubectl 1.32 and later know it)."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.kubectl
POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: main
    image: busybox
    resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 128Mi}}
"""


async def limits(kubectl):
    pod = json.loads(await kubectl("get", "pod", "web", "-o", "json"))
    return pod["spec"]["containers"][0]["resources"]["limits"]


async def test_patch_edit_and_apply(kubectl):
    await kubectl("create", "-f", "-", input=POD)
    patch = '{"spec":{"containers":[{"name":"main","resources":{"limits":{"cpu":"300m"}}}]}}'
    assert "pod/web patched" in await kubectl("patch", "pod", "web", "--subresource=resize", "-p", patch)
    assert await limits(kubectl) == {"cpu": "300m", "memory": "128Mi"}
    kubectl.environment["KUBE_EDITOR"] = "sed -i 's/memory: 128Mi/memory: 256Mi/'"
    assert "pod/web edited" in await kubectl("edit", "pod", "web", "--subresource=resize")
    assert await limits(kubectl) == {"cpu": "300m", "memory": "256Mi"}
    wanted = POD.replace("cpu: 200m", "cpu: 400m").replace("memory: 128Mi", "memory: 512Mi")
    flags = ("--server-side", "--force-conflicts", "--subresource=resize")
    assert "pod/web serverside-applied" in await kubectl("apply", *flags, "-f", "-", input=wanted)
    assert await limits(kubectl) == {"cpu": "400m", "memory": "512Mi"}


async def test_what_is_refused_is_said(kubectl):
    await kubectl("create", "-f", "-", input=POD)
    patch = '{"spec":{"containers":[{"name":"main","resources":{"requests":{"cpu":"300m"}}}]}}'
    refused = await kubectl("patch", "pod", "web", "--subresource=resize", "-p", patch, fails=True)
    assert 'Invalid value: "300m": must be less than or equal to cpu limit of 200m' in refused
    plain = await kubectl("patch", "pod", "web", "-p", patch, fails=True)
    assert "pod updates may not change fields other than" in plain
