"""VolumeZone: a volume that is labelled with a zone or region is used only there.

For volumes from before there was node affinity; a label may name several zones, as ``a__b``.  Nodes that say nothing about zones
are taken to be in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from podling.scheduler.framework import Cause, Plugin, Query, Rejection
from podling.scheduler.snapshot import ABSENT, Mask, Snapshot
from podling.scheduler.storage import Volume

REASON = "node(s) had no available volume zone"
_GENERAL = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
}
"""Labels of old, by which volumes may be labelled still, and what nodes are labelled with besides them."""
KEYS = (*_GENERAL.values(), *_GENERAL)
SEPARATOR = "__"


def rejections(query: Query, snapshot: Snapshot) -> Iterable[Rejection]:
    if not query.demand.claims:
        return
    away = np.zeros(snapshot.rows, dtype=np.bool_)
    for claim in snapshot.storage.needs(query.pod).bound:
        volume = snapshot.storage.volume_of(claim)
        if volume is not None:
            away |= _away(volume, snapshot)
    if away.any():
        anywhere = np.logical_and.reduce([snapshot.label(key) == ABSENT for key in KEYS])
        yield Rejection(away & ~anywhere, REASON, final=True)


def _away(volume: Volume, snapshot: Snapshot) -> Mask:
    """The nodes that are in none of the volume's zones."""
    away = np.zeros(snapshot.rows, dtype=np.bool_)
    labels = volume.metadata.labels or {}
    for key in KEYS:
        if key in labels:
            zones = labels[key].split(SEPARATOR)
            here = _within(snapshot, key, zones)
            if key in _GENERAL:
                unsaid = snapshot.label(key) == ABSENT
                here |= unsaid & _within(snapshot, _GENERAL[key], zones)
            away |= ~here
    return away


def _within(snapshot: Snapshot, key: str, values: list[str]) -> Mask:
    known = snapshot.label_values_of(key)
    numbers = [known[value] for value in values if value in known]
    return np.isin(snapshot.label(key), numbers) if numbers else np.zeros(snapshot.rows, dtype=np.bool_)


PLUGIN = Plugin(
    name="VolumeZone",
    filter=rejections,
    retry_on=frozenset(
        {Cause.NODE_ADDED, Cause.NODE_LABELS, Cause.POD_CHANGED, Cause.CLAIM_CHANGED, Cause.VOLUME_CHANGED}
    ),
)
