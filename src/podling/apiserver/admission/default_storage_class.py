"""A claim that names no class is of the default one, if there is one (upstream's DefaultStorageClass)."""

from __future__ import annotations

from podling.api import kinds
from podling.api.storage import claims
from podling.api.types import core_v1

from .review import Review, World


async def admit(review: Review, world: World) -> None:
    assert review.obj is not None
    claim: core_v1.PersistentVolumeClaim = review.obj.body
    if claim.spec is None or claims.names_class(claim):
        return
    default = claims.default_class(world.bodies(kinds.STORAGE_CLASS))
    if default is not None:
        claim.spec.storage_class_name = default.metadata.name
