"""What the server refuses of HorizontalPodAutoscalers, in upstream's words."""

from __future__ import annotations

import msgspec
import pytest

from podling.api.types import autoscaling_v2
from podling.apiserver.validation import horizontal_pod_autoscaler as rules

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
UTILIZATION = {"type": "Utilization", "averageUtilization": 50}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": UTILIZATION}}
AVERAGE = {"type": "AverageValue", "averageValue": "1"}


def hpa(*metrics, **spec):
    body = {"scaleTargetRef": TARGET, "maxReplicas": 3, "metrics": [*metrics], **spec}
    made = {"metadata": {"name": "web"}, "spec": body}
    return msgspec.convert(made, autoscaling_v2.HorizontalPodAutoscaler)


def resource(name="cpu", **target):
    return {"type": "Resource", "resource": {"name": name, "target": target}}


def described(**more):
    source = {"metric": {"name": "qps"}, "target": {"type": "Value", "value": "1"}, **more}
    return {"type": "Object", "object": {"describedObject": {"kind": "Service", "name": "s"}, **source}}


def up(**more):
    policies = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    return {"behavior": {"scaleUp": {"policies": policies, **more}}}


def faults(found):
    return [str(fault) for fault in found]


@pytest.mark.parametrize(
    "good",
    [
        hpa(),
        hpa(CPU, resource("memory", **AVERAGE), described()),
        hpa(CPU, **up(tolerance="0.05", selectPolicy="Min", stabilizationWindowSeconds=3600)),
        hpa({"type": "Pods", "pods": {"metric": {"name": "qps"}, "target": AVERAGE}}),
        hpa({"type": "External", "external": {"metric": {"name": "q"}, "target": AVERAGE}}),
        hpa(
            {
                "type": "ContainerResource",
                "containerResource": {"name": "cpu", "container": "main", "target": UTILIZATION},
            }
        ),
        hpa(scaleTargetRef={"kind": "ReplicationController", "name": "web", "apiVersion": "v1"}),
    ],
)
def test_autoscalers_that_are_well(good):
    assert faults(rules.create(good)) == []


SUPPORTED = '"ContainerResource", "External", "Object", "Pods", "Resource"'
BAD = [
    (
        hpa(minReplicas=0),
        [
            "minReplicas: Invalid value: 0: must be greater than or equal to 1",
            "metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas",
        ],
    ),
    (hpa(maxReplicas=0), ["maxReplicas: Invalid value: 0: must be greater than 0"]),
    (hpa(minReplicas=5), ["maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"]),
    (
        hpa(scaleTargetRef={"apiVersion": "apps/v1"}),
        ["scaleTargetRef.kind: Required value", "scaleTargetRef.name: Required value"],
    ),
    (
        hpa(scaleTargetRef={"kind": "Deployment", "name": "a/b", "apiVersion": "v1"}),
        [
            "scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'",
            'scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group',
        ],
    ),
    (
        hpa(scaleTargetRef={**TARGET, "apiVersion": "a/b/c"}),
        ['scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'],
    ),
    (
        hpa({"type": "Magic"}),
        [f'metrics[0].type: Unsupported value: "Magic": supported values: {SUPPORTED}'] * 2,
    ),
    (
        hpa({"type": "Pods"}),
        ["metrics[0].pods: Required value: must populate information for the given metric source"],
    ),
    (
        hpa({**CPU, "pods": {"metric": {"name": "q"}, "target": AVERAGE}}),
        ["metrics[0].pods: Forbidden: must populate the given metric source only"],
    ),
    (
        hpa(resource("", type="Utilization")),
        [
            "metrics[0].resource.name: Required value: must specify a resource name",
            "metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a "
            "target utilization",
        ],
    ),
    (
        hpa(resource(type="Utilization", averageUtilization=0, averageValue="-1")),
        [
            'metrics[0].resource.target.averageValue: Invalid value: "-1": must be positive',
            "metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
            "metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target "
            "utilization",
        ],
    ),
    (
        hpa(resource(type="Share", averageUtilization=1)),
        [
            'metrics[0].resource.target.type: Invalid value: "Share": must be either Utilization, Value, or AverageValue'
        ],
    ),
    (
        hpa(
            {
                "type": "ContainerResource",
                "containerResource": {"name": "cpu", "target": UTILIZATION},
            }
        ),
        ["metrics[0].containerResource.container: Required value: must specify a container"],
    ),
    (
        hpa(described(metric={"name": ""}, target={"type": "Value"})),
        [
            "metrics[0].object.metric.name: Required value: must specify a metric name",
            "metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue",
        ],
    ),
    (
        hpa({"type": "External", "external": {"metric": {"name": "q"}, "target": {**AVERAGE, "value": "1"}}}),
        [
            "metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod "
            "target"
        ],
    ),
    (
        hpa({"type": "Pods", "pods": {"metric": {"name": "q"}, "target": {"type": "AverageValue"}}}),
        ["metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue"],
    ),
    (
        hpa(**up(policies=[])),
        ["behavior.scaleUp.policies: Required value: must specify at least one Policy"],
    ),
    (
        hpa(**up(stabilizationWindowSeconds=3601, selectPolicy="Most", tolerance="-1")),
        [
            "behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
            'behavior.scaleUp.selectPolicy: Unsupported value: "Most": supported values: "Disabled", "Max", "Min"',
            'behavior.scaleUp.tolerance: Invalid value: "-1": must be greater than or equal to 0',
        ],
    ),
    (
        hpa(**up(policies=[{"type": "Share", "value": 0, "periodSeconds": 1801}])),
        [
            'behavior.scaleUp.policies[0].type: Unsupported value: "Share": supported values: "Percent", "Pods"',
            "behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
            "behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
        ],
    ),
]


@pytest.mark.parametrize(("bad", "expected"), BAD)
def test_what_is_wrong_is_told_with_its_path(bad, expected):
    assert faults(rules.create(bad)) == [f"spec.{fault}" for fault in expected]


def test_what_was_wrong_before_may_stay():
    old = hpa(scaleTargetRef={**TARGET, "apiVersion": "a/b/c"}, minReplicas=0)
    new = hpa(described(), scaleTargetRef={**TARGET, "apiVersion": "a/b/c"}, minReplicas=0)
    assert faults(rules.update(new, old)) == []
    assert len(faults(rules.update(new, hpa()))) == 2


def test_a_status_counts_no_less_than_nothing():
    status = {"currentReplicas": -1, "desiredReplicas": -2}
    bad = msgspec.convert(
        {"metadata": {}, "spec": {}, "status": status}, autoscaling_v2.HorizontalPodAutoscaler
    )
    assert faults(rules.update_status(bad, bad)) == [
        "status.currentReplicas: Invalid value: -1: must be greater than or equal to 0",
        "status.desiredReplicas: Invalid value: -2: must be greater than or equal to 0",
    ]
