"""``metrics.k8s.io`` with nodes that say what they use: who is shown, what is shown, and how often nodes are asked."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from podling.aio.clock import LoopClock
from podling.api import durations
from podling.api.errors import ServiceUnavailable
from podling.apiserver.usage import collector
from podling.store.memory import MemoryStore

NODES = "/apis/metrics.k8s.io/v1beta1/nodes"
PODS = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods"
STARTED = 1_600_000_000.0
MIB = 1 << 20


class Kubelets:
    """Nodes whose containers use half a core each; ``broken`` ones refuse, ``frozen`` ones never answer."""

    def __init__(self, clock):
        self.clock, self.pods, self.broken, self.frozen, self.asked = clock, {}, set(), set(), []

    async def connect(self, node_name):
        raise AssertionError(f"nobody should connect to {node_name}")

    async def read(self, node_name, path):
        self.asked.append((node_name, path))
        if node_name in self.broken:
            raise ServiceUnavailable("it is gone")
        if node_name in self.frozen:
            await asyncio.Event().wait()
        at = round(self.clock.now() * 1000)
        now = at / 1000
        lines = [f"node_cpu_usage_seconds_total {now} {at}", f"node_memory_working_set_bytes {64 * MIB} {at}"]
        for pod, containers in self.pods.get(node_name, {}).items():
            for name in containers:
                labels = f'{{container="{name}",namespace="default",pod="{pod}"}}'
                lines += [
                    f"container_cpu_usage_seconds_total{labels} {(now - STARTED) / 2} {at}",
                    f"container_memory_working_set_bytes{labels} {8 * MIB} {at}",
                    f"container_start_time_seconds{labels} {STARTED}",
                ]
        return "\n".join(lines)


async def with_kubelets(api):
    """Two nodes, on the first of which a Pod with two containers runs, and one that waits."""
    clock = LoopClock(STARTED + 1e8)
    kubelets = Kubelets(clock)
    api.server._services.usage = collector.Collector(kubelets, clock)
    for name in ("n1", "n2"):
        await api.make(
            "/api/v1/nodes",
            {
                "metadata": {"name": name, "labels": {"of": name}},
                "status": {"allocatable": {"cpu": "2", "memory": "128Mi"}},
            },
        )
    for name, phase in (("web", "Running"), ("idle", "Pending")):
        spec = {"nodeName": "n1", "containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]}
        body = {"metadata": {"name": name, "labels": {"app": name}}, "spec": spec}
        await api.make("/api/v1/namespaces/default/pods", body)
        await api.patch(f"/api/v1/namespaces/default/pods/{name}/status", {"status": {"phase": phase}})
    kubelets.pods = {"n1": {"web": ("a", "b"), "idle": ("a",)}}
    return kubelets


@pytest.fixture
async def measured(serve, monkeypatch):
    monkeypatch.setattr(collector, "LEAST_SECONDS", 0.02)
    store = MemoryStore()
    await store.start()
    async with serve(store) as api:
        await api.make("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
        api.kubelets = await with_kubelets(api)
        yield api
    await store.close()


async def test_nodes_are_told_with_rate_and_window(measured):
    answer = (await measured.get(NODES)).json
    assert (answer["kind"], answer["metadata"]) == ("NodeMetricsList", {})
    first, second = answer["items"]
    assert (first["metadata"]["name"], second["metadata"]["name"]) == ("n1", "n2")
    assert first["metadata"]["labels"] == {"of": "n1"}
    assert 0.9e9 < nanocores(first["usage"]["cpu"]) < 1.1e9
    assert first["usage"]["memory"] == "64Mi"
    assert durations.parse(first["window"]) >= 20_000_000


def nanocores(text):
    return (
        int(text[:-1])
        if text.endswith("n")
        else float(text) * 1e9
        if text.isdigit()
        else int(text[:-1]) * 1e6
    )


async def test_pods_that_run_are_told_by_container(measured):
    (pod,) = (await measured.get(PODS)).json["items"]
    assert pod["metadata"]["name"] == "web"
    assert pod["metadata"]["labels"] == {"app": "web"}
    assert [one["name"] for one in pod["containers"]] == ["a", "b"]
    assert pod["containers"][0]["usage"]["memory"] == "8Mi"
    assert 0.45e9 < nanocores(pod["containers"][0]["usage"]["cpu"]) < 0.55e9
    assert (await measured.get(f"{PODS}/web")).json["kind"] == "PodMetrics"


@pytest.mark.parametrize(
    ("selector", "names"), [("app=web", ["web"]), ("app=idle", []), ("app in (web, x)", ["web"])]
)
async def test_pods_are_selected_by_their_labels(measured, selector, names):
    found = (await measured.get(PODS, labelSelector=selector)).json["items"]
    assert [pod["metadata"]["name"] for pod in found] == names


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"{NODES}/none", 'nodes "none" not found'),
        (f"{PODS}/none", 'pods "none" not found'),
        (f"{PODS}/idle", 'pods.metrics.k8s.io "default/idle" not found'),
    ],
)
async def test_what_is_not_measured_is_not_found(measured, path, words):
    answer = await measured.get(path)
    assert (answer.status, answer.message) == (404, words)


async def test_a_node_that_does_not_answer_is_left_out(measured):
    measured.kubelets.broken = {"n1"}
    assert [node["metadata"]["name"] for node in (await measured.get(NODES)).json["items"]] == ["n2"]
    assert (await measured.get(PODS)).json["items"] == []
    assert (await measured.get(f"{NODES}/n1")).message == 'nodes.metrics.k8s.io "n1" not found'


async def test_a_node_that_is_frozen_holds_up_no_other_for_long(measured, monkeypatch):
    monkeypatch.setattr(collector, "ANSWER_SECONDS", 0.05)
    measured.kubelets.frozen = {"n1"}
    assert [node["metadata"]["name"] for node in (await measured.get(NODES)).json["items"]] == ["n2"]
    measured.kubelets.frozen = set()
    assert len((await measured.get(NODES)).json["items"]) == 2


async def test_nodes_are_asked_only_when_somebody_asks_and_once_for_all_who_do(measured):
    assert measured.kubelets.asked == []
    await asyncio.gather(*(measured.get(PODS) for _ in range(20)))
    assert measured.kubelets.asked == [("n1", "/metrics/resource")] * 2


async def test_nothing_can_be_written(measured):
    assert (await measured.post(NODES, {"metadata": {"name": "x"}})).status == 405
    assert (await measured.delete(f"{PODS}/web")).status == 405
    assert (await measured.send("GET", PODS, watch="1")).status == 405


async def test_the_group_is_announced_as_an_aggregated_one(measured):
    listed = (await measured.get("/apis/metrics.k8s.io/v1beta1")).json["resources"]
    assert [(one["name"], one["singularName"], one["kind"], one["verbs"]) for one in listed] == [
        ("nodes", "", "NodeMetrics", ["get", "list"]),
        ("pods", "", "PodMetrics", ["get", "list"]),
    ]
    service = (await measured.get("/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io")).json
    (condition,) = service["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Available", "True", "Local")


async def test_viewers_may_read_pods_of_their_namespace(measured):
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    role = (await measured.get(f"{roles}/system:aggregated-metrics-reader")).json
    assert role["rules"] == [
        {"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]}
    ]
    assert role["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"


@pytest.mark.kubectl
async def test_kubectl_top(secured, kubectl, client_of):
    await with_kubelets(client_of(secured.server))
    nodes = await kubectl("top", "nodes")
    assert re.search(r"^n1 +\d+m +\d+% +64Mi +50%", nodes, re.MULTILINE)
    pods = await kubectl("top", "pods")
    assert re.search(r"^web +\d+m +16Mi", pods, re.MULTILINE)
    containers = await kubectl("top", "pods", "--containers", "--sort-by=cpu")
    assert re.findall(r"^web +(\w) ", containers, re.MULTILINE) in (["a", "b"], ["b", "a"])
    table = await kubectl("get", "pods.metrics.k8s.io")
    assert re.search(r"^NAME +CPU +MEMORY +WINDOW$", table, re.MULTILINE)
    found = json.loads(await kubectl("get", "--raw", f"{PODS}/web"))
    assert found["kind"] == "PodMetrics"
