"""kubectl's ways to change and remove: edit, label, annotate, patch, replace, apply in all its forms, delete, wait, kustomize."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

pytestmark = pytest.mark.kubectl
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, labels: {set: mine}}\ndata: {a: b}\n"


async def read(kubectl, *words):
    return json.loads(await kubectl("get", *words, "-o", "json"))


def config(*names):
    return "---\n".join(CONFIG.replace("NAME", name) for name in names)


async def test_edit(kubectl):
    await kubectl("create", "configmap", "c", "--from-literal=a=b")
    kubectl.environment["KUBE_EDITOR"] = "sed -i 's/a: b/a: c/'"
    assert "configmap/c edited" in await kubectl("edit", "configmap", "c")
    assert (await read(kubectl, "configmap", "c"))["data"] == {"a": "c"}
    kubectl.environment["KUBE_EDITOR"] = "true"
    assert "Edit cancelled, no changes made." in await kubectl("edit", "configmap", "c")
    kubectl.environment["KUBE_EDITOR"] = "sed -i 's/^status: {}/status: {replicas: 4}/'"
    await kubectl("create", "deployment", "d", "--image=i")
    assert "deployment.apps/d edited" in await kubectl("edit", "deployment", "d", "--subresource=status")
    assert (await read(kubectl, "deployment", "d"))["status"] == {"replicas": 4}
    kubectl.environment["KUBE_EDITOR"] = "sed -i 's/a: c/a: [c]/'"
    refused = await kubectl("edit", "configmap", "c", fails=True)
    assert re.search("Edit cancelled, no valid changes were saved|cannot be handled as a ConfigMap", refused)


async def test_label_and_annotate(kubectl):
    # row "kubectl label adds and removes labels; selector queries agree" (v1.9)
    for name in ("a", "b"):
        await kubectl("run", name, "--image=i")
    assert "pod/a labeled" in await kubectl("label", "pods", "--all", "tier=front")
    assert "already has a value (front)" in await kubectl("label", "pod", "a", "tier=back", fails=True)
    assert "pod/a labeled" in await kubectl("label", "pod", "a", "tier=back", "--overwrite")
    assert await kubectl("get", "pods", "-l", "tier=back", "-o", "name") == "pod/a\n"
    assert "pod/a unlabeled" in await kubectl("label", "pod", "a", "tier-")
    assert await kubectl("get", "pods", "-l", "!tier", "-o", "name") == "pod/a\n"
    assert "tier=front" in await kubectl("label", "pod", "b", "--list")
    assert "must be no more than 63" in await kubectl("label", "pod", "a", f"x={'y' * 64}", fails=True)
    assert "pod/a annotated" in await kubectl("annotate", "pod", "a", "note=a b")
    assert "the object has been modified" in await kubectl(
        "annotate", "pod", "a", "note=c", "--overwrite", "--resource-version=1", fails=True
    )
    assert "pod/a annotated" in await kubectl("annotate", "pods", "-l", "!tier", "note-")


async def test_patch_and_replace(kubectl, tmp_path):
    await kubectl("create", "deployment", "d", "--image=i")
    merged = '{"spec":{"template":{"spec":{"containers":[{"name":"i","image":"j"}]}}}}'
    assert "patched" in await kubectl("patch", "deployment", "d", "-p", merged)
    assert "patched (no change)" in await kubectl("patch", "deployment", "d", "-p", merged)
    steps = '[{"op":"test","path":"/spec/replicas","value":2}]'
    failed = await kubectl("patch", "deployment", "d", "--type=json", "-p", steps, fails=True)
    assert "The request is invalid" in failed
    scaled = '{"spec":{"replicas":5}}'
    assert "patched" in await kubectl(
        "patch", "deployment", "d", "--subresource=scale", "--type=merge", "-p", scaled
    )
    assert (await read(kubectl, "deployment", "d"))["spec"]["replicas"] == 5
    # row "kubectl replace swaps a pod's container image" (v1.9)
    await kubectl("run", "web", "--image=busybox:1")
    old = await kubectl("get", "pod", "web", "-o", "json")
    assert "pod/web replaced" in await kubectl(
        "replace", "-f", "-", input=old.replace("busybox:1", "busybox:2")
    )
    assert (await read(kubectl, "pod", "web"))["spec"]["containers"][0]["image"] == "busybox:2"
    assert "pod/web replaced" in await kubectl("replace", "--force", "--grace-period=0", "-f", "-", input=old)


async def test_apply_prunes_and_remembers(kubectl, tmp_path):
    both = tmp_path / "both.yaml"
    both.write_text(config("a", "b"))
    await kubectl("apply", "-f", str(both))
    one = ("apply", "-f", "-", "--prune", "-l", "set=mine", "--prune-allowlist=core/v1/ConfigMap")
    said = await kubectl(*one, input=config("a"))
    assert "configmap/a unchanged" in said
    assert "configmap/b pruned" in said
    assert "a: b" in await kubectl("apply", "view-last-applied", "configmap", "a")
    changed = tmp_path / "changed.yaml"
    changed.write_text(config("a").replace("a: b", "a: c"))
    assert "configmap/a configured" in await kubectl("apply", "set-last-applied", "-f", str(changed))
    assert "a: c" in await kubectl("apply", "view-last-applied", "configmap", "a")
    kubectl.environment["KUBE_EDITOR"] = "sed -i 's/a: c/a: d/'"
    assert "configmap/a edited" in await kubectl("apply", "edit-last-applied", "configmap", "a")
    assert "configmap/a configured" in await kubectl("apply", "-f", str(changed), "--dry-run=server")
    assert "configmap/a configured" in await kubectl("apply", "-f", str(changed), "--dry-run=client")


async def test_kustomize(kubectl, tmp_path):
    (tmp_path / "kustomization.yaml").write_text("namePrefix: my-\nresources: [c.yaml]\n")
    (tmp_path / "c.yaml").write_text(config("c"))
    assert "name: my-c" in await kubectl("kustomize", str(tmp_path))
    assert "configmap/my-c created" in await kubectl("apply", "-k", str(tmp_path))
    assert 'configmap "my-c" deleted' in await kubectl("delete", "-k", str(tmp_path))


async def test_delete(kubectl):
    for name in ("a", "b", "c", "d", "e"):
        await kubectl("apply", "-f", "-", input=config(name))
    assert "deleted (server dry run)" in await kubectl("delete", "configmap", "a", "--dry-run=server")
    assert 'configmap "a" deleted' in await kubectl("delete", "configmap", "a", "--wait=false")
    assert "not found" in await kubectl("delete", "configmap", "a", fails=True)
    assert await kubectl("delete", "configmap", "a", "--ignore-not-found") == ""
    assert await kubectl("delete", "configmap", "b", "-o", "name") == "configmap/b\n"
    assert 'configmap "c" deleted' in await kubectl("delete", "-f", "-", input=config("c"))
    assert 'configmap "d" deleted' in await kubectl("delete", "configmap", "--field-selector=metadata.name=d")
    assert 'configmap "e" deleted' in await kubectl("delete", "configmaps", "-l", "set=mine")
    await kubectl("run", "web", "--image=i")
    said = await kubectl("delete", "pods", "--all", "--grace-period=0", "--force")
    assert 'pod "web" force deleted' in said
    await kubectl("create", "deployment", "d", "--image=i")
    orphaned = await kubectl("delete", "deployment", "d", "--cascade=orphan", "--wait=false")
    assert 'deployment.apps "d" deleted' in orphaned
    assert (await read(kubectl, "deployment", "d"))["metadata"]["finalizers"] == ["orphan"]
    await kubectl("create", "deployment", "f", "--image=i")
    await kubectl("delete", "deployment", "f", "--cascade=foreground", "--wait=false")
    assert (await read(kubectl, "deployment", "f"))["metadata"]["finalizers"] == ["foregroundDeletion"]
    raw = await kubectl("delete", "--raw", "/api/v1/namespaces/default/configmaps/none", fails=True)
    assert "not found" in raw


async def test_wait(kubectl):
    await kubectl("run", "web", "--image=i")
    late = await kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=1s", fails=True)
    assert "timed out waiting for the condition on pods/web" in late
    waiting = asyncio.create_task(kubectl("wait", "--for=jsonpath={.metadata.labels.go}=on", "pod/web"))
    await kubectl("label", "pod", "web", "go=on")
    assert "pod/web condition met" in await waiting
    gone = asyncio.create_task(kubectl("wait", "--for=delete", "pod/web", "--timeout=20s"))
    await kubectl("delete", "pod", "web", "--now")
    await gone
    made = asyncio.create_task(kubectl("wait", "--for=create", "configmap/soon", "--timeout=20s"))
    await kubectl("create", "configmap", "soon")
    assert "configmap/soon condition met" in await made


async def test_a_watch_ends_with_its_request(kubectl):
    await kubectl("create", "configmap", "a")
    watch = ("get", "configmaps", "--watch", "--output-watch-events", "--request-timeout=1s", "-o", "name")
    assert "configmap/a" in await kubectl(*watch, fails=None)
