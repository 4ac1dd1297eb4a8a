"""NodeVolumeLimits: no node gets more volumes of a CSI driver than its CSINode says that can be attached."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from podling.api.storage import claims
from podling.scheduler.framework import Cause, Plugin, Query, Rejection
from podling.scheduler.snapshot import Snapshot

REASON = "node(s) exceed max volume count"


def rejections(query: Query, snapshot: Snapshot) -> Iterable[Rejection]:
    limits = snapshot.storage.limits
    if not limits or not query.demand.claims:
        return
    full = np.zeros(snapshot.rows, dtype=np.bool_)
    for node, row in snapshot.index.items():
        for driver, most in limits.get(node, {}).items():
            wanted = _handles(query.demand.claims, driver, snapshot)
            there = _handles(
                (key for key, rows in snapshot.claim_users.items() if row in rows), driver, snapshot
            )
            full[row] |= bool(wanted - there) and len(wanted | there) > most
    yield Rejection(full, REASON)


def _handles(keys: Iterable[str], driver: str, snapshot: Snapshot) -> set[str]:
    """What is attached for these claims by the driver; one that is still to be made counts by its claim's key."""
    storage = snapshot.storage
    found = set()
    for key in keys:
        claim = storage.claims.get(key)
        if claim is None:
            continue
        volume = storage.volume_of(claim)
        if volume is not None:
            csi = volume.spec.csi if volume.spec else None
            if csi is not None and csi.driver == driver:
                found.add(csi.volume_handle)
        else:
            made_by = storage.classes.get(claims.class_of(claim))
            if made_by is not None and made_by.provisioner == driver:
                found.add(key)
    return found


PLUGIN = Plugin(
    name="NodeVolumeLimits",
    filter=rejections,
    retry_on=frozenset(
        {Cause.NODE_ADDED, Cause.POD_REMOVED, Cause.POD_CHANGED, Cause.CLAIM_CHANGED, Cause.CLASS_CHANGED}
    ),
)
