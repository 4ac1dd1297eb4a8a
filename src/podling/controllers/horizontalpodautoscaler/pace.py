"""How fast one gets from one size to another (pure): recent recommendations, policies, and the bounds of the object.

What was recommended within the stabilization window holds a change back; policies bound what may be added or taken
within their periods. Without ``behavior`` in the object: down only after five quiet minutes, up at most to twice
the size or four. Times are epoch seconds.
Source: kubernetes pkg/controller/podautoscaler/horizontal.go (normalizeDesiredReplicas*, convertDesiredReplicas*).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from podling.api.types import autoscaling_v2

Behavior = autoscaling_v2.HorizontalPodAutoscalerBehavior
Rules = autoscaling_v2.HPAScalingRules

_MOST = 2**31 - 1
_UP_FACTOR, _UP_LEAST = 2, 4


class Moment(NamedTuple):
    """What was recommended, or by how many the size changed, and when."""

    at: float
    amount: int


@dataclass(slots=True)
class History:
    """What one autoscaler has recommended and done of late."""

    recommended: list[Moment] = field(default_factory=list)
    ups: list[Moment] = field(default_factory=list)
    downs: list[Moment] = field(default_factory=list)

    def note(self, before: int, after: int, *, now: float, keep: float) -> None:
        """The size has changed; what is older than ``keep`` seconds is forgotten."""
        kept = self.ups if after > before else self.downs
        kept[:] = [one for one in kept if one.at >= now - keep]
        kept.append(Moment(now, abs(after - before)))


class Said(NamedTuple):
    """Status, reason and message of a condition."""

    status: bool
    reason: str
    message: str


class Paced(NamedTuple):
    """The size to take now, and what the conditions AbleToScale and ScalingLimited say of it."""

    replicas: int
    able: Said
    limited: Said


class Bounds(NamedTuple):
    least: int
    most: int


_READY = Said(True, "ReadyForNewScale", "recommended size matches current size")
_HELD_UP = Said(
    True,
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
_HELD_DOWN = Said(
    True,
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
)
_WITHIN = ("DesiredWithinRange", "the desired count is within the acceptable range")
_TOO_FEW = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
_TOO_MANY = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
_UP_LIMIT = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
_DOWN_LIMIT = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")


def paced(
    history: History,
    behavior: Behavior | None,
    *,
    current: int,
    desired: int,
    bounds: Bounds,
    window: float,
    now: float,
) -> Paced:
    """Take one step from ``current`` towards ``desired``; the recommendation goes into ``history``.

    ``window`` in seconds holds where the object names none for the way down.
    """
    if behavior is None:
        stable = _stable(history, desired, window=window, now=now)
        able = _READY if stable == desired else _HELD_DOWN
        replicas, words = _bounded(current, stable, bounds)
    else:
        up, down = behavior.scale_up or Rules(), behavior.scale_down or Rules()
        stable = _stable_both_ways(
            history, up, down, current=current, desired=desired, window=window, now=now
        )
        held = _HELD_UP if desired >= current else _HELD_DOWN
        able = _READY if stable == desired else held
        replicas, words = _limited(history, up, down, current=current, desired=stable, bounds=bounds, now=now)
    return Paced(replicas, able, Said(replicas != stable, *words))


def longest_period(behavior: Behavior | None) -> float:
    """How long changes must be remembered."""
    rules = (behavior.scale_up, behavior.scale_down) if behavior is not None else ()
    periods = [policy.period_seconds for rule in rules if rule for policy in rule.policies or ()]
    return float(max(periods, default=0))


def _remember(history: History, desired: int, *, now: float, keep: float) -> None:
    history.recommended = [one for one in history.recommended if one.at >= now - keep]
    history.recommended.append(Moment(now, desired))


def _stable(history: History, desired: int, *, window: float, now: float) -> int:
    """The highest recommendation of late."""
    _remember(history, desired, now=now, keep=window)
    return max(one.amount for one in history.recommended)


def _stable_both_ways(
    history: History, up: Rules, down: Rules, *, current: int, desired: int, window: float, now: float
) -> int:
    """The current size, brought between the lowest recommendation of the way up and the highest of the way down."""
    up_window = float(up.stabilization_window_seconds or 0)
    given = down.stabilization_window_seconds
    down_window = window if given is None else float(given)
    lowest = min([desired, *(one.amount for one in history.recommended if one.at > now - up_window)])
    highest = max([desired, *(one.amount for one in history.recommended if one.at > now - down_window)])
    _remember(history, desired, now=now, keep=max(up_window, down_window))
    return min(max(current, lowest), highest)


def _bounded(current: int, desired: int, bounds: Bounds) -> tuple[int, tuple[str, str]]:
    limit = max(_UP_FACTOR * current, _UP_LEAST)
    most, words = (limit, _UP_LIMIT) if bounds.most > limit else (bounds.most, _TOO_MANY)
    if desired < bounds.least:
        return bounds.least, _TOO_FEW
    return (most, words) if desired > most else (desired, _WITHIN)


def _limited(
    history: History, up: Rules, down: Rules, *, current: int, desired: int, bounds: Bounds, now: float
) -> tuple[int, tuple[str, str]]:
    if desired > current:
        limit = max(_up_limit(history, up, current=current, now=now), current)
        most, words = (limit, _UP_LIMIT) if bounds.most > limit else (bounds.most, _TOO_MANY)
        return (most, words) if desired > most else (desired, _WITHIN)
    if desired < current:
        limit = min(_down_limit(history, down, current=current, now=now), current)
        least, words = (limit, _DOWN_LIMIT) if bounds.least < limit else (bounds.least, _TOO_FEW)
        return (least, words) if desired < least else (desired, _WITHIN)
    return desired, _WITHIN


def _up_limit(history: History, rules: Rules, *, current: int, now: float) -> int:
    if rules.select_policy == "Disabled":
        return current
    sizes = []
    for policy in rules.policies or ():
        start = _size_before(history, current, policy.period_seconds, now)
        by_percent = math.ceil(start * (1 + policy.value / 100))
        sizes.append(start + policy.value if policy.type == "Pods" else by_percent)
    return min(sizes, default=_MOST) if rules.select_policy == "Min" else max(sizes, default=0)


def _down_limit(history: History, rules: Rules, *, current: int, now: float) -> int:
    if rules.select_policy == "Disabled":
        return current
    sizes = []
    for policy in rules.policies or ():
        start = _size_before(history, current, policy.period_seconds, now)
        by_percent = int(start * (1 - policy.value / 100))
        sizes.append(start - policy.value if policy.type == "Pods" else by_percent)
    return max(sizes, default=0) if rules.select_policy == "Min" else min(sizes, default=_MOST)


def _size_before(history: History, current: int, period: float, now: float) -> int:
    """What the size was when the period began."""
    return current - _changed(history.ups, period, now) + _changed(history.downs, period, now)


def _changed(moments: Sequence[Moment], period: float, now: float) -> int:
    return sum(one.amount for one in moments if one.at > now - period)
