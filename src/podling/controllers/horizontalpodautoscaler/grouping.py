"""Which of the target's Pods count, and what they ask for (pure).

A Pod that is ending or has failed does not count at all; one that does not run yet, or whose CPU is still that of its start, counts
as idle when there should be more of them and not at all otherwise; one without a measurement is assumed to be at the harmless end.
Source: kubernetes pkg/controller/podautoscaler/replica_calculator.go (groupPods, calculateRequests).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from podling.api import pod as pods_api
from podling.api import quantity, times
from podling.api.pod.conditions import get_condition, is_ready
from podling.api.types import core_v1

CPU = "cpu"


class Uncomputable(Exception):
    """There is no telling how many replicas there should be; the text is upstream's."""


class Metric(NamedTuple):
    """One Pod's value in thousandths, as a mean over the ``window`` (seconds) that ended at ``at`` (epoch seconds)."""

    value: int
    at: float = 0.0
    window: float = 0.0


Metrics = dict[str, Metric]
"""By the name of the Pod."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long after its start a Pod's CPU is not taken at its word.

    initialization  seconds in which a Pod must have been ready for a whole window.
    readiness       seconds within which a Pod that is not ready counts as one that never was.
    """

    initialization: float
    readiness: float


@dataclass(slots=True)
class Groups:
    """``ready``: how many count as they are; the others by name."""

    ready: int = 0
    unready: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)


def grouped(
    pods: Iterable[core_v1.Pod],
    metrics: Mapping[str, Metric],
    *,
    resource: str,
    now: float,
    patience: Patience,
) -> Groups:
    """``resource`` is "" for metrics that are no resource's."""
    found = Groups()
    for pod in pods:
        name = pod.metadata.name or ""
        phase = pod.status.phase if pod.status else None
        if pod.metadata.deletion_timestamp is not None or phase == "Failed":
            found.ignored.add(name)
        elif phase == "Pending":
            found.unready.add(name)
        elif name not in metrics:
            found.missing.add(name)
        elif resource == CPU and _is_starting(pod, metrics[name], now=now, patience=patience):
            found.unready.add(name)
        else:
            found.ready += 1
    return found


def _is_starting(pod: core_v1.Pod, metric: Metric, *, now: float, patience: Patience) -> bool:
    ready = get_condition(pod, "Ready")
    start = pod.status.start_time if pod.status else None
    if ready is None or not start:
        return True
    started, changed = times.parse(start), times.parse(ready.last_transition_time or start)
    if started + patience.initialization > now:
        return ready.status == "False" or metric.at < changed + metric.window
    return ready.status == "False" and started + patience.readiness > changed


def counted(metrics: Mapping[str, Metric], groups: Groups) -> Metrics:
    """The measurements that are taken at their word; raises Uncomputable if there are none."""
    apart = groups.ignored | groups.unready
    found = {name: metric for name, metric in metrics.items() if name not in apart}
    if not found:
        raise Uncomputable("did not receive metrics for targeted pods (pods might be unready)")
    return found


def ready_pods(pods: Iterable[core_v1.Pod]) -> int:
    return sum(1 for pod in pods if pod.status and pod.status.phase == "Running" and is_ready(pod))


def requests(pods: Iterable[core_v1.Pod], *, resource: str, container: str) -> dict[str, int]:
    """What each Pod, or its container of that name, asks for, in thousandths; raises Uncomputable where nothing is said."""
    return {pod.metadata.name or "": _request(pod, resource, container) for pod in pods}


def _request(pod: core_v1.Pod, resource: str, container: str) -> int:
    spec = pod.spec or core_v1.PodSpec()
    if not container and spec.resources is not None and pods_api.has_pod_level_resources(spec):
        whole = pods_api.requests(pod).get(resource)
        if whole is None:
            raise Uncomputable(f"missing pod-level request for {resource} in Pod {pod.metadata.name}")
        return whole.milli_value()
    counted = [*spec.containers, *pods_api.sidecars(spec)]
    if container:
        counted = [one for one in counted if one.name == container]
        if not counted:
            raise Uncomputable(f"container {container} not found in Pod {pod.metadata.name}")
    return sum(_asked(one, pod, resource) for one in counted)


def _asked(container: core_v1.Container, pod: core_v1.Pod, resource: str) -> int:
    asked = ((container.resources.requests if container.resources else None) or {}).get(resource)
    if asked is None:
        raise Uncomputable(
            f"missing request for {resource} in container {container.name} of Pod {pod.metadata.name}"
        )
    return quantity.parse(asked).milli_value()
