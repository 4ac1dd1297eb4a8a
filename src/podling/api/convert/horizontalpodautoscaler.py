"""HorizontalPodAutoscaler: v2 is stored; v1 knows only a CPU percentage and keeps the rest in annotations.

The annotations hold the metrics in v1's older shape, which spreads a target over several fields, so both directions also translate metrics
(k8s.io/kubernetes/pkg/apis/autoscaling/v1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

_PREFIX = "autoscaling.alpha.kubernetes.io/"
_METRICS = _PREFIX + "metrics"
_CURRENT_METRICS = _PREFIX + "current-metrics"
_CONDITIONS = _PREFIX + "conditions"
_BEHAVIOR = _PREFIX + "behavior"
_DEFAULT_UTILIZATION = 80

Json = dict[str, Any]


def to_stored(document: Json) -> Json:
    spec, status = dict(document.get("spec") or {}), dict(document.get("status") or {})
    annotations = dict((document.get("metadata") or {}).get("annotations") or {})
    kept = {name: msgspec.json.decode(text) for name in _NAMES if (text := annotations.pop(name, None))}
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    metrics = [_to_v2(item, _target) for item in kept.get(_METRICS, ())]
    if percentage is not None or not metrics:
        used = _DEFAULT_UTILIZATION if percentage is None else percentage
        metrics = [_cpu("target", {"type": "Utilization", "averageUtilization": used}), *metrics]
    spec["metrics"] = metrics
    if _BEHAVIOR in kept:
        spec["behavior"] = kept[_BEHAVIOR]
    if status.get("currentReplicas") == 0:  # the same as absent in this version
        del status["currentReplicas"]
    current = status.pop("currentCPUUtilizationPercentage", None)
    if _CURRENT_METRICS in kept:
        status["currentMetrics"] = [_to_v2(item, _current) for item in kept[_CURRENT_METRICS]]
    elif current is not None:
        status["currentMetrics"] = [_cpu("current", {"averageUtilization": current})]
    if _CONDITIONS in kept:
        status["conditions"] = kept[_CONDITIONS]
    return _assembled(document, annotations, spec, status)


def from_stored(document: Json) -> Json:
    spec, status = dict(document.get("spec") or {}), dict(document.get("status") or {})
    annotations = dict((document.get("metadata") or {}).get("annotations") or {})
    metrics, current = spec.pop("metrics", None) or [], status.pop("currentMetrics", None) or []
    others = []
    for metric in metrics:
        percentage = _cpu_percentage(metric, "target")
        if percentage is None or "targetCPUUtilizationPercentage" in spec:
            others.append(_to_v1(metric, "target", "target"))
        else:
            spec["targetCPUUtilizationPercentage"] = percentage
    for metric in current:
        percentage = _cpu_percentage(metric, "current")
        if percentage is not None:
            status["currentCPUUtilizationPercentage"] = percentage
    kept = {
        _METRICS: others,
        _CURRENT_METRICS: [_to_v1(metric, "current", "current") for metric in current],
        _CONDITIONS: status.pop("conditions", None),
        _BEHAVIOR: spec.pop("behavior", None),
    }
    annotations |= {name: msgspec.json.encode(value).decode() for name, value in kept.items() if value}
    if status:
        status.setdefault("currentReplicas", 0)  # never absent in this version
    return _assembled(document, annotations, spec, status)


_NAMES = (_METRICS, _CURRENT_METRICS, _CONDITIONS, _BEHAVIOR)


def _assembled(document: Json, annotations: dict[str, str], spec: Json, status: Json) -> Json:
    metadata = {key: value for key, value in (document.get("metadata") or {}).items() if key != "annotations"}
    if annotations:
        metadata["annotations"] = annotations
    result = {**document, "metadata": metadata, "spec": spec}
    if status or "status" in document:
        result["status"] = status
    return result


def _cpu(part: str, amount: Json) -> Json:
    return {"type": "Resource", "resource": {"name": "cpu", part: amount}}


def _cpu_percentage(metric: Json, part: str) -> int | None:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    percentage: int | None = (resource.get(part) or {}).get("averageUtilization")
    return percentage


# Metrics: v1 spreads `target: {type, value, averageValue, averageUtilization}` over fields that bear the prefix

_SOURCES = {
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "External": "external",
}
_SELECTORS = {"external": "metricSelector"}


def _to_v1(metric: Json, part: str, prefix: str) -> Json:
    name = _SOURCES[metric["type"]]
    source = dict(metric.get(name) or {})
    amount = source.pop(part, None) or {}
    identifier = source.pop("metric", None)
    described = source.pop("describedObject", None)
    if identifier is not None:
        source["metricName"] = identifier.get("name", "")
        if identifier.get("selector") is not None:
            source[_SELECTORS.get(name, "selector")] = identifier["selector"]
    if described is not None:
        source["target"] = described
    average = "averageValue" if name == "object" else f"{prefix}AverageValue"
    spread = {
        f"{prefix}Value": amount.get("value"),
        average: amount.get("averageValue"),
        f"{prefix}AverageUtilization": amount.get("averageUtilization"),
    }
    source |= {field: value for field, value in spread.items() if value is not None}
    return {"type": metric["type"], name: source}


def _to_v2(metric: Json, gather: Callable[[str, Json], Json]) -> Json:
    name = _SOURCES[metric["type"]]
    source = dict(metric.get(name) or {})
    result: Json = gather(name, source)
    if name == "object" and "target" in source:
        result["describedObject"] = source.pop("target")
    if name in ("object", "pods", "external"):
        identifier = {"name": source.pop("metricName", "")}
        selector = source.pop(_SELECTORS.get(name, "selector"), None)
        result["metric"] = identifier if selector is None else {**identifier, "selector": selector}
    return {"type": metric["type"], name: {**source, **result}}


def _gather(prefix: str, name: str, source: Json) -> Json:
    average = "averageValue" if name == "object" else f"{prefix}AverageValue"
    gathered = {
        "value": source.pop(f"{prefix}Value", None),
        "averageValue": source.pop(average, None),
        "averageUtilization": source.pop(f"{prefix}AverageUtilization", None),
    }
    return {field: value for field, value in gathered.items() if value is not None}


def _target(name: str, source: Json) -> Json:
    amount = _gather("target", name, source)
    if "averageUtilization" in amount:
        kind = "Utilization"
    elif "averageValue" in amount:
        kind = "AverageValue"
        amount.pop("value", None)
    else:
        kind = "Value"
    return {"target": {"type": kind, **amount}}


def _current(name: str, source: Json) -> Json:
    return {"current": _gather("current", name, source)}
