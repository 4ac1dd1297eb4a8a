"""What a file must say to be a static Pod, and which Pod it then is."""

from __future__ import annotations

import pytest

from podling.agent.staticpods import manifest
from podling.cluster.manifests import complete

GOOD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: m, image: i}]}"


def read(text: bytes = GOOD, *, file: str = "/m/web.yaml", node: str = "node-1") -> manifest.Read:
    return manifest.read(text, file=file, node=node, complete=complete)


BAD = [
    (b"kind: Pod\napiVersion: v1\n  spec: {", "mapping values are not allowed"),
    (b"", "couldn't parse as pod"),
    (b"apiVersion: v1\nkind: Service\nmetadata: {name: web}", "couldn't parse as pod"),
    (b"apiVersion: v1\nkind: Pod\nmetadata: {}\nspec: {}", "name is needed for the pod"),
    (b"apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {}", "spec.containers: Required value"),
    (
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
        b"spec: {containers: [{name: m, image: i, envFrom: [{secretRef: {name: s}}]}]}",
        "static pods may not reference secrets",
    ),
    (
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
        b"spec: {serviceAccountName: a, containers: [{name: m, image: i}]}",
        "static pods may not reference serviceaccounts",
    ),
    (
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
        b"spec: {containers: [{name: m, image: i}], volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]}",
        "static pods may not reference persistentvolumeclaims",
    ),
]


@pytest.mark.parametrize(("text", "why"), BAD, ids=[why for _, why in BAD])
def test_what_cannot_be_a_static_pod_is_refused(text: bytes, why: str):
    with pytest.raises(manifest.BadManifest, match="^(?!/m/).*" + why):
        read(text)


def test_name_carries_the_nodes_and_the_uid_is_of_node_file_and_content():
    pod = read().pod
    assert (pod.metadata.name, pod.metadata.namespace) == ("web-node-1", "default")
    assert pod.metadata.uid == read().pod.metadata.uid
    others = [read(node="node-2"), read(file="/m/other.yaml"), read(GOOD.replace(b"image: i", b"image: j"))]
    assert len({pod.metadata.uid, *(other.pod.metadata.uid for other in others)}) == 4


def test_fields_that_nobody_knows_are_told():
    found = read(GOOD.replace(b"kind: Pod", b"kind: Pod\nspecc: {}"))
    assert found.oddities == ['unknown field "specc"']
