"""Usage from two samples of cumulative CPU time (pure).

A container that started after the earlier sample, or again since, is measured from its own start, as upstream's metrics
server does; so a Pod has numbers as soon as it runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from .samples import Point


class Usage(NamedTuple):
    """Mean CPU (billionths of a core) over the ``window`` (seconds) that ended at ``at``, and memory then (bytes)."""

    cpu: int
    memory: int
    at: float
    window: float


def between(before: Point | None, now: Point) -> Usage | None:
    """None if nothing can be said: a kubelet that left something out, or no time between."""
    if now.cpu is None or now.memory is None:
        return None
    start, spent = _base(before, now)
    window = now.at - start
    if window <= 0:
        return None
    return Usage(math.ceil((now.cpu - spent) / window * 1e9), math.ceil(now.memory), now.at, window)


def _base(before: Point | None, now: Point) -> tuple[float, float]:
    """When measuring begins, and the CPU time spent by then."""
    if before is None or before.cpu is None or now.started > before.at or (now.cpu or 0) < before.cpu:
        return now.started or now.at, 0.0
    return before.at, before.cpu


def of_pod(before: Mapping[str, Point], now: Mapping[str, Point]) -> dict[str, Usage] | None:
    """Of each container, in the order of their names; None if one of them cannot be told, or there is none."""
    found = {name: between(before.get(name), now[name]) for name in sorted(now)}
    told = {name: usage for name, usage in found.items() if usage is not None}
    return told if told and len(told) == len(found) else None
