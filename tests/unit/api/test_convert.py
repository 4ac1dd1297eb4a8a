"""Versions of one kind turned into each other and back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podling.api import kinds
from podling.api.convert import convert
from podling.api.types import (
    autoscaling_v1,
    autoscaling_v2,
    core_v1,
    events_v1,
    resource_v1,
    resource_v1beta1,
)

EVENT: dict[str, Any] = {
    "apiVersion": "events.k8s.io/v1",
    "kind": "Event",
    "metadata": {"name": "e"},
    "note": "Started container",
    "regarding": {"kind": "Pod", "name": "web"},
    "reportingController": "kubelet",
    "reportingInstance": "n1",
    "deprecatedCount": 2,
    "deprecatedSource": {"component": "kubelet"},
    "eventTime": "2024-05-01T12:00:00.000000Z",
    "series": {"count": 2, "lastObservedTime": "2024-05-01T12:00:01.000000Z"},
    "type": "Normal",
}


def test_events_change_names_only() -> None:
    stored = convert(EVENT, kinds.EVENT_EVENTS_V1, kinds.EVENT)
    event = msgspec.convert(stored, core_v1.Event)
    assert (event.api_version, event.message, event.count) == ("v1", "Started container", 2)
    assert (event.involved_object.name, event.reporting_component) == ("web", "kubelet")
    assert convert(stored, kinds.EVENT, kinds.EVENT_EVENTS_V1) == EVENT


def test_an_old_event_reads_as_a_new_one() -> None:
    old = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {},
        "involvedObject": {"name": "x"},
        "firstTimestamp": "2024-05-01T12:00:00Z",
    }
    event = msgspec.convert(convert(old, kinds.EVENT, kinds.EVENT_EVENTS_V1), events_v1.Event)
    assert (event.event_time, event.deprecated_first_timestamp) == (None, "2024-05-01T12:00:00Z")


def hpa(**spec: Any) -> dict[str, Any]:
    target = {"kind": "Deployment", "name": "web"}
    return {"metadata": {"name": "h"}, "spec": {"scaleTargetRef": target, "maxReplicas": 3, **spec}}


def to_v2(document: dict[str, Any]) -> dict[str, Any]:
    stored = convert(document, kinds.HORIZONTAL_POD_AUTOSCALER_V1, kinds.HORIZONTAL_POD_AUTOSCALER)
    msgspec.convert(stored, autoscaling_v2.HorizontalPodAutoscaler)
    return stored


def to_v1(document: dict[str, Any]) -> dict[str, Any]:
    shown = convert(document, kinds.HORIZONTAL_POD_AUTOSCALER, kinds.HORIZONTAL_POD_AUTOSCALER_V1)
    msgspec.convert(shown, autoscaling_v1.HorizontalPodAutoscaler)
    return shown


CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
}


def test_a_cpu_percentage_is_a_metric() -> None:
    stored = to_v2(hpa(targetCPUUtilizationPercentage=50))
    assert stored["spec"]["metrics"] == [CPU]
    assert to_v1(stored)["spec"] == hpa(targetCPUUtilizationPercentage=50)["spec"]


def test_without_metrics_eighty_percent_is_meant() -> None:
    assert to_v2(hpa())["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 80


@pytest.mark.parametrize(
    "metric",
    [
        {
            "type": "Resource",
            "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}},
        },
        {
            "type": "Pods",
            "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "10"}},
        },
        {
            "type": "Object",
            "object": {
                "describedObject": {"kind": "Ingress", "name": "i"},
                "metric": {"name": "hits", "selector": {"matchLabels": {"a": "b"}}},
                "target": {"type": "Value", "value": "2k"},
            },
        },
        {
            "type": "External",
            "external": {
                "metric": {"name": "q", "selector": {"matchLabels": {"a": "b"}}},
                "target": {"type": "Value", "value": "3"},
            },
        },
        {
            "type": "ContainerResource",
            "containerResource": {
                "name": "cpu",
                "container": "c",
                "target": {"type": "Utilization", "averageUtilization": 60},
            },
        },
    ],
)
def test_other_metrics_survive_in_an_annotation(metric: dict[str, Any]) -> None:
    document = {
        **hpa(metrics=[CPU, metric], behavior={"scaleDown": {"tolerance": "0.1"}}),
        "kind": "HorizontalPodAutoscaler",
        "apiVersion": "autoscaling/v2",
    }
    shown = to_v1(document)
    assert shown["spec"]["targetCPUUtilizationPercentage"] == 50
    assert set(shown["metadata"]["annotations"]) == {
        "autoscaling.alpha.kubernetes.io/metrics",
        "autoscaling.alpha.kubernetes.io/behavior",
    }
    assert to_v2(shown) == document


def test_status_survives_too() -> None:
    status = {
        "currentReplicas": 1,
        "conditions": [{"type": "AbleToScale", "status": "True"}],
        "currentMetrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "current": {"averageUtilization": 7, "averageValue": "7m"}},
            }
        ],
    }
    document = {**hpa(metrics=[CPU]), "status": status}
    shown = to_v1(document)
    assert shown["status"] == {"currentReplicas": 1, "currentCPUUtilizationPercentage": 7}
    assert to_v2(shown)["status"] == status


def test_old_device_requests_and_devices_are_nested_otherwise() -> None:
    claim = {"spec": {"devices": {"requests": [{"name": "r", "deviceClassName": "gpu", "count": 2}]}}}
    stored = convert(claim, kinds.RESOURCE_CLAIM_V1BETA1, kinds.RESOURCE_CLAIM)
    assert stored["spec"]["devices"]["requests"] == [
        {"name": "r", "exactly": {"deviceClassName": "gpu", "count": 2}}
    ]
    msgspec.convert(stored, resource_v1.ResourceClaim)
    back = convert(stored, kinds.RESOURCE_CLAIM, kinds.RESOURCE_CLAIM_V1BETA1)
    assert back["spec"] == claim["spec"]
    msgspec.convert(back, resource_v1beta1.ResourceClaim)
    template = {"spec": {"spec": claim["spec"]}}
    nested = convert(template, kinds.RESOURCE_CLAIM_TEMPLATE_V1BETA1, kinds.RESOURCE_CLAIM_TEMPLATE)
    assert nested["spec"]["spec"] == stored["spec"]
    devices = {
        "spec": {"driver": "d", "devices": [{"name": "g", "basic": {"attributes": {"a": {"int": 1}}}}]}
    }
    flat = convert(devices, kinds.RESOURCE_SLICE_V1BETA1, kinds.RESOURCE_SLICE)
    assert flat["spec"]["devices"] == [{"name": "g", "attributes": {"a": {"int": 1}}}]
    assert convert(flat, kinds.RESOURCE_SLICE, kinds.RESOURCE_SLICE_V1BETA1)["spec"] == devices["spec"]


def test_every_converter_named_in_the_table_exists() -> None:
    for row in kinds.ALL:
        if row.convert:
            stored = convert({"metadata": {}}, row, kinds.storage_kind(row))
            assert stored["apiVersion"] == row.storage_version


def test_other_kinds_are_no_versions() -> None:
    with pytest.raises(LookupError, match="they are not one kind"):
        convert({}, kinds.POD, kinds.NODE)


def test_an_autoscalers_replicas_are_never_absent_in_the_old_version() -> None:
    shown = to_v1({"metadata": {}, "spec": {"maxReplicas": 3}, "status": {"desiredReplicas": 1}})
    assert shown["status"] == {"currentReplicas": 0, "desiredReplicas": 1}
