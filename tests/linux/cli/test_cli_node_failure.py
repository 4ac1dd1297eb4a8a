"""A node fails for real, by power or by frost: its work comes back elsewhere by each kind's rules, and ends there when it returns."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from cli_world import LIMIT

QUICK = (
    *("--node-monitor-grace-period", "6s"),
    *("--default-not-ready-toleration-seconds", "1"),
    *("--default-unreachable-toleration-seconds", "1"),
)
WORKLOAD = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}}}
spec:
  {scale}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox
        command: [sleep, "36000"]
        resources: {{requests: {{cpu: 100m}}}}
"""
# One after the other, so that each is spread evenly: the scheduler prefers nodes of which less is asked.
WORK = [
    WORKLOAD.format(kind=kind, name=name, scale=scale)
    for kind, name, scale in (
        ("StatefulSet", "db", "podManagementPolicy: Parallel\n  replicas: 3"),
        ("Deployment", "web", "replicas: 6"),
        ("DaemonSet", "every", "minReadySeconds: 0"),
    )
]


@pytest.mark.parametrize(("fail", "mend"), [("stop", "start"), ("pause", "unpause")])
def test_what_ran_on_a_lost_node_comes_back_as_its_kind_has_it(cli, fail, mend):
    lost = f"{cli.name}-2"
    cli.up_with_nodes(3, *QUICK)
    for each in WORK:
        name = cli.kubectl("apply", "-f", "-", "-o", "name", input=each).strip()
        cli.kubectl("rollout", "status", name, f"--timeout={LIMIT}s")
    before = pods(cli)
    caught = {name: pod for name, pod in before.items() if pod["spec"]["nodeName"] == lost}
    assert {pod["metadata"]["labels"]["app"] for pod in caught.values()} == {"web", "db", "every"}
    victim = next(iter(caught))

    cli.node(fail, lost)
    for ask in (["exec", victim, "--", "true"], ["logs", victim]):
        assert "Internal error occurred: " in refusal(cli, *ask)
    wait_until(lambda: cli.status()["nodes"][lost] == "NotReady")
    others = {name: state for name, state in cli.status()["nodes"].items() if name != lost}
    assert set(others.values()) == {"Ready"}
    wait_until(lambda: len([pod for pod in ready(cli, "web") if pod["spec"]["nodeName"] != lost]) == 6)
    meanwhile = pods(cli)
    for name, pod in caught.items():
        app, left = pod["metadata"]["labels"]["app"], meanwhile[name]
        assert uid(left) == uid(pod), f"{name} was replaced though its node never said that it ended"
        assert ("deletionTimestamp" in left["metadata"]) == (app != "every"), name
    if fail == "pause":
        assert running_on(cli, lost) == {uid(pod) for pod in caught.values()}

    cli.node(mend, lost)
    wait_until(lambda: cli.status()["nodes"][lost] == "Ready")
    wait_until(lambda: len(ready(cli, "db")) == 3 and len(ready(cli, "every")) == 3)
    wait_until(lambda: not any("deletionTimestamp" in pod["metadata"] for pod in pods(cli).values()))
    after = pods(cli)
    for name, pod in caught.items():
        app = pod["metadata"]["labels"]["app"]
        if app == "every":
            assert uid(after[name]) == uid(pod)
        elif app == "db":
            assert uid(after[name]) != uid(pod)
        else:
            assert name not in after
    assert len(ready(cli, "web")) == 6
    now_there = {uid(pod) for pod in after.values() if pod["spec"]["nodeName"] == lost}
    wait_until(lambda: running_on(cli, lost) == now_there)


def pods(cli):
    listed = json.loads(cli.kubectl("get", "pods", "-o", "json"))["items"]
    return {pod["metadata"]["name"]: pod for pod in listed}


def ready(cli, app):
    """The Pods of an app that are Ready and not on their way out."""
    return [
        pod
        for pod in pods(cli).values()
        if pod["metadata"]["labels"]["app"] == app
        and "deletionTimestamp" not in pod["metadata"]
        and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])
    ]


def refusal(cli, *ask):
    """What kubectl says of a node that does not answer: in words, and well before the user loses patience."""
    done = cli.raw("kubectl", "--kubeconfig", str(cli.layout.kubeconfig), *ask)
    assert done.code == 1, done.out
    return done.err


def uid(pod):
    return pod["metadata"]["uid"]


def running_on(cli, node):
    """UIDs of the Pods that have processes on a node, as the kernel has it: each in a group called after its Pod."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            groups = Path(f"/proc/{pid}/cgroup").read_text()
            words = Path(f"/proc/{pid}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"/podling/{cli.layout.identity}/{node}/" in groups and words.startswith("sleep\0"):
            found.add(uid_in(groups))
    return found


def uid_in(groups):
    """The UID of the Pod that a process' groups are called after."""
    parts = [part for line in groups.splitlines() for part in line.split("/")]
    (name,) = {part for part in parts if part.startswith("pod")} - {"podling", "pods"}
    return name.removeprefix("pod").replace("_", "-")


def wait_until(holds):
    deadline = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)
