"""kubectl on workloads that really run: rollouts, scaling, logs of many Pods, debugging, the local proxy, draining."""

from __future__ import annotations

import json
import re
import socket
import urllib.request

import pytest
from tour_world import LIMIT

pytestmark = [pytest.mark.kubectl, pytest.mark.linux]
SCRIPT = "echo $0 starts; trap exit TERM; while :; do sleep 0.1; done"
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  revisionHistoryLimit: 5
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {step: one}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: main, image: busybox, command: [sh, -c, "SCRIPT", one]}
""".replace("SCRIPT", SCRIPT)


@pytest.fixture
def web(kubectl):
    """A Deployment of two Pods, rolled out."""
    kubectl("apply", "-f", "-", input=DEPLOYMENT)
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    yield "deployment/web"
    kubectl("delete", "deployment", "web", "--ignore-not-found", "--cascade=foreground", "--wait")


def pods(kubectl):
    listed = json.loads(kubectl("get", "pods", "-l", "app=web", "-o", "json"))["items"]
    return [item for item in listed if "deletionTimestamp" not in item["metadata"]]


def steps(kubectl):
    """The `step` annotations of the Pods there are, without repetition."""
    return {item["metadata"]["annotations"]["step"] for item in pods(kubectl)}


def test_a_rollout_from_its_first_to_its_last_command(kubectl, web):
    assert "successfully rolled out" in kubectl("rollout", "status", web)
    kubectl("apply", "-f", "-", input=DEPLOYMENT.replace("step: one", "step: two"))
    with kubectl.following("rollout", "status", web) as screen:
        screen.wait_for(r'deployment "web" successfully rolled out')
        assert screen.wait_end() == 0
    kubectl("annotate", web, "kubernetes.io/change-cause=second")
    assert re.findall(r"^(\d+) +(\S+)", kubectl("rollout", "history", web), re.MULTILINE) == [
        ("1", "<none>"),
        ("2", "second"),
    ]
    assert re.search(r"step: one", kubectl("rollout", "history", web, "--revision=1"))
    kubectl("wait", web, "--for=jsonpath={.status.replicas}=2", "--timeout=20s")
    assert "deployment.apps/web rolled back" in kubectl("rollout", "undo", web)
    kubectl("rollout", "status", web, "--timeout=30s")
    kubectl("wait", web, "--for=jsonpath={.status.updatedReplicas}=2", "--timeout=20s")
    assert "deployment.apps/web paused" in kubectl("rollout", "pause", web)
    assert "already paused" in kubectl("rollout", "pause", web, code=1)
    assert "you cannot rollback a paused deployment" in kubectl("rollout", "undo", web, code=1)
    assert "deployment.apps/web resumed" in kubectl("rollout", "resume", web)
    before = {item["metadata"]["uid"] for item in pods(kubectl)}
    assert "deployment.apps/web restarted" in kubectl("rollout", "restart", web)
    kubectl("rollout", "status", web, "--timeout=30s")
    assert before.isdisjoint({item["metadata"]["uid"] for item in pods(kubectl)})
    assert steps(kubectl) == {"one"}


def test_scale_up_down_and_only_if(kubectl, web):
    assert "deployment.apps/web scaled" in kubectl("scale", web, "--replicas=3")
    kubectl("wait", web, "--for=jsonpath={.status.readyReplicas}=3", "--timeout=30s")
    refused = kubectl("scale", web, "--current-replicas=2", "--replicas=1", code=1)
    assert "Expected replicas to be 2, was 3" in refused
    kubectl("scale", web, "--current-replicas=3", "--replicas=1")
    kubectl("wait", web, "--for=jsonpath={.status.replicas}=1", "--timeout=30s")
    assert re.search(r"^web +1/1 +1 +1 ", kubectl("get", web), re.MULTILINE)


def test_logs_of_one_and_of_many(kubectl, web):
    # row "Log retrieval with tail, byte limit, since and timestamps" (v1.9)
    assert kubectl("logs", "-l", "app=web", "--tail=-1") == "one starts\n" * 2
    prefixed = kubectl("logs", "-l", "app=web", "--prefix", "--tail=1")
    assert len(re.findall(r"^\[pod/web-\S+/main\] one starts$", prefixed, re.MULTILINE)) == 2
    name = pods(kubectl)[0]["metadata"]["name"]
    assert kubectl("logs", name, "--limit-bytes=3") == "one"
    assert kubectl("logs", name, "--tail=0") == ""
    assert re.match(r"^\d{4}-\S+Z one starts\n$", kubectl("logs", name, "--timestamps"))
    assert kubectl("logs", name, "--since=1h") == "one starts\n"
    assert kubectl("logs", name, "--since-time=2100-01-01T00:00:00Z") == ""
    assert "one starts\n" in kubectl("logs", web)
    assert "previous terminated container" in kubectl("logs", name, "-p", code=1)
    assert "container nope is not valid" in kubectl("logs", name, "-c", "nope", code=1)


def test_commands_find_the_pods_behind_a_workload(kubectl, web):
    assert kubectl("exec", web, "--", "echo", "inside") == "inside\n"
    name = pods(kubectl)[0]["metadata"]["name"]
    told = kubectl("events", f"--for=pod/{name}")
    assert re.search(r"Normal +Started +Pod/web-", told)
    described = kubectl("describe", web)
    assert re.search(r"^Replicas: +2 desired \| 2 updated \| 2 total \| 2 available", described, re.MULTILINE)
    assert "ScalingReplicaSet" in described
    replica_set = json.loads(kubectl("get", "rs", "-l", "app=web", "-o", "json"))["items"][0]["metadata"][
        "name"
    ]
    assert re.search(r"^Pods Status: +2 Running", kubectl("describe", "rs", replica_set), re.MULTILINE)


def test_debug_beside_a_container_and_in_a_copy(kubectl, web):
    name = pods(kubectl)[0]["metadata"]["name"]
    kubectl("debug", name, "--image=busybox", "-c", "beside", "--", "sh", "-c", "echo beside")
    with kubectl.following("get", "pod", name, "--watch", "-o", "json") as screen:
        screen.wait_for(r'"exitCode": 0')
    assert kubectl("logs", name, "-c", "beside") == "beside\n"
    copied = ("--copy-to=copy", "--container=main", "--attach=false", "--", "sh", "-c", "echo copied")
    kubectl("debug", name, "--image=busybox", *copied)
    with kubectl.following("logs", "-f", "copy", "--pod-running-timeout=20s") as screen:
        screen.wait_for("^copied$")
    kubectl.remove("copy")


def test_proxy_on_any_port_and_on_a_socket(kubectl, tmp_path):
    # rows "kubectl proxy on port 0 ..." and "... over a Unix socket serves /api" (v1.9)
    with kubectl.following("proxy", "--port=0") as screen:
        port = int(screen.wait_for(r"Starting to serve on 127.0.0.1:(\d+)").group(1))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=LIMIT) as answer:
            assert json.load(answer)["versions"] == ["v1"]
    path = tmp_path / "proxy.sock"
    with kubectl.following("proxy", f"--unix-socket={path}") as screen:
        screen.wait_for(r"Starting to serve on ")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(LIMIT)
            connection.connect(str(path))
            connection.sendall(b"GET /api HTTP/1.0\r\nHost: localhost\r\n\r\n")
            said = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b'"v1"' in said


def test_drain_moves_away_what_is_replaced(kubectl, web, cluster):
    try:
        tried = kubectl("drain", cluster.name, "--pod-selector=app=web", "--dry-run=server")
        assert len(re.findall(r"^evicting pod default/web-\S+ \(server dry run\)$", tried, re.MULTILINE)) == 2
        said = kubectl("drain", cluster.name, "--pod-selector=app=web", "--timeout=30s")
        assert len(re.findall(r"^pod/web-\S+ evicted$", said, re.MULTILINE)) == 2
        assert {item["status"]["phase"] for item in pods(kubectl)} <= {"Pending"}
    finally:
        kubectl("uncordon", cluster.name)
    kubectl("wait", web, "--for=jsonpath={.status.readyReplicas}=2", "--timeout=30s")


def test_deleting_takes_what_belongs_along_or_leaves_it(kubectl, web):
    kubectl("delete", "deployment", "web", "--cascade=orphan", "--wait")
    assert "web-" in kubectl("get", "rs", "-l", "app=web", "-o", "name")
    kubectl("delete", "rs", "-l", "app=web", "--cascade=foreground", "--wait")
    assert kubectl("get", "pods", "-l", "app=web", "-o", "name") == ""
