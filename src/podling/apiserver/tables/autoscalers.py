"""HorizontalPodAutoscalers and the targets they steer by, and Scale, by which they act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .layout import AGE, NAME, NONE, UNKNOWN, UNSET, Cells, Column, Layout, age, name, number

if TYPE_CHECKING:
    from podling.api.types.autoscaling_v1 import Scale
    from podling.api.types.autoscaling_v2 import HorizontalPodAutoscaler, MetricSpec, MetricStatus

_SHOWN = 2
_SOURCES = {
    "External": "external",
    "Pods": "pods",
    "Object": "object",
    "Resource": "resource",
    "ContainerResource": "container_resource",
}


def _cells(obj: HorizontalPodAutoscaler, now: float) -> Cells:
    spec, status = obj.spec, obj.status
    target = spec.scale_target_ref if spec else None
    return [
        name(obj),
        f"{target.kind}/{target.name}" if target else "",
        _targets((spec.metrics if spec else None) or [], (status.current_metrics if status else None) or []),
        UNSET if spec is None or spec.min_replicas is None else str(spec.min_replicas),
        spec.max_replicas if spec else 0,
        (status.current_replicas if status else None) or 0,
        age(obj, now),
    ]


def _targets(specs: list[MetricSpec], statuses: list[MetricStatus]) -> str:
    if not specs:
        return NONE
    shown = []
    for index, spec in enumerate(specs[:_SHOWN]):
        attribute = _SOURCES.get(spec.type)
        if attribute is None:
            shown.append("<unknown type>")
            continue
        status = getattr(statuses[index], attribute) if index < len(statuses) else None
        shown.append(_target(spec.type, getattr(spec, attribute), status))
    text = ", ".join(shown)
    return f"{text} + {len(specs) - _SHOWN} more..." if len(specs) > _SHOWN else text


def _target(type: str, source: Any, status: Any) -> str:
    """Current against wanted value of one metric."""
    wanted = source.target
    current = status.current if status is not None else None
    if type == "Pods":
        return f"{_of(current, 'average_value')}/{wanted.average_value or 0}"
    if type in ("External", "Object"):
        if wanted.average_value is not None:
            return f"{_of(current, 'average_value')}/{wanted.average_value} (avg)"
        return f"{_of(current, 'value')}/{wanted.value or 0}"
    if wanted.average_value is not None:
        return f"{source.name}: {_of(current, 'average_value')}/{wanted.average_value}"
    used = (
        UNKNOWN
        if current is None or current.average_utilization is None
        else f"{current.average_utilization}%"
    )
    aim = "<auto>" if wanted.average_utilization is None else f"{wanted.average_utilization}%"
    return f"{source.name}: {used}/{aim}"


def _of(current: Any, attribute: str) -> str:
    value = getattr(current, attribute) if current is not None else None
    return UNKNOWN if value is None else str(value)


AUTOSCALERS = Layout(
    (
        NAME,
        Column("Reference", "What is scaled."),
        Column("Targets", "Current and wanted values of its metrics."),
        Column("MinPods", "The fewest replicas."),
        Column("MaxPods", "The most replicas."),
        Column("Replicas", "Replicas there are."),
        AGE,
    ),
    _cells,
)


def _scale(obj: Scale, now: float) -> Cells:
    return [
        name(obj),
        (obj.spec.replicas if obj.spec else None) or 0,
        obj.status.replicas if obj.status else 0,
        age(obj, now),
    ]


SCALES = Layout(
    (
        Column("Name", NAME.description),
        number("Desired", "Replicas that are wanted."),
        number("Available", "Replicas there are."),
        AGE,
    ),
    _scale,
)
