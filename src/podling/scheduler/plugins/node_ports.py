"""NodePorts: two Pods of a node cannot have the same protocol, address and host port; 0.0.0.0 meets every address."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from podling.scheduler.framework import Cause, Plugin, Query, Rejection
from podling.scheduler.snapshot import Snapshot


def rejections(query: Query, snapshot: Snapshot) -> Iterable[Rejection]:
    if not query.demand.ports:
        return
    taken = np.zeros(snapshot.rows, dtype=np.bool_)
    for wanted in query.demand.ports:
        for used, column in snapshot.ports.items():
            if wanted.conflicts(used):
                taken |= column[: snapshot.rows] > 0
    yield Rejection(taken, "node(s) didn't have free ports for the requested pod ports")


PLUGIN = Plugin(
    name="NodePorts",
    filter=rejections,
    retry_on=frozenset({Cause.NODE_ADDED, Cause.POD_REMOVED, Cause.POD_CHANGED}),
)
