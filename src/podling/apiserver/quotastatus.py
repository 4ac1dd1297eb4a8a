"""Writing what is used of a quota, by compare-and-swap, on the server's own account: neither admitted nor tracked."""

from __future__ import annotations

from collections.abc import Mapping

from podling.api import codec, kinds
from podling.api.types import core_v1
from podling.store.interface import Mismatch
from podling.store.watchcache import Collection, WatchCache

from . import indexing


class QuotaStatus:
    def __init__(self, cache: WatchCache, collection: Collection) -> None:
        self._cache = cache
        self._collection = collection

    async def write(self, quota: core_v1.ResourceQuota, used: Mapping[str, str]) -> None:
        """Store `used` in a quota that is still as given; raises Mismatch. A quota that is gone needs nothing."""
        meta = quota.metadata
        key = self._collection.key(meta.namespace or "", meta.name or "")
        entry = self._collection.get(key)
        if entry is None:
            return
        obj = codec.decode(kinds.RESOURCE_QUOTA, entry.value)
        if obj.metadata.resource_version != meta.resource_version:
            raise Mismatch("the quota has changed", key=entry.key, revision=entry.revision)
        status = obj.body.status or core_v1.ResourceQuotaStatus()
        status.used = dict(used)
        obj.body.status = status
        obj.metadata.resource_version = None
        data, indexed = codec.encode(obj), indexing.of(obj)
        try:
            await self._cache.update(
                self._collection, entry.key, data, expected=entry.revision, indexed=indexed
            )
        except Mismatch as lost:
            await self._cache.wait_revision(
                lost.revision
            )  # so that whoever tries again sees what it lost against
            raise
