"""NodeResourcesBalancedAllocation: nodes whose cpu and memory would be used evenly score higher."""

from __future__ import annotations

import numpy as np

from podling.scheduler.framework import Plugin, Query
from podling.scheduler.snapshot import Mask, Snapshot, Vector

from .resources import scored_after


def score(query: Query, snapshot: Snapshot, left: Mask) -> Vector:
    """100 less the standard deviation of the used shares in percent (upstream: balanced_allocation.go)."""
    capacity, taken = scored_after(query, snapshot)
    shares = np.where(capacity > 0, np.minimum(taken / np.maximum(capacity, 1.0), 1.0), 0.0)
    spread = np.abs(shares[:, 0] - shares[:, 1]) / 2.0
    evenness: Vector = np.floor((1.0 - spread) * 100.0)
    return evenness


PLUGIN = Plugin(name="NodeResourcesBalancedAllocation", score=score, weight=1, retry_on=frozenset())
