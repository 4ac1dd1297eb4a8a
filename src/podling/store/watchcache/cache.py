"""The cache as a whole: it loads, follows the store, takes writes, and says how far it is.

Order is the store's: the cache changes only by what its one watch of the store yields, so two servers on one etcd
see the same. A write returns when it is committed *and* has come back through the watch: whoever has written finds
its write in the cache. All changes that arrive together are applied first and then told to the watchers, in one go.

When its watch is lost (a server behind the store was away too long), the cache loads anew and ends all
subscriptions with Compacted, which sends clients to list again.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable

from podling.aio.service import Service
from podling.store.interface import Change, Closed, Compacted, FutureRevision, Lagging, Record, Store

from .collection import Collection, CollectionConfig, Splice
from .entry import Entry, Indexed
from .pens import Pens

log = logging.getLogger(__name__)

_PAGE = 2000


class WatchCache(Service):
    """See the module. The store is started before and closed after it by whoever owns it."""

    def __init__(self, store: Store, *, splice: Splice, root: str = "/registry/") -> None:
        super().__init__("watch cache")
        self.store = store
        self.revision = 0
        """Every change of the store up to here is in."""
        self._splice = splice
        self._root = root
        self._collections: dict[str, Collection] = {}
        self._by_directory: dict[str, Collection | None] = {}
        self._held: dict[Collection, list[Change]] = {}  # changes that arrive while a collection loads
        self._pens = Pens()
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._waiter_count = 0

    # Collections

    def add(self, config: CollectionConfig) -> Collection:
        """A collection that is filled by `start`. Only before that; later it is `open`."""
        if config.prefix in self._collections:
            raise ValueError(f"cannot add {config.prefix}: it is there already")
        collection = Collection(config, self._splice, lambda: self.revision)
        self._collections[config.prefix] = collection
        self._by_directory.clear()
        return collection

    async def open(self, config: CollectionConfig) -> Collection:
        """Add a collection to the running cache, filled."""
        collection = self.add(config)
        held = self._held[collection] = []
        try:
            await self._fill(collection)
        except BaseException:
            self.discard(collection)
            raise
        finally:
            del self._held[collection]
        now = asyncio.get_running_loop().time()
        for change in held:
            collection.apply(change, None, now)
        collection.tell()
        return collection

    def discard(self, collection: Collection) -> None:
        """Forget a collection (its kind is not served any more) and end its subscriptions."""
        self._collections.pop(collection.prefix, None)
        self._by_directory.clear()
        collection.end(Closed(f"cannot go on watching {collection.prefix}: it is not served any more"))

    # Writes

    async def create(
        self, collection: Collection, key: str, value: bytes, *, indexed: Indexed | None = None
    ) -> Entry:
        """Commit a new object. `value` has no resourceVersion. Raises KeyExists, StoreFault."""
        with self._pens.writing(key, value, indexed) as pen:
            revision = await self.store.create(key, value, history=collection.config.history)
            if self.revision < revision:
                await self.wait_revision(revision)
            return pen.results.pop(revision, None) or self._unseen(collection, key, value, revision)

    async def update(
        self, collection: Collection, key: str, value: bytes, *, expected: int, indexed: Indexed | None = None
    ) -> Entry:
        """Commit a new value of an object at revision `expected`. Raises Mismatch, StoreFault."""
        with self._pens.writing(key, value, indexed) as pen:
            history = collection.config.history
            revision = await self.store.update(key, value, expected=expected, history=history)
            if self.revision < revision:
                await self.wait_revision(revision)
            return pen.results.pop(revision, None) or self._unseen(collection, key, value, revision)

    async def delete(self, collection: Collection, key: str, *, expected: int) -> Entry | None:
        """Commit the deletion of an object at revision `expected`; returns its last state under the deletion's
        revision (None: the cache had to load anew meanwhile). Raises Mismatch, StoreFault."""
        with self._pens.writing(key, None, None) as pen:
            revision = await self.store.delete(key, expected=expected, history=collection.config.history)
            if self.revision < revision:
                await self.wait_revision(revision)
            return pen.results.pop(revision, None)

    # Freshness

    async def wait_fresh(self) -> int:
        """Wait until every write that anybody has seen acknowledged is in; returns the cache's revision."""
        newest = await self.store.current_revision()
        if self.revision < newest:
            await self.wait_revision(newest)
        return self.revision

    async def wait_revision(self, revision: int, *, seconds: float | None = None) -> None:
        """Wait until the cache is at `revision` or later. Raises FutureRevision after `seconds`, Closed when it ends."""
        if self.revision >= revision:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiter_count += 1
        heapq.heappush(self._waiters, (revision, self._waiter_count, waiter))
        try:
            if seconds is None:
                await waiter
                return
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError as error:
            raise FutureRevision(
                f"cannot wait for revision {revision}: the newest is {self.revision}"
            ) from error
        finally:
            if waiter.cancelled():
                self._waiters = [one for one in self._waiters if one[2] is not waiter]
                heapq.heapify(self._waiters)

    # Life

    async def _start(self) -> None:
        loaded = asyncio.Event()
        following = self.tasks.start(self._follow(loaded), name="follow")
        waiting = self.tasks.start(loaded.wait(), name="loaded")
        await asyncio.wait((following, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not loaded.is_set() and self.failure is None:
            raise Closed("cannot start the watch cache: the store is closed")

    async def _close(self) -> None:
        for collection in self._collections.values():
            collection.end(Closed("cannot go on watching: the server is stopping"))
        for _, _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(Closed("cannot go on waiting: the server is stopping"))
        self._waiters.clear()

    async def _follow(self, loaded: asyncio.Event) -> None:
        """Load, then take in what the store's watch yields; for ever, or until the store is closed."""
        while True:
            since = await self.store.current_revision()
            try:
                async with self.store.watch(self._root, since=since) as watch:
                    await self._load()
                    loaded.set()
                    async for changes in watch:
                        self._take(changes, watch.revision)
            except (Lagging, Compacted) as error:
                log.warning("the cache loads anew: %s", error)
            except Closed:
                return

    async def _load(self) -> None:
        found: dict[Collection, list[Entry]] = {collection: [] for collection in self._collections.values()}

        def keep(record: Record) -> None:
            collection = self._of(record.key)
            if collection is not None:
                found[collection].append(_loaded(collection, record))

        revision = await self._read(self._root, keep)
        for collection, entries in found.items():
            collection.load(entries, revision)
        self.revision = max(self.revision, revision)
        self._wake()

    async def _fill(self, collection: Collection) -> None:
        entries: list[Entry] = []
        revision = await self._read(
            collection.prefix, lambda record: entries.append(_loaded(collection, record))
        )
        collection.load(entries, revision)

    async def _read(self, prefix: str, keep: Callable[[Record], None]) -> int:
        """Give all records under a prefix to `keep`; returns the one revision whose state they are."""
        start, revision = "", 0
        while True:
            page = await self.store.range(prefix, start=start, limit=_PAGE, revision=revision)
            for record in page.records:
                keep(record)
            if not page.more:
                return page.revision
            start, revision = page.records[-1].key + "\0", page.revision

    def _take(self, changes: tuple[Change, ...], revision: int) -> None:
        now = asyncio.get_running_loop().time()
        touched: dict[Collection, None] = {}
        for change in changes:
            collection = self._of(change.key)
            if collection is None:
                continue
            if self._held and collection in self._held:
                self._held[collection].append(change)
                continue
            self._apply(collection, change, now)
            touched[collection] = None
        self.revision = max(self.revision, revision)
        for collection in touched:
            collection.tell()
        if self._waiters:
            self._wake()

    def _apply(self, collection: Collection, change: Change, now: float) -> None:
        pen = self._pens.get(change.key)
        if pen is None:
            collection.apply(change, None, now)
            return
        prepared = None
        if change.value is not None and (indexed := pen.indexed(change.value)) is not None:
            value = self._splice(change.value, change.revision)
            prepared = Entry(change.key, value, change.revision, change.create_revision, *indexed)
        entry = collection.apply(change, prepared, now)
        if entry is not None:
            pen.results[change.revision] = entry

    def _of(self, key: str) -> Collection | None:
        directory = key[: key.rfind("/") + 1]
        try:
            return self._by_directory[directory]
        except KeyError:
            found = self._by_directory[directory] = self._look_up(directory)
            return found

    def _look_up(self, directory: str) -> Collection | None:
        """A collection's keys lie in its prefix or one directory deeper; the longer prefix wins."""
        above = directory[: directory.rfind("/", 0, -1) + 1]
        found = self._collections.get(directory)
        return found if found is not None else self._collections.get(above)

    def _wake(self) -> None:
        while self._waiters and self._waiters[0][0] <= self.revision:
            _, _, waiter = heapq.heappop(self._waiters)
            if not waiter.done():
                waiter.set_result(None)

    def _unseen(self, collection: Collection, key: str, value: bytes, revision: int) -> Entry:
        """The entry of a write that did not pass by, because the cache was just loading anew."""
        return collection.get(key) or collection.stamped(key, value, revision, revision)


def _loaded(collection: Collection, record: Record) -> Entry:
    return collection.stamped(record.key, record.value, record.revision, record.create_revision)
