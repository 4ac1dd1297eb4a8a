"""NodeName: a Pod that names its node goes there or nowhere."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from podling.scheduler.framework import Cause, Plugin, Query, Rejection
from podling.scheduler.snapshot import Snapshot


def rejections(query: Query, snapshot: Snapshot) -> Iterable[Rejection]:
    wanted = query.spec.node_name
    if wanted:
        others = np.ones(snapshot.rows, dtype=np.bool_)
        row = snapshot.index.get(wanted)
        if row is not None:
            others[row] = False
        yield Rejection(others, "node(s) didn't match the requested node name", final=True)


PLUGIN = Plugin(name="NodeName", filter=rejections, retry_on=frozenset({Cause.NODE_ADDED}))
