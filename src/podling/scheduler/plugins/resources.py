"""NodeResourcesFit: what the Pod requests must be free; the emptier node scores higher (LeastAllocated)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from podling.scheduler.framework import Cause, Plugin, Query, Rejection
from podling.scheduler.snapshot import CPU, MEMORY, PODS, Mask, Snapshot, Vector


def rejections(query: Query, snapshot: Snapshot) -> Iterable[Rejection]:
    rows = snapshot.rows
    for resource, wanted in query.demand.amounts.items():
        if wanted == 0:
            continue
        column = snapshot.column(resource)
        free = snapshot.allocatable[:rows, column] - snapshot.requested[:rows, column]
        reason = "Too many pods" if resource == PODS else f"Insufficient {resource}"
        yield Rejection(wanted > free, reason)


def scored_after(query: Query, snapshot: Snapshot) -> tuple[Vector, Vector]:
    """Allocatable cpu and memory (rows x 2), and what would be taken of them with the Pod on the node."""
    columns = [snapshot.column(CPU), snapshot.column(MEMORY)]
    capacity = snapshot.allocatable[: snapshot.rows][:, columns]
    taken = snapshot.scored[: snapshot.rows] + (query.demand.scored_cpu, query.demand.scored_memory)
    return capacity, taken


def score(query: Query, snapshot: Snapshot, left: Mask) -> Vector:
    """Mean over cpu and memory of the free share in percent, in whole numbers (upstream: least_allocated.go)."""
    capacity, taken = scored_after(query, snapshot)
    room = np.where((capacity > 0) & (taken <= capacity), capacity - taken, 0.0)
    shares = np.floor(room * 100.0 / np.maximum(capacity, 1.0))
    counted = (capacity > 0).sum(axis=1)
    mean: Vector = np.floor(shares.sum(axis=1) / np.maximum(counted, 1))
    return mean


PLUGIN = Plugin(
    name="NodeResourcesFit",
    filter=rejections,
    score=score,
    weight=1,
    retry_on=frozenset({Cause.NODE_ADDED, Cause.NODE_ALLOCATABLE, Cause.POD_REMOVED, Cause.POD_CHANGED}),
)
