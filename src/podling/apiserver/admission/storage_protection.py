"""Claims and volumes do not vanish while they are in use (upstream's StorageObjectInUseProtection).

Each gets a finalizer, which its protection controller takes off when nothing needs the object any more.
"""

from __future__ import annotations

from podling.api import kinds
from podling.api.storage import marks

from .review import Review, World


async def admit(review: Review, _: World) -> None:
    assert review.obj is not None
    is_claim = review.kind is kinds.PERSISTENT_VOLUME_CLAIM
    finalizer = marks.CLAIM_PROTECTION if is_claim else marks.VOLUME_PROTECTION
    meta = review.obj.metadata
    if finalizer not in (meta.finalizers or ()):
        meta.finalizers = [*(meta.finalizers or ()), finalizer]
