"""What a kubelet says at ``/metrics/resource``, as data (pure).

Upstream's metrics server reads the same endpoint, so that upstream's kubelet serves us and ours serves it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

_LINE = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)(?: (\d+))?$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_NODE = {"node_cpu_usage_seconds_total": "cpu", "node_memory_working_set_bytes": "memory"}
_CONTAINER = {
    "container_cpu_usage_seconds_total": "cpu",
    "container_memory_working_set_bytes": "memory",
    "container_start_time_seconds": "started",
}


@dataclass(slots=True)
class Point:
    """One thing at one moment: ``at`` and ``started`` in epoch seconds, ``cpu`` in core-seconds so far, ``memory`` in bytes.

    None: the kubelet did not say.
    """

    at: float = 0.0
    cpu: float | None = None
    memory: float | None = None
    started: float = 0.0


class PodName(NamedTuple):
    namespace: str
    name: str


@dataclass(slots=True)
class Sample:
    """A node at one moment, and the containers of its Pods by name; ``taken`` by the clock of who asked, points by the node's."""

    taken: float
    node: Point = field(default_factory=Point)
    pods: dict[PodName, dict[str, Point]] = field(default_factory=dict)


def parse(text: str, *, now: float) -> Sample:
    """Read a kubelet's answer; ``now`` stands where it gives no time. Lines that mean nothing here are passed over."""
    sample = Sample(now)
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        name, labels, value, at = match.groups()
        if name in _NODE:
            _note(sample.node, _NODE[name], value, at, now)
        elif name in _CONTAINER:
            named = dict(_LABEL.findall(labels or ""))
            pod = PodName(named.get("namespace", ""), named.get("pod", ""))
            point = sample.pods.setdefault(pod, {}).setdefault(named.get("container", ""), Point())
            _note(point, _CONTAINER[name], value, at, now)
    return sample


def _note(point: Point, attribute: str, value: str, at: str | None, now: float) -> None:
    try:
        setattr(point, attribute, float(value))
    except ValueError:
        return
    if attribute == "cpu" or not point.at:
        point.at = int(at) / 1000 if at else now
