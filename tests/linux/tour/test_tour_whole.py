"""All parts together on a real machine: scheduling, accounts, volumes of the host, namespaces that go."""

from __future__ import annotations

import base64
import json

import pytest

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  terminationGracePeriodSeconds: 1
  {more}
  containers:
  - name: main
    image: busybox
    command: [sh, -c, "{script}"]
    {container}
"""


def pod(name, script="sleep 3600", *, namespace="default", more="", container=""):
    return POD.format(name=name, script=script, namespace=namespace, more=more, container=container)


@pytest.fixture
def space(kubectl):
    """A namespace of the test's own, deleted with all that is in it."""
    kubectl("create", "namespace", "whole")
    yield "whole"
    kubectl("delete", "namespace", "whole", "--ignore-not-found", "--wait")


def test_a_pod_that_fits_nowhere_waits_and_runs_once_it_fits(kubectl, cluster, space):
    kubectl("apply", "-f", "-", input=pod("picky", namespace=space, more="nodeSelector: {disk: fast}"))
    kubectl("wait", "-n", space, "pod/picky", "--for=condition=PodScheduled=False", "--timeout=20s")
    listed = json.loads(kubectl("get", "pod", "picky", "-n", space, "-o", "json"))
    (scheduled,) = [one for one in listed["status"]["conditions"] if one["type"] == "PodScheduled"]
    assert (scheduled["reason"], listed["status"]["phase"]) == ("Unschedulable", "Pending")
    message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    assert scheduled["message"].startswith(message)
    kubectl("label", "node", cluster.name, "disk=fast")
    kubectl("wait", "-n", space, "pod/picky", "--for=condition=Ready", "--timeout=20s")
    events = kubectl("get", "events", "-n", space, "--field-selector=involvedObject.name=picky")
    assert "FailedScheduling" in events
    assert f"Successfully assigned {space}/picky to {cluster.name}" in events
    kubectl("label", "node", cluster.name, "disk-")


def test_two_pods_of_one_host_port_do_not_share_a_node(kubectl, space):
    port = "ports: [{containerPort: 80, hostPort: 28080}]"
    kubectl("apply", "-f", "-", input=pod("first", namespace=space, container=port))
    kubectl("wait", "-n", space, "pod/first", "--for=condition=Ready", "--timeout=20s")
    kubectl("apply", "-f", "-", input=pod("second", namespace=space, container=port))
    kubectl("wait", "-n", space, "pod/second", "--for=condition=PodScheduled=False", "--timeout=20s")
    said = kubectl("get", "pod", "second", "-n", space, "-o", "jsonpath={.status.conditions[*].message}")
    assert "1 node(s) didn't have free ports for the requested pod ports" in said
    kubectl("delete", "pod", "first", "-n", space, "--wait")
    kubectl("wait", "-n", space, "pod/second", "--for=condition=Ready", "--timeout=20s")


def test_a_namespace_brings_an_account_and_the_clusters_ca(kubectl, space):
    kubectl("wait", "-n", space, "serviceaccount/default", "--for=create", "--timeout=20s")
    kubectl("wait", "-n", space, "configmap/kube-root-ca.crt", "--for=create", "--timeout=20s")
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    script = f"cd {folder} && cat namespace && echo && grep -c BEGIN ca.crt && cut -d. -f2 token && id -u"
    kubectl("apply", "-f", "-", input=pod("who", script, namespace=space, more="restartPolicy: Never"))
    kubectl("wait", "-n", space, "pod/who", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=20s")
    named, certificates, claims, user = kubectl("logs", "who", "-n", space).split()
    assert (named, certificates, user) == (space, "1", "0")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert said["sub"] == f"system:serviceaccount:{space}:default"
    assert said["kubernetes.io"]["pod"]["name"] == "who"


def test_a_folder_of_the_host_is_shared_both_ways(kubectl, space, tmp_path):
    (tmp_path / "from-host").write_text("hello")
    more = (
        f"volumes: [{{name: host, hostPath: {{path: {tmp_path}, type: Directory}}}}]\n  restartPolicy: Never"
    )
    mount = "volumeMounts: [{name: host, mountPath: /host}]"
    script = "cat /host/from-host > /host/from-pod"
    kubectl("apply", "-f", "-", input=pod("host", script, namespace=space, more=more, container=mount))
    kubectl("wait", "-n", space, "pod/host", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=20s")
    assert (tmp_path / "from-pod").read_text() == "hello"
    missing = f"volumes: [{{name: host, hostPath: {{path: {tmp_path}/none, type: Directory}}}}]"
    kubectl("apply", "-f", "-", input=pod("lost", namespace=space, more=missing, container=mount))
    with kubectl.following("get", "events", "-n", space, "--watch", "-o", "wide") as screen:
        screen.wait_for(r"FailedMount.*pod/lost.*hostPath .*/none doesn't exist")


def test_a_namespace_takes_its_pods_and_objects_with_it(kubectl):
    kubectl("create", "namespace", "doomed")
    kubectl("create", "configmap", "some", "-n", "doomed", "--from-literal=a=b")
    kubectl("apply", "-f", "-", input=pod("inside", namespace="doomed"))
    kubectl("wait", "-n", "doomed", "pod/inside", "--for=condition=Ready", "--timeout=20s")
    kubectl("delete", "namespace", "doomed", "--wait")
    assert 'namespaces "doomed" not found' in kubectl("get", "namespace", "doomed", code=1)
    kubectl("create", "namespace", "doomed")
    assert "No resources found" in kubectl("get", "pods", "-n", "doomed")
    assert "some" not in kubectl("get", "configmaps", "-n", "doomed")
    kubectl("delete", "namespace", "doomed", "--wait")
