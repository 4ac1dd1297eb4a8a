"""VolumeRestrictions: a claim that only one Pod at a time may use is used by one Pod at a time (KEP-2485, ReadWriteOncePod)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from podling.api.storage import claims
from podling.scheduler.framework import Cause, Plugin, Query, Rejection
from podling.scheduler.snapshot import Snapshot

REASON = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"


def rejections(query: Query, snapshot: Snapshot) -> Iterable[Rejection]:
    for key in query.demand.claims:
        claim = snapshot.storage.claims.get(key)
        alone = claim is not None and claims.ONCE_POD in claims.modes(claim)
        if alone and snapshot.claim_users.get(key):
            yield Rejection(np.ones(snapshot.rows, dtype=np.bool_), REASON)
            return


PLUGIN = Plugin(
    name="VolumeRestrictions",
    filter=rejections,
    retry_on=frozenset({Cause.NODE_ADDED, Cause.POD_REMOVED, Cause.POD_CHANGED, Cause.CLAIM_CHANGED}),
)
