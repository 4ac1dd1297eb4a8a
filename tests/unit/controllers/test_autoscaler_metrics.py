"""What a HorizontalPodAutoscaler asks the metrics APIs, what it makes of their answers, and what it says when there is none."""

from __future__ import annotations

import json

import msgspec
import pytest

from podling.api import kinds, times
from podling.api.selectors import parse_labels
from podling.api.types import autoscaling_v1, autoscaling_v2, core_v1
from podling.client import Client
from podling.controllers.horizontalpodautoscaler.arithmetic import Tolerances
from podling.controllers.horizontalpodautoscaler.grouping import Patience
from podling.controllers.horizontalpodautoscaler.measuring import Measuring
from podling.controllers.horizontalpodautoscaler.proposals import NoProposal, Proposals, Question
from podling.controllers.horizontalpodautoscaler.scaling import Scaling, Target
from podling.testing.scripted import ScriptedTransport

NOW = 1_700_000_000.0
CUSTOM = "/apis/custom.metrics.k8s.io"
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"


def ready(name):
    long_ago = times.rfc3339(NOW - 3600)
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": long_ago}
    container = {"name": "main", "resources": {"requests": {"cpu": "100m"}}}
    status = {"phase": "Running", "startTime": long_ago, "conditions": [condition]}
    body = {"metadata": {"name": name}, "spec": {"containers": [container]}, "status": status}
    return msgspec.convert(body, core_v1.Pod)


def question(*pods, replicas=2):
    scale = autoscaling_v1.Scale(
        spec=autoscaling_v1.ScaleSpec(replicas=replicas),
        status=autoscaling_v1.ScaleStatus(replicas=replicas, selector="app=web"),
    )
    return Question(
        namespace="default",
        target=Target(kinds.DEPLOYMENT, scale),
        selector=parse_labels("app=web"),
        pods=[ready(name) for name in pods],
        tolerances=Tolerances(0.1, 0.1),
        patience=Patience(initialization=300, readiness=30),
        now=NOW,
    )


class Asked:
    """Proposals over a server whose answers the test writes."""

    def __init__(self, *answers):
        """Each of a status and a body, in the order in which they are given."""
        self.transport = ScriptedTransport()
        for status, body in answers:
            self.transport.answer(json.dumps(body).encode(), status=status)
        client = Client(self.transport)
        self.proposals = Proposals(Measuring(client), Scaling(client))

    async def propose(self, spec, asked):
        return await self.proposals.of(msgspec.convert(spec, autoscaling_v2.MetricSpec), asked)

    @property
    def last(self):
        """Path and query of the last request."""
        request = self.transport.requests[-1]
        return request.path, dict(request.query)


VERSIONS = {"versions": [{"version": "v1beta1"}, {"version": "v1beta2"}]}
GONE = {
    "kind": "Status",
    "status": "Failure",
    "code": 404,
    "reason": "NotFound",
    "message": "the server could not find the requested resource",
}


def values(*items):
    return {"kind": "MetricValueList", "items": list(items)}


def of(pod, value):
    return {"describedObject": {"kind": "Pod", "name": pod}, "value": value, "timestamp": times.rfc3339(NOW)}


def metric(type, **source):
    return {"type": type, type[0].lower() + type[1:]: source}


async def test_a_metric_of_each_pod():
    asked = Asked((200, VERSIONS), (200, values(of("a", "1500m"), of("b", "2500m"))))
    selector = {"matchLabels": {"verb": "GET"}}
    spec = metric(
        "Pods",
        metric={"name": "qps", "selector": selector},
        target={"type": "AverageValue", "averageValue": "1"},
    )
    found = await asked.propose(spec, question("a", "b"))
    assert (found.replicas, found.metric) == (4, "pods metric qps")
    assert found.status.pods.current.average_value == "2"
    path, query = asked.last
    assert path == f"{CUSTOM}/v1beta2/namespaces/default/pods/*/qps"
    assert query == {"labelSelector": "app=web", "metricLabelSelector": "verb=GET"}


