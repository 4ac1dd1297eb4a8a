"""kubectl on the node itself: a debugger beside its processes, and Pods that come from its files."""

from __future__ import annotations

import platform
import re

import pytest

pytestmark = [pytest.mark.kubectl, pytest.mark.linux]
STATIC = """
apiVersion: v1
kind: Pod
metadata: {name: static}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: main, image: busybox, command: [sh, -c, "echo from a file; trap exit TERM; while :; do sleep 0.1; done"]}
"""


def test_debugger_sees_the_nodes_files_processes_and_network(kubectl, cluster):
    look = "ls -d /host/etc; hostname; ps | wc -l"
    said = kubectl(
        *("debug", f"node/{cluster.name}", "--image=busybox", "--attach=false", "--", "sh", "-c", look)
    )
    name = re.search(r"Creating debugging pod (\S+) with container debugger on node", said).group(1)
    try:
        kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        folder, host, processes = kubectl("logs", name).split()
        assert (folder, host) == ("/host/etc", platform.node())
        assert int(processes) > 5, "not its own alone"
    finally:
        kubectl("delete", "pod", name, "--now")


def test_static_pod_is_seen_but_not_ruled_by_the_api(kubectl, cluster):
    name, file = f"static-{cluster.name}", cluster.manifests / "static.yaml"
    file.write_text(STATIC)
    try:
        kubectl("wait", f"pod/{name}", "--for=create", "--timeout=60s")
        kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
        assert kubectl("logs", name) == "from a file\n"
        assert kubectl("exec", name, "--", "echo", "inside") == "inside\n"
        described = kubectl("describe", "pod", name)
        assert f"Controlled By:  Node/{cluster.name}" in described
        assert re.search(r"Normal +Started", described), "Events are those of the static Pod"
        container = kubectl("get", "pod", name, "-o", "jsonpath={.status.containerStatuses[0].containerID}")
        uid = kubectl("get", "pod", name, "-o", "jsonpath={.metadata.uid}")
        kubectl("delete", "pod", name, "--wait=false")
        other = f"--for=jsonpath={{.status.containerStatuses[0].containerID}}={container}"
        kubectl("wait", f"pod/{name}", "--for=create", "--timeout=60s")
        kubectl("wait", f"pod/{name}", other, "--timeout=60s")
        assert kubectl("get", "pod", name, "-o", "jsonpath={.metadata.uid}") != uid
    finally:
        file.unlink()
    kubectl("wait", f"pod/{name}", "--for=delete", "--timeout=60s")
