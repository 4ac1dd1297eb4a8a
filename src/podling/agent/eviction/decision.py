"""What follows from what is left on the node: which thresholds must be acted on, and what the node's conditions are (pure).

Follows the kubelet's `synchronize` step for step: a threshold that was acted on stays met until its minimum is won back,
a soft one counts when its grace is over, and a condition is shown until it has not been seen for the transition period.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from . import thresholds as limits
from .signals import MEMORY, SIGNALS, Observation
from .thresholds import Threshold


@dataclass(frozen=True, slots=True)
class State:
    """What is carried over from look to look.

    due       thresholds to act on, the most pressing first.
    met_since when each threshold that is met was first seen so.
    seen_at   when each condition was last seen.
    """

    due: tuple[Threshold, ...] = ()
    met_since: Mapping[Threshold, float] = field(default_factory=dict)
    seen_at: Mapping[str, float] = field(default_factory=dict)


def look(
    state: State, configured: Iterable[Threshold], seen: Mapping[str, Observation], *, now: float
) -> State:
    """The state after one look at the signals; times in seconds."""
    met = limits.met(configured, seen)
    unresolved = limits.met(state.due, seen, reclaiming=True)
    met += [threshold for threshold in unresolved if threshold not in met]
    since = {threshold: state.met_since.get(threshold, now) for threshold in met}
    due = [threshold for threshold in met if now - since[threshold] >= (threshold.grace or 0.0)]
    due.sort(key=lambda threshold: SIGNALS[threshold.signal].resource != MEMORY)
    seen_at = {**state.seen_at, **{SIGNALS[threshold.signal].condition: now for threshold in met}}
    return State(tuple(due), since, seen_at)


def conditions(state: State, *, now: float, transition_seconds: float) -> tuple[str, ...]:
    """What the node is under, in a fixed order: what was seen within the transition period."""
    return tuple(sorted(name for name, at in state.seen_at.items() if now - at < transition_seconds))
