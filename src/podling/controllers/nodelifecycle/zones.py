"""How fast nodes may be given up, zone by zone (pure).

    normal   most nodes of the zone are ready                  node_eviction_rate
    partial  at least `unhealthy_zone_threshold` of them are   secondary_node_eviction_rate, in a zone of at most
             not, and more than two                            `large_cluster_size_threshold` nodes none at all
    full     none is ready                                     node_eviction_rate

Where all zones are full the fault is more likely with us than with every node: nobody is given up, and who has been is taken back, until
a node is ready again. (Source: k8s.io/docs, Nodes, "Rate limits on eviction"; upstream's nodelifecycle.)
"""

from __future__ import annotations

import enum
import math
from collections import defaultdict
from dataclasses import dataclass

from podling.api.types import core_v1
from podling.controllers.settings import ControllerSettings

EXCLUDED = "node.kubernetes.io/exclude-disruption"
"""Nodes with this label do not count."""
_TOPOLOGY = (
    ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
    ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
)


class State(enum.Enum):
    INITIAL = enum.auto()
    NORMAL = enum.auto()
    PARTIAL = enum.auto()
    FULL = enum.auto()


class Turn(enum.Enum):
    """What a change of the nodes came to."""

    NOTHING = enum.auto()
    OTHER_RATES = enum.auto()
    ALL_DOWN = enum.auto()
    """The last node that was ready is not any more."""
    RECOVERED = enum.auto()
    """After that: a node is ready again."""


def zone_of(node: core_v1.Node) -> str:
    """Region and zone of a node as one name; "" for a node that has neither."""
    labels = node.metadata.labels or {}
    parts = [next((labels[name] for name in names if labels.get(name)), "") for names in _TOPOLOGY]
    return ":".join(parts) if any(parts) else ""


def state_of(ready: int, unready: int, threshold: float) -> State:
    if unready and not ready:
        return State.FULL
    if unready > 2 and unready / (ready + unready) >= threshold:
        return State.PARTIAL
    return State.NORMAL


def rate_of(state: State, size: int, settings: ControllerSettings) -> float:
    """Nodes a second."""
    if state is State.PARTIAL:
        large = size > settings.large_cluster_size_threshold
        return settings.secondary_node_eviction_rate if large else 0.0
    return settings.node_eviction_rate


@dataclass(slots=True)
class Bucket:
    """Permission for one node at a time, `rate` times a second; the first at once."""

    rate: float
    tokens: float = 1.0
    at: float = 0.0

    def take(self, now: float) -> float:
        """Take a permission: 0 if there is one, else the seconds until there is, infinite if there will be none."""
        self._fill(now)
        if self.tokens >= 1.0 and self.rate > 0:
            self.tokens -= 1.0
            return 0.0
        return (1.0 - self.tokens) / self.rate if self.rate > 0 else math.inf

    def change(self, rate: float, now: float) -> None:
        """Another rate from now on; who is waiting goes on waiting."""
        self._fill(now)
        self.rate = rate
        self.tokens = float(self.tokens >= 1.0)

    def _fill(self, now: float) -> None:
        self.tokens = min(1.0, self.tokens + (now - self.at) * self.rate)
        self.at = now


class Zones:
    """All nodes by zone. Change it with `put` and `drop`, then `settle`."""

    def __init__(self, settings: ControllerSettings) -> None:
        self._settings = settings
        self._nodes: dict[str, tuple[str, bool]] = {}
        self._counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._states: dict[str, State] = {}
        self._buckets: dict[str, Bucket] = {}

    @property
    def all_down(self) -> bool:
        """No node is ready; nobody is to be given up."""
        return bool(self._states) and all(state is State.FULL for state in self._states.values())

    def put(self, name: str, zone: str, *, ready: bool) -> None:
        self.drop(name)
        self._nodes[name] = (zone, ready)
        self._counts[zone][ready] += 1

    def drop(self, name: str) -> None:
        known = self._nodes.pop(name, None)
        if known is not None:
            zone, ready = known
            self._counts[zone][ready] -= 1
            if not any(self._counts[zone]):
                del self._counts[zone]

    def settle(self, now: float) -> Turn:
        """Judge the zones as the nodes are now."""
        threshold = self._settings.unhealthy_zone_threshold
        fresh = {zone: state_of(ready, unready, threshold) for zone, (unready, ready) in self._counts.items()}
        before = {zone: self._states.get(zone, State.INITIAL) for zone in fresh}
        if fresh == before:
            self._states = fresh
            return Turn.NOTHING
        was_down = all(state is State.FULL for state in before.values())
        is_down = all(state is State.FULL for state in fresh.values())
        self._states = fresh
        for zone, state in fresh.items():
            size = sum(self._counts[zone])
            rate = 0.0 if is_down else rate_of(state, size, self._settings)
            self._bucket(zone, now).change(rate, now)
        if is_down:
            return Turn.ALL_DOWN
        return Turn.RECOVERED if was_down else Turn.OTHER_RATES

    def permit(self, zone: str, now: float) -> float:
        """Ask to give up a node of the zone: 0 if that is all right now, else the seconds to wait, infinite for no end in sight."""
        return self._bucket(zone, now).take(now)

    def _bucket(self, zone: str, now: float) -> Bucket:
        return self._buckets.setdefault(zone, Bucket(self._settings.node_eviction_rate, at=now))
