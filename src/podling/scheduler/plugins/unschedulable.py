"""NodeUnschedulable: a cordoned node takes only Pods that tolerate the taint of being cordoned."""

from __future__ import annotations

from collections.abc import Iterable

from podling.api import pod as pods
from podling.api.types import core_v1
from podling.scheduler.framework import Cause, Plugin, Query, Rejection
from podling.scheduler.snapshot import Snapshot

TAINT = core_v1.Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


def rejections(query: Query, snapshot: Snapshot) -> Iterable[Rejection]:
    cordoned = snapshot.unschedulable[: snapshot.rows]
    if cordoned.any() and not pods.is_tolerated(TAINT, query.spec.tolerations):
        yield Rejection(cordoned, "node(s) were unschedulable", final=True)


PLUGIN = Plugin(
    name="NodeUnschedulable",
    filter=rejections,
    retry_on=frozenset({Cause.NODE_ADDED, Cause.NODE_TAINTS, Cause.POD_CHANGED}),
)
