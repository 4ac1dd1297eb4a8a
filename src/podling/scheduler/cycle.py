"""One scheduling decision: a Pod and the snapshot in, a node or the reasons why not out.  Pure.

Filters run in the profile's order; a node counts under the first plugin that rejects it, with all of that plugin's
reasons, which gives the counts of the message that users know:

    0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}.

What a plugin has against every node is said once, without a count.
Among the best-scored nodes one is drawn with the given ``chance`` (upstream: selectHost, reservoir sampling).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .framework import Plugin, Query
from .snapshot import Mask, Snapshot, Vector


@dataclass(frozen=True, slots=True)
class Placement:
    """The Pod goes to ``node``; ``feasible`` nodes could have had it."""

    node: str
    feasible: int


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node can take the Pod; ``plugins`` rejected it and decide what wakes it up."""

    message: str
    plugins: frozenset[str]


def schedule(
    query: Query, snapshot: Snapshot, plugins: Sequence[Plugin], *, chance: random.Random
) -> Placement | Unschedulable:
    """Decide where the Pod of ``query`` goes."""
    alive = snapshot.alive[: snapshot.rows]
    total = int(alive.sum())
    if total == 0:
        return Unschedulable("no nodes available to schedule pods", frozenset())
    for plugin in plugins:
        refusal = plugin.prefilter(query, snapshot) if plugin.prefilter is not None else ""
        if refusal:
            return Unschedulable(f"0/{total} nodes are available: {refusal}.", frozenset({plugin.name}))
    left, reasons, rejecting = run_filters(query, snapshot, plugins, alive)
    if not left.any():
        counted = sorted(f"{count} {reason}" for reason, count in reasons.items())
        return Unschedulable(f"0/{total} nodes are available: {', '.join(counted)}.", frozenset(rejecting))
    candidates = np.flatnonzero(left)
    if len(candidates) > 1:
        totals = run_scores(query, snapshot, plugins, left)[candidates]
        candidates = candidates[totals == totals.max()]
    chosen = int(candidates[chance.randrange(len(candidates))])
    return Placement(snapshot.names[chosen], int(left.sum()))


def run_filters(
    query: Query, snapshot: Snapshot, plugins: Sequence[Plugin], alive: Mask
) -> tuple[Mask, Counter[str], list[str]]:
    """The nodes that every filter leaves, how often each reason rejected one, and the plugins that rejected any."""
    left = alive.copy()
    reasons: Counter[str] = Counter()
    rejecting: list[str] = []
    for plugin in plugins:
        if plugin.filter is None:
            continue
        rejected = np.zeros_like(left)
        for rejection in plugin.filter(query, snapshot):
            fresh = rejection.nodes & left
            if count := int(fresh.sum()):
                reasons[rejection.reason] += count
                rejected |= fresh
        if rejected.any():
            rejecting.append(plugin.name)
            left &= ~rejected
            if not left.any():
                break
    return left, reasons, rejecting


def run_scores(query: Query, snapshot: Snapshot, plugins: Sequence[Plugin], left: Mask) -> Vector:
    """The weighted sum of all scores, for every row."""
    totals = np.zeros(snapshot.rows)
    for plugin in plugins:
        if plugin.score is not None:
            totals += plugin.weight * plugin.score(query, snapshot, left)
    return totals
