"""``podling up --runtime cri``: Pods on containerd, as a user sees them through kubectl, and what becomes of them."""

import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "cli"))

from cli_world import Cli
from cri_world import LIMIT, MISSING, Containerd, shims

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 5
  initContainers:
  - {name: first, image: busybox, command: [sh, -c, "echo from init >/data/page"], volumeMounts: [{name: data, mountPath: /data}]}
  containers:
  - name: main
    image: busybox
    imagePullPolicy: IfNotPresent
    command: [sh, -c, "trap 'exit 0' TERM; echo started; httpd -f -p 8080 -h /data & wait"]
    resources: {limits: {memory: 64Mi, cpu: 200m}}
    readinessProbe: {exec: {command: [wget, -q, -O, "-", "http://127.0.0.1:8080/page"]}, periodSeconds: 1}
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, emptyDir: {}}]
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: other}
handler: other
overhead: {podFixed: {cpu: 10m}}
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: nowhere}
handler: nothing
"""

CHOOSY = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  runtimeClassName: NAME
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: busybox, imagePullPolicy: IfNotPresent, command: [sleep, "3600"]}]
"""


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A cluster on a containerd of its own, whose Pods' network is the cluster's."""
    if os.geteuid() != 0 or MISSING:
        pytest.skip("containerd is not installed, or this is not root: tools/setup.sh dev installs it")
    folder = tmp_path_factory.mktemp("cri")
    (folder / "home").mkdir()
    cli = Cli(f"c-{secrets.token_hex(4)}", folder)
    state = cli.layout.node(cli.name) / "cri"
    containerd = Containerd(folder / "cd", cni=state / "cni")
    try:
        containerd.start()
        cli.said = cli.up("--runtime", "cri", "--runtime-endpoint", containerd.endpoint).out
        cli.containerd = containerd
        cli.kubectl("apply", "-f", "-", input=POD)
        for name in ("other", "nowhere"):
            cli.kubectl("apply", "-f", "-", input=CHOOSY.replace("NAME", name))
        cli.wait_ready("web")
        yield cli
        deleted = cli.raw(*cli.command("delete"))
        assert deleted.code == 0, deleted.err
        cli.check_nothing_left()
        assert shims(containerd.folder) == []
    finally:
        containerd.remove()


def test_the_node_says_which_runtime_it_is(there):
    output = "jsonpath={.items[0].status.nodeInfo.containerRuntimeVersion}"
    assert there.kubectl("get", "nodes", "-o", output).startswith("containerd://1.")
    assert there.status()["runtime"] == "cri"
    assert "'podling image' does not reach them" in there.said


def test_a_pod_runs_with_logs_commands_and_an_address_of_the_cluster(there):
    pod = there.pod("web")
    assert pod["status"]["podIP"] in there.kubectl("get", "pod", "web", "-o", "wide")
    assert pod["status"]["podIP"].startswith("10.")
    assert there.kubectl("logs", "web") == "started\n"
    assert there.kubectl("exec", "web", "--", "cat", "/data/page") == "from init\n"
    done = there.raw("kubectl", "exec", "web", "--", "sh", "-c", "exit 7")
    assert "exit code 7" in done.err
    echoed = there.kubectl("exec", "-i", "web", "--", "cat", input="through containerd")
    assert echoed == "through containerd"


def test_pods_are_reached_by_their_address_from_the_node(there):
    address = there.pod("web")["status"]["podIP"]
    done = there.raw("busybox", "wget", "-q", "-O", "-", f"http://{address}:8080/page")
    assert done.out == "from init\n", done.err


def test_a_port_is_forwarded(there):
    words = ["kubectl", "port-forward", "pod/web", ":8080"]
    with subprocess.Popen(words, env=there.environment, stdout=subprocess.PIPE, text=True) as forwarding:
        try:
            port = re.search(r"127\.0\.0\.1:(\d+)", forwarding.stdout.readline()).group(1)
            done = there.raw("busybox", "wget", "-q", "-O", "-", f"http://127.0.0.1:{port}/page")
        finally:
            forwarding.terminate()
    assert done.out == "from init\n", done.err


def test_a_debugger_sees_the_processes_of_its_target(there):
    there.kubectl(
        "debug", "web", "--image=busybox", "--image-pull-policy=IfNotPresent", "--target=main", "-c", "look",
        "--", "ps", "-o", "args",
    )  # fmt: skip
    code = "jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}"
    there.kubectl("wait", "pod/web", f"--for={code}=0", "--timeout=60s")
    assert "httpd -f -p 8080 -h /data" in there.kubectl("logs", "web", "-c", "look")


def test_limits_are_the_kernels(there):
    shown = there.kubectl("exec", "web", "--", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes")
    assert int(shown) == 64 << 20


def test_a_runtime_class_chooses_the_handler(there):
    there.wait_ready("other")
    assert there.pod("other")["spec"]["overhead"] == {"cpu": "10m"}
    listed = there.raw(
        "ctr", "--address", str(there.containerd.folder / "sock"), "-n", "k8s.io", "containers", "ls"
    )
    assert listed.out.count("io.containerd.runc.v2") >= 4


def test_a_handler_that_the_runtime_does_not_have_is_told_in_upstreams_words(there):
    message = there.kubectl(
        "get", "events", "--field-selector", "involvedObject.name=nowhere,reason=FailedCreatePodSandBox",
        "-o", "jsonpath={.items[*].message}",
    )  # fmt: skip
    assert message == (
        'Failed to create pod sandbox: failed to get sandbox runtime: no runtime for "nothing" is configured'
    )


def test_pods_outlive_the_cluster_and_containerd(there):
    """In the order in which a machine's upgrades go: the cluster's process is killed, containerd is restarted."""
    before = there.pod("web")["status"]["containerStatuses"][0]["containerID"]
    there.kill()
    there.containerd.stop()
    there.containerd.start()
    there("up")
    there.wait_ready("web")
    after = there.pod("web")["status"]["containerStatuses"][0]
    assert (after["containerID"], after["restartCount"]) == (before, 0)
    assert there.kubectl("exec", "web", "--", "cat", "/data/page") == "from init\n"


def test_an_exit_is_seen_at_once_and_the_container_restarted(there):
    there.raw("kubectl", "exec", "web", "--", "kill", "-TERM", "1")  # which may end with the container
    pod = there.wait_ready("web", restarts=1)
    last = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (0, "Completed")


def test_a_deleted_pod_leaves_nothing_at_the_runtime(there):
    there.kubectl("delete", "pod", "web", "other", "nowhere", "--wait=true", "--timeout=60s")
    ctr = ("ctr", "--address", str(there.containerd.folder / "sock"), "-n", "k8s.io")
    latest = time.monotonic() + LIMIT
    while left := there.raw(*ctr, "containers", "ls", "-q").out:  # after its object is gone, in its own time
        assert time.monotonic() < latest, left


def test_doctor_tells_whether_an_endpoint_answers(there):
    asked = there.raw(*there.command("doctor", "--runtime-endpoint", there.containerd.endpoint, "-o", "json"))
    [found] = [one for one in asked.document if one["name"] == "CRI runtime"]
    assert found["ok"]
    assert "containerd 1." in found["detail"]
    asked = there.raw(*there.command("doctor", "--runtime-endpoint", "unix:///nowhere/sock", "-o", "json"))
    [found] = [one for one in asked.document if one["name"] == "CRI runtime"]
    assert (asked.code, found["ok"]) == (6, False)
    assert "cannot connect to /nowhere/sock: No such file or directory" in found["detail"]


def test_a_cluster_whose_pods_cannot_be_reached_is_not_deleted_over_their_heads(there):
    there.kubectl("run", "left", "--image=busybox", "--image-pull-policy=IfNotPresent", "--", "sleep", "3600")
    there.wait_ready("left")
    there.kill()
    there.containerd.stop()
    refused = there.raw(*there.command("delete"))
    assert refused.code == 7
    assert f"cannot delete cluster '{there.name}'" in refused.err
    assert "No such file or directory; its Pods may be there still" in refused.err
    assert shims(there.containerd.folder) != []
    there.containerd.start()
