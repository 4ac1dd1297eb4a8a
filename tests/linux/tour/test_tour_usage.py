"""What really runs is measured: `kubectl top`, the kubelet's own endpoints, and an autoscaler that answers to load."""

from __future__ import annotations

import json
import re
import ssl
import urllib.error
import urllib.request

import pytest
from tour_world import LIMIT, Kubectl, installed

pytestmark = [pytest.mark.kubectl, pytest.mark.linux]
BUSY = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: busy}
spec:
  selector: {matchLabels: {app: busy}}
  template:
    metadata: {labels: {app: busy}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: spin
        image: busybox
        command: [sh, -c, "while :; do :; done"]
        resources: {requests: {cpu: 1m}, limits: {cpu: 40m}}
      - name: rest
        image: busybox
        command: [sleep, "1000000"]
        resources: {requests: {cpu: 1m}}
"""


@pytest.fixture(scope="module")
def busy(cluster):
    programs = installed()
    if not programs:
        pytest.skip("no kubectl on this machine: what is measured was NOT shown through it")
    kubectl = Kubectl(list(programs.values())[-1], cluster)
    kubectl("apply", "-f", "-", input=BUSY)
    kubectl("rollout", "status", "deployment/busy", "--timeout=60s")
    yield "busy"
    kubectl("delete", "hpa,deployment", "busy", "--ignore-not-found", "--cascade=foreground", "--wait")


def node(kubectl):
    (found,) = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    return found["metadata"]["name"]


def test_top_works_as_soon_as_a_pod_is_ready(kubectl, busy):
    pods = kubectl("top", "pods", "-l", "app=busy")
    (cores, memory) = re.search(r"^busy-\S+ +(\d+)m +(\d+)Mi", pods, re.MULTILINE).groups()
    assert 1 <= int(cores) <= 100
    assert int(memory) < 64
    containers = kubectl("top", "pods", "-l", "app=busy", "--containers", "--sort-by=cpu")
    assert re.findall(r"^busy-\S+ +(\w+) ", containers, re.MULTILINE) == ["spin", "rest"]
    assert re.search(rf"^{node(kubectl)} +\d+m +\d+% +\d+Mi +\d+%", kubectl("top", "nodes"), re.MULTILINE)


def test_the_nodes_endpoints_tell_of_it(kubectl, busy):
    proxy = f"/api/v1/nodes/{node(kubectl)}/proxy"
    summary = json.loads(kubectl("get", "--raw", f"{proxy}/stats/summary"))
    assert summary["node"]["fs"]["capacityBytes"] > 0
    (pod,) = [one for one in summary["pods"] if one["podRef"]["name"].startswith("busy-")]
    spin = next(one for one in pod["containers"] if one["name"] == "spin")
    assert spin["cpu"]["usageCoreNanoSeconds"] > 0
    assert spin["memory"]["workingSetBytes"] > 0
    assert pod["network"]["name"] == "eth0"
    cadvisor = kubectl("get", "--raw", f"{proxy}/metrics/cadvisor")
    assert re.search(
        r'^container_cpu_usage_seconds_total\{container="spin",.*pod="busy-', cadvisor, re.MULTILINE
    )
    assert re.search(
        r'^container_network_receive_bytes_total\{.*interface="eth0".*\} \d', cadvisor, re.MULTILINE
    )
    assert "kubelet_running_pods " in kubectl("get", "--raw", f"{proxy}/metrics")
    assert "resource_scrape_error 0" in kubectl("get", "--raw", f"{proxy}/metrics/resource")


def test_an_autoscaler_answers_to_load(kubectl, busy):
    kubectl("autoscale", "deployment", busy, "--cpu-percent=50", "--min=1", "--max=2")
    kubectl("wait", "deployment", busy, "--for=jsonpath={.spec.replicas}=2", "--timeout=60s")
    kubectl("wait", "hpa", busy, "--for=jsonpath={.status.desiredReplicas}=2", "--timeout=60s")
    told = kubectl("describe", "hpa", busy)
    assert re.search(r"resource cpu on pods +\(as a percentage of request\): +\d+% \(\d+m\) / 50%", told)
    assert "ScalingActive   True    ValidMetricFound" in told
    assert "New size: 2; reason: cpu resource utilization (percentage of request) above target" in told
    assert re.search(
        rf"^{busy} +Deployment/{busy} +cpu: \d+%/50% +1 +2 ", kubectl("get", "hpa"), re.MULTILINE
    )


@pytest.fixture
def monitor(kubectl):
    """The token of an account that may read nodes' metrics."""
    kubectl("create", "serviceaccount", "monitor")
    kubectl("create", "clusterrole", "monitor", "--verb=get", "--resource=nodes/metrics")
    kubectl(
        "create", "clusterrolebinding", "monitor", "--clusterrole=monitor", "--serviceaccount=default:monitor"
    )
    yield kubectl("create", "token", "monitor").strip()
    for kind in ("clusterrolebinding", "clusterrole", "serviceaccount"):
        kubectl("delete", kind, "monitor")


def test_a_monitor_asks_the_node_itself_with_its_own_token(kubectl, busy, monitor):
    (found,) = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    status = found["status"]
    address = next(one["address"] for one in status["addresses"] if one["type"] == "InternalIP")
    base = f"https://{address}:{status['daemonEndpoints']['kubeletEndpoint']['Port']}"

    def asked(path, token):
        request = urllib.request.Request(base + path, headers={"Authorization": f"Bearer {token}"})
        unverified = ssl._create_unverified_context()
        try:
            with urllib.request.urlopen(request, context=unverified, timeout=LIMIT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    code, said = asked("/metrics/cadvisor", monitor)
    assert (code, 'pod="busy-' in said) == (200, True)
    assert asked("/metrics", "nonsense") == (401, "Unauthorized")
    code, said = asked("/pods", monitor)
    assert code == 403
    assert "user=system:serviceaccount:default:monitor, verb=get, resource=nodes" in said
