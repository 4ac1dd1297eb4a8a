"""How many replicas there should be by one metric (pure).

The rule is one: replicas x measured / wanted, rounded up, and nothing at all while that ratio is near 1. What makes it long
is what is not known: Pods without a measurement are assumed to use what argues against a change, and if that turns the
direction round, nothing changes. Amounts are in thousandths.
Source: kubernetes pkg/controller/podautoscaler/replica_calculator.go and metrics/utilization.go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from .grouping import Groups, Metric, Uncomputable, counted

MOST = 2**31 - 1


class Tolerances(NamedTuple):
    """By which share the ratio may be below and above 1 without a consequence."""

    down: float
    up: float

    def hold(self, ratio: float) -> bool:
        return 1.0 - self.down <= ratio <= 1.0 + self.up


class Utilization(NamedTuple):
    """``percent`` of what is asked for is used; ``average`` by each Pod."""

    replicas: int
    percent: int
    average: int


class Average(NamedTuple):
    replicas: int
    average: int


Values = dict[str, int]
Ratio = Callable[[Values], float]


def by_utilization(
    current: int,
    target: int,
    *,
    metrics: Mapping[str, Metric],
    requests: Mapping[str, int],
    groups: Groups,
    tolerances: Tolerances,
) -> Utilization:
    """``target`` in percent. Raises Uncomputable."""
    values = {name: metric.value for name, metric in counted(metrics, groups).items()}

    def used(values: Values) -> tuple[int, int]:
        known = [name for name in values if name in requests]
        asked = sum(requests[name] for name in known)
        if asked == 0:
            raise Uncomputable("no metrics returned matched known pods")
        total = sum(values[name] for name in known)
        return total * 100 // asked, total // len(known)

    percent, average = used(values)
    fallback = {name: requests.get(name, 0) * max(100, target) // 100 for name in groups.missing}
    replicas = _replicas(
        current,
        values,
        ratio=lambda values: used(values)[0] / target,
        fallback=fallback,
        groups=groups,
        tolerances=tolerances,
    )
    return Utilization(replicas, percent, average)


def by_average(
    current: int,
    target: int,
    *,
    metrics: Mapping[str, Metric],
    groups: Groups,
    tolerances: Tolerances,
) -> Average:
    """``target`` for each Pod. Raises Uncomputable."""
    values = {name: metric.value for name, metric in counted(metrics, groups).items()}

    def mean(values: Values) -> int:
        return sum(values.values()) // len(values)

    replicas = _replicas(
        current,
        values,
        ratio=lambda values: mean(values) / target,
        fallback=dict.fromkeys(groups.missing, target),
        groups=groups,
        tolerances=tolerances,
    )
    return Average(replicas, mean(values))


def _replicas(
    current: int,
    values: Values,
    *,
    ratio: Ratio,
    fallback: Mapping[str, int],
    groups: Groups,
    tolerances: Tolerances,
) -> int:
    """``fallback``: what missing Pods are taken to use when there would be fewer."""
    first = ratio(values)
    are_idle = groups.unready if first > 1.0 else set()
    if not are_idle and not groups.missing:
        return current if tolerances.hold(first) else _ceil(first * groups.ready)
    assumed = dict(values)
    if first < 1.0:
        assumed.update(fallback)
    elif first > 1.0:
        assumed.update(dict.fromkeys(groups.missing, 0))
    assumed.update(dict.fromkeys(are_idle, 0))
    second = ratio(assumed)
    if tolerances.hold(second) or (first < 1.0 < second) or (second < 1.0 < first):
        return current
    found = _ceil(second * len(assumed))
    is_backwards = (second < 1.0 and found > current) or (second > 1.0 and found < current)
    return current if is_backwards else found


def by_value(current: int, usage: int, target: int, *, ready: int, tolerances: Tolerances) -> int:
    """By a value that belongs to no Pod. From 0 on it says how many there should be, whatever the tolerance."""
    ratio = usage / target
    if current == 0:
        return _ceil(ratio)
    return current if tolerances.hold(ratio) else _ceil(ratio * ready)


def by_share(current: int, usage: int, target: int, *, tolerances: Tolerances) -> Average:
    """By a value that Pods share, each ``target`` of it. ``current`` replicas there are."""
    if current == 0:
        return Average(_ceil(usage / target), usage)
    ratio = usage / (target * current)
    replicas = current if tolerances.hold(ratio) else _ceil(usage / target)
    return Average(replicas, math.ceil(usage / current))


def total(values: Iterable[int]) -> int:
    """The sum, within what a quantity can say."""
    return min(sum(values), 2**63 - 1)


def _ceil(value: float) -> int:
    return min(math.ceil(value), MOST)
