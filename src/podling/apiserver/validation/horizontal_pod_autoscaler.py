"""The rules of HorizontalPodAutoscalers (k8s.io/kubernetes/pkg/apis/autoscaling/validation)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from podling.api import field, names, quantity
from podling.api.field import FieldError, Path
from podling.api.types import autoscaling_v2

from . import resources
from .metadata import each
from .workload import SPEC, counts

Autoscaler = autoscaling_v2.HorizontalPodAutoscaler
MAX_PERIOD, MAX_WINDOW = 1800, 3600
"""Seconds."""
_SELECTIONS = ("Disabled", "Max", "Min")
_POLICIES = ("Percent", "Pods")
_TARGETS = ("Utilization", "Value", "AverageValue")
_STATUS = Path("status")


class _Leave(NamedTuple):
    """What is let pass: a lower bound, and API versions that were wrong before or need no group."""

    least: int = 1
    any_version: bool = False
    no_group: bool = False
    any_object_version: bool = False


def create(hpa: Autoscaler) -> Iterator[FieldError]:
    yield from _spec(hpa.spec, _Leave(no_group=hpa.spec.scale_target_ref.kind == "ReplicationController"))


def update(hpa: Autoscaler, old: Autoscaler) -> Iterator[FieldError]:
    new_ref, old_ref = hpa.spec.scale_target_ref, old.spec.scale_target_ref
    same = (new_ref.api_version, new_ref.kind) == (old_ref.api_version, old_ref.kind)
    described = [metric.object.described_object for metric in old.spec.metrics or () if metric.object]
    leave = _Leave(
        least=0 if old.spec.min_replicas == 0 else 1,
        any_version=same,
        no_group=new_ref.kind == "ReplicationController",
        any_object_version=any(_version_fault(one.api_version or "", no_group=True) for one in described),
    )
    yield from _spec(hpa.spec, leave)


def update_status(hpa: Autoscaler, old: Autoscaler) -> Iterator[FieldError]:
    status = hpa.status or autoscaling_v2.HorizontalPodAutoscalerStatus()
    yield from counts(
        _STATUS, currentReplicas=status.current_replicas, desiredReplicas=status.desired_replicas
    )


def _spec(spec: autoscaling_v2.HorizontalPodAutoscalerSpec, leave: _Leave) -> Iterator[FieldError]:
    least, most = spec.min_replicas, spec.max_replicas
    if least is not None and least < leave.least:
        yield field.invalid(SPEC / "minReplicas", least, f"must be greater than or equal to {leave.least}")
    if most < 1:
        yield field.invalid(SPEC / "maxReplicas", most, "must be greater than 0")
    if least is not None and most < least:
        yield field.invalid(SPEC / "maxReplicas", most, "must be greater than or equal to `minReplicas`")
    ref, path = spec.scale_target_ref, SPEC / "scaleTargetRef"
    yield from _reference(ref, path, any_version=leave.any_version, no_group=leave.no_group)
    for index, metric in enumerate(spec.metrics or ()):
        yield from _metric(metric, SPEC / "metrics" / index, any_version=leave.any_object_version)
    if least == 0 and not any(metric.type in ("Object", "External") for metric in spec.metrics or ()):
        why = "must specify at least one Object or External metric to support scaling to zero replicas"
        yield field.forbidden(SPEC / "metrics", why)
    if spec.behavior is not None:
        for name, rules in (("scaleUp", spec.behavior.scale_up), ("scaleDown", spec.behavior.scale_down)):
            if rules is not None:
                yield from _rules(rules, SPEC / "behavior" / name)


def _reference(
    ref: autoscaling_v2.CrossVersionObjectReference, path: Path, *, any_version: bool, no_group: bool
) -> Iterator[FieldError]:
    for name, value in (("kind", ref.kind), ("name", ref.name)):
        if not value:
            yield field.required(path / name)
        else:
            yield from each(names.path_segment, value, path / name)
    version = ref.api_version or ""
    if not any_version and (why := _version_fault(version, no_group=no_group)):
        yield field.invalid(path / "apiVersion", version, why)


def _version_fault(version: str, *, no_group: bool) -> str:
    if version.count("/") > 1:
        return f"unexpected GroupVersion string: {version}"
    group = version.rpartition("/")[0]
    return "" if group or no_group else "apiVersion must specify API group"


def _rules(rules: autoscaling_v2.HPAScalingRules, path: Path) -> Iterator[FieldError]:
    window = rules.stabilization_window_seconds
    if window is not None and window < 0:
        yield field.invalid(
            path / "stabilizationWindowSeconds", window, "must be greater than or equal to zero"
        )
    if window is not None and window > MAX_WINDOW:
        why = f"must be less than or equal to {MAX_WINDOW}"
        yield field.invalid(path / "stabilizationWindowSeconds", window, why)
    if rules.select_policy is not None and rules.select_policy not in _SELECTIONS:
        yield field.not_supported(path / "selectPolicy", rules.select_policy, _SELECTIONS)
    if not rules.policies:
        yield field.required(path / "policies", "must specify at least one Policy")
    for index, policy in enumerate(rules.policies or ()):
        yield from _policy(policy, path / "policies" / index)
    if rules.tolerance is not None and quantity.parse(rules.tolerance).nanos < 0:
        yield field.invalid(path / "tolerance", rules.tolerance, "must be greater than or equal to 0")


def _policy(policy: autoscaling_v2.HPAScalingPolicy, path: Path) -> Iterator[FieldError]:
    if policy.type not in _POLICIES:
        yield field.not_supported(path / "type", policy.type, _POLICIES)
    for name, value in (("value", policy.value), ("periodSeconds", policy.period_seconds)):
        if value <= 0:
            yield field.invalid(path / name, value, "must be greater than zero")
    if policy.period_seconds > MAX_PERIOD:
        why = f"must be less than or equal to {MAX_PERIOD}"
        yield field.invalid(path / "periodSeconds", policy.period_seconds, why)


def _metric(spec: autoscaling_v2.MetricSpec, path: Path, *, any_version: bool) -> Iterator[FieldError]:
    if not spec.type:
        yield field.required(path / "type", "must specify a metric source type")
    if spec.type not in _SOURCES:
        yield field.not_supported(path / "type", spec.type, sorted(_SOURCES))
    given = {
        source: value
        for source in _SOURCES.values()
        if (value := getattr(spec, source.attribute)) is not None
    }
    for source, value in [*given.items()][:1]:
        if source.attribute == "object":
            yield from _reference(
                value.described_object,
                path / "object" / "describedObject",
                any_version=any_version,
                no_group=True,
            )
        yield from source.rules(value, path / source.name)
    wanted = _SOURCES.get(spec.type)
    if wanted is None:
        yield field.not_supported(path / "type", spec.type, sorted(_SOURCES))
    elif wanted not in given:
        yield field.required(path / wanted.name, "must populate information for the given metric source")
    if len(given) != 1:
        for source in given:
            if source is not wanted:
                yield field.forbidden(path / source.name, "must populate the given metric source only")


def _object(source: autoscaling_v2.ObjectMetricSource, path: Path) -> Iterator[FieldError]:
    yield from _identifier(source.metric, path / "metric")
    yield from _target(source.target, path / "target")
    if source.target.value is None and source.target.average_value is None:
        why = "must set either a target value or averageValue"
        yield field.required(path / "target" / "averageValue", why)


def _external(source: autoscaling_v2.ExternalMetricSource, path: Path) -> Iterator[FieldError]:
    yield from _identifier(source.metric, path / "metric")
    yield from _target(source.target, path / "target")
    value, average = source.target.value, source.target.average_value
    if value is None and average is None:
        why = "must set either a target value for metric or a per-pod target"
        yield field.required(path / "target" / "averageValue", why)
    if value is not None and average is not None:
        why = "may not set both a target value for metric and a per-pod target"
        yield field.forbidden(path / "target" / "value", why)


def _pods(source: autoscaling_v2.PodsMetricSource, path: Path) -> Iterator[FieldError]:
    yield from _identifier(source.metric, path / "metric")
    yield from _target(source.target, path / "target")
    if source.target.average_value is None:
        why = "must specify a positive target averageValue"
        yield field.required(path / "target" / "averageValue", why)


def _resource(source: autoscaling_v2.ResourceMetricSource, path: Path) -> Iterator[FieldError]:
    if not source.name:
        yield field.required(path / "name", "must specify a resource name")
    yield from _share(source.target, path / "target")


def _container(source: autoscaling_v2.ContainerResourceMetricSource, path: Path) -> Iterator[FieldError]:
    if not source.name:
        yield field.required(path / "name", "must specify a resource name")
    else:
        yield from resources.container_resource(source.name, path / "name")
    if not source.container:
        yield field.required(path / "container", "must specify a container")
    else:
        yield from each(names.dns1123_label, source.container, path / "container")
    yield from _share(source.target, path / "target")


def _share(target: autoscaling_v2.MetricTarget, path: Path) -> Iterator[FieldError]:
    """A target by what containers ask for, or by an amount."""
    yield from _target(target, path)
    if target.average_utilization is None and target.average_value is None:
        why = "must set either a target raw value or a target utilization"
        yield field.required(path / "averageUtilization", why)
    if target.average_utilization is not None and target.average_value is not None:
        why = "may not set both a target raw value and a target utilization"
        yield field.forbidden(path / "averageValue", why)


def _target(target: autoscaling_v2.MetricTarget, path: Path) -> Iterator[FieldError]:
    if not target.type:
        yield field.required(path / "type", "must specify a metric target type")
    if target.type not in _TARGETS:
        yield field.invalid(path / "type", target.type, "must be either Utilization, Value, or AverageValue")
    for name, amount in (("value", target.value), ("averageValue", target.average_value)):
        if amount is not None and quantity.parse(amount).nanos <= 0:
            yield field.invalid(path / name, amount, "must be positive")
    if target.average_utilization is not None and target.average_utilization < 1:
        yield field.invalid(path / "averageUtilization", target.average_utilization, "must be greater than 0")


def _identifier(metric: autoscaling_v2.MetricIdentifier, path: Path) -> Iterator[FieldError]:
    if not metric.name:
        yield field.required(path / "name", "must specify a metric name")
    else:
        yield from each(names.path_segment, metric.name, path / "name")


class _Source(NamedTuple):
    """A sort of metric: its field in JSON and in Python, and its rules."""

    name: str
    attribute: str
    rules: Callable[[Any, Path], Iterator[FieldError]]


_SOURCES: Mapping[str, _Source] = {
    "Object": _Source("object", "object", _object),
    "External": _Source("external", "external", _external),
    "Pods": _Source("pods", "pods", _pods),
    "Resource": _Source("resource", "resource", _resource),
    "ContainerResource": _Source("containerResource", "container_resource", _container),
}
