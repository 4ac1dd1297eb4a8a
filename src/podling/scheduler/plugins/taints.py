"""TaintToleration: nodes repel Pods that do not tolerate their taints; fewer PreferNoSchedule taints score higher."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from podling.api import pod as pods
from podling.api.types import core_v1
from podling.scheduler.framework import Cause, Plugin, Query, Rejection
from podling.scheduler.snapshot import Mask, Snapshot, Taint, Vector

REPELLING = ("NoSchedule", "NoExecute")
PREFERENCE = "PreferNoSchedule"


def rejections(query: Query, snapshot: Snapshot) -> Iterable[Rejection]:
    told = np.zeros(snapshot.rows, dtype=np.bool_)
    for taint, column in snapshot.taints.items():
        if taint[2] in REPELLING and not _tolerated(query, taint):
            nodes = column[: snapshot.rows] & ~told
            told |= nodes
            yield Rejection(nodes, f"node(s) had untolerated taint {{{taint[0]}: {taint[1]}}}", final=True)


def score(query: Query, snapshot: Snapshot, left: Mask) -> Vector:
    counts = np.zeros(snapshot.rows)
    for taint, column in snapshot.taints.items():
        if taint[2] == PREFERENCE and not _tolerated(query, taint):
            counts += column[: snapshot.rows]
    most = counts[left].max(initial=0.0)
    return np.full(snapshot.rows, 100.0) if most == 0 else np.floor(100.0 - np.floor(counts * 100.0 / most))


def _tolerated(query: Query, taint: Taint) -> bool:
    key, value, effect = taint
    as_struct = core_v1.Taint(key=key, value=value, effect=effect)
    return pods.is_tolerated(as_struct, query.spec.tolerations)


PLUGIN = Plugin(
    name="TaintToleration",
    filter=rejections,
    score=score,
    weight=3,
    retry_on=frozenset({Cause.NODE_ADDED, Cause.NODE_TAINTS, Cause.POD_CHANGED}),
)
