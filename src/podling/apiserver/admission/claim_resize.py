"""A claim may grow only when it is bound and its class allows it (upstream's PersistentVolumeClaimResize)."""

from __future__ import annotations

from podling.api import kinds
from podling.api.storage import claims
from podling.api.types import core_v1

from .review import Review, World


async def check(review: Review, world: World) -> None:
    assert review.obj is not None and review.old is not None
    claim: core_v1.PersistentVolumeClaim = review.obj.body
    old: core_v1.PersistentVolumeClaim = review.old.body
    if claims.asked(claim) <= claims.asked(old):
        return
    if old.status is None or old.status.phase != "Bound":
        raise review.forbid("Only bound persistent volume claims can be expanded")
    name = claims.class_of(claim)
    found = world.read(kinds.STORAGE_CLASS, "", name) if name else None
    if found is None or not found.allow_volume_expansion:
        raise review.forbid(
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
        )