@pytest.mark.parametrize(
    ("target", "replicas", "current"),
    [
        ({"type": "Value", "value": "10"}, 6, {"value": "30"}),
        ({"type": "AverageValue", "averageValue": "5"}, 6, {"averageValue": "15"}),
    ],
)
async def test_a_metric_of_another_object(target, replicas, current):
    asked = Asked((200, VERSIONS), (200, values({"value": "30"})))
    described = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "main"}
    spec = metric("Object", metric={"name": "hits"}, describedObject=described, target=target)
    found = await asked.propose(spec, question("a", "b"))
    assert found.replicas == replicas
    assert msgspec.to_builtins(found.status.object.current) == current
    assert asked.last == (f"{CUSTOM}/v1beta2/namespaces/default/ingresses.networking.k8s.io/main/hits", {})


async def test_a_metric_of_the_namespace_itself():
    asked = Asked((200, {"versions": [{"version": "v1beta1"}]}), (200, values({"value": "1"})))
    described = {"apiVersion": "v1", "kind": "Namespace", "name": "default"}
    spec = metric(
        "Object",
        metric={"name": "queues"},
        describedObject=described,
        target={"type": "Value", "value": "1"},
    )
    assert (await asked.propose(spec, question("a", "b"))).replicas == 2
    assert asked.last[0] == f"{CUSTOM}/v1beta1/namespaces/default/metrics/queues"


@pytest.mark.parametrize(
    ("target", "replicas", "current"),
    [
        ({"type": "Value", "value": "10"}, 8, {"value": "40"}),
        ({"type": "AverageValue", "averageValue": "4"}, 10, {"averageValue": "20"}),
    ],
)
async def test_a_metric_from_outside_is_the_sum_of_its_values(target, replicas, current):
    asked = Asked((200, values({"value": "10"}, {"value": "30"})))
    spec = metric(
        "External", metric={"name": "queue", "selector": {"matchLabels": {"q": "x"}}}, target=target
    )
    found = await asked.propose(spec, question("a", "b"))
    assert found.replicas == replicas
    assert msgspec.to_builtins(found.status.external.current) == current
    assert asked.last == (f"{EXTERNAL}/namespaces/default/queue", {"labelSelector": "q=x"})


async def test_from_zero_replicas_a_metric_from_outside_says_how_many():
    asked = Asked((200, values({"value": "25"})))
    spec = metric("External", metric={"name": "queue"}, target={"type": "Value", "value": "10"})
    assert (await asked.propose(spec, question(replicas=0))).replicas == 3


PODS = metric("Pods", metric={"name": "qps"}, target={"type": "AverageValue", "averageValue": "1"})
QUEUE = metric("External", metric={"name": "queue"}, target={"type": "Value", "value": "10"})
CPU = metric("Resource", name="cpu", target={"type": "Utilization", "averageUtilization": 50})


@pytest.mark.parametrize(
    ("spec", "answers", "reason", "told"),
    [
        (
            PODS,
            [(200, VERSIONS), (200, values())],
            "FailedGetPodsMetric",
            "unable to get metric qps: no metrics returned from custom metrics API",
        ),
        (
            QUEUE,
            [(200, values())],
            "FailedGetExternalMetric",
            "failed to get external metric queue: unable to get external metric default/queue/nil: no metrics returned "
            "from external metrics API",
        ),
        (
            CPU,
            [(200, {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": []})],
            "FailedGetResourceMetric",
            "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource "
            "metrics API",
        ),
        (
            CPU,
            [(404, GONE)],
            "FailedGetResourceMetric",
            "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from "
            "resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)",
        ),
    ],
    ids=["no custom values", "no external values", "no usage", "no metrics server"],
)
async def test_an_answer_without_values_is_told_in_upstreams_words(spec, answers, reason, told):
    asked = Asked(*answers)
    with pytest.raises(NoProposal) as refused:
        await asked.propose(spec, question("a", "b"))
    assert (refused.value.reason, refused.value.told) == (reason, told)


async def test_an_answer_that_makes_no_sense_is_told():
    asked = Asked((200, VERSIONS), (200, {"items": "many"}))
    with pytest.raises(NoProposal, match="cannot read /apis/custom"):
        await asked.propose(PODS, question("a"))
