"""The face of the SQLite store on the event loop: judging, group commit, bringing changes out.

A write is judged and given its revision at once, against what is committed and what is pending, and joins the
batch that is being filled. While one batch is on its way to the disk the next one fills; it starts when the first
has landed, or at the end of the loop's turn when none is under way. So all writes that wait when a commit starts
share it. When a batch lands, its changes go to the watches first and then its writers are told. When it fails,
it fails for all its writers and for those of the filling batch, whose judgements rested on it.

Values live on disk only: the ledger holds revisions, and reads go through the worker thread. (The API server
reads from its cache.)
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path

from podling.store.feed import Commit, Commits, Feed
from podling.store.interface import Change, Closed, Page, Record, StoreError, StoreFault, Watch
from podling.store.ledger import HistoryLimits, Ledger, directory

from .database import Database, Loaded, Row
from .lock import FileLock
from .worker import Worker

log = logging.getLogger(__name__)

_PAST_AT_ONCE = 500
_SWEEP_FROM = 256  # rows of garbage worth a transaction of their own
_SWEEP_HARD = 4096  # so many that writers must wait for it
_SWEEP_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteSettings:
    """How the file is kept."""

    history: HistoryLimits = field(default_factory=HistoryLimits)
    quota_bytes: int = 8 * 1024**3
    """Writes fail when the file would grow beyond this; etcd's suggested maximum."""
    tidy_bytes: int = 4 * 1024 * 1024
    """With that much in the write-ahead log it is moved into the file as soon as nobody waits for a commit."""
    tidy_hard_bytes: int = 16 * 1024 * 1024
    """With that much it is moved even when writers wait, so that it stays small under any load."""


@dataclass(slots=True)
class _Batch:
    """Writes that are committed together; index by index the same write."""

    changes: list[Change] = field(default_factory=list)
    history: list[bool] = field(default_factory=list)
    writers: list[asyncio.Future[None]] = field(default_factory=list)
    unlogged: list[str] = field(default_factory=list)
    settled: list[asyncio.Future[None]] = field(default_factory=list)
    """Those who wait for the batch to land or fail, whatever it is."""

    def rows(self) -> list[Row]:
        return [
            (change.revision, change.create_revision, int(history), change.key, change.value)
            for change, history in zip(self.changes, self.history, strict=True)
        ]


class SqliteStore:
    """See `interface.Store`. `path` is the database; `path.lock` and, while it is open, `path-wal` lie beside it."""

    def __init__(self, path: Path, settings: SqliteSettings | None = None) -> None:
        self._path = path
        self._settings = settings or SqliteSettings()
        self._ledger = Ledger(self._settings.history)
        self._lock = FileLock(path.with_name(path.name + ".lock"))
        self._worker = Worker(f"store {path.name}")
        self._database: Database | None = None
        self._commits: Commits | None = None
        self._closing = False
        self._filling = _Batch()
        self._flying: _Batch | None = None
        self._scheduled = False
        self._sweeping = False
        self._tidying = False
        self._is_shrinking = False
        self._log_bytes = 0
        self._commit_count = 0

    # Life

    async def start(self) -> None:
        self._lock.acquire()
        self._worker.start()
        try:
            self._database, loaded = await self._worker.call(self._load)
        except BaseException:
            await self._worker.stop()
            self._lock.release()
            raise
        ledger = self._ledger = Ledger(self._settings.history)
        for revision, created, history, key, size in loaded.rows:
            ledger.restore(key, revision, created=created, size=size, history=bool(history))
        ledger.compact(loaded.compacted)
        for name in loaded.unlogged:
            ledger.unlogged[name] = ledger.revision
        self._commits = Commits(f"store {self._path.name}")
        self._closing = False
        self._sweep(_SWEEP_FROM)

    async def close(self) -> None:
        if self._closing or self._commits is None or self._database is None:
            return
        self._closing = True
        while self._flying is not None or self._filling.changes:
            await self._wait_settled()
        commits, self._commits = self._commits, None
        database, self._database = self._database, None
        try:
            await self._worker.call(database.close)
        finally:
            await self._worker.stop()
            self._lock.release()
            commits.close()

    # Reads

    async def current_revision(self) -> int:
        self._open()
        return self._ledger.revision

    async def get(self, key: str) -> Record | None:
        database = self._open()
        slot = self._ledger.slot(key)
        if slot is None:
            return None
        (record,) = await self._worker.call(lambda: database.read([slot.revision]))
        return record

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        database = self._open()
        ledger = self._ledger
        if revision and revision != ledger.revision:
            ledger.check_history(prefix, revision)
            return await self._worker.call(
                lambda: _page(database, database.rows_at(prefix, start, revision), limit, revision)
            )
        slots = map(ledger.slot, ledger.keys(prefix, start))
        rows = [slot.revision for slot in slots if slot is not None]
        now = ledger.revision
        # given to the worker within this turn, so that no sweep can delete the rows before
        return await self._worker.call(lambda: _page(database, rows, limit, now))

    def watch(self, prefix: str, *, since: int) -> Watch:
        self._open()
        if self._commits is None:
            raise AssertionError("an open store has commits")
        return Feed(self._ledger, self._commits, self._past, prefix=prefix, since=since)

    # Writes

    async def create(self, key: str, value: bytes, *, history: bool = True) -> int:
        return await self._write(key, value, 0, history)

    async def update(self, key: str, value: bytes, *, expected: int, history: bool = True) -> int:
        return await self._write(key, value, expected, history)

    async def delete(self, key: str, *, expected: int, history: bool = True) -> int:
        return await self._write(key, None, expected, history)

    async def compact(self, revision: int) -> None:
        database = self._open()
        self._ledger.compact(revision)
        rows, compacted = self._ledger.take_garbage(_SWEEP_AT_ONCE), self._ledger.compacted
        try:
            await self._worker.call(lambda: database.sweep(rows, compacted))
        except StoreFault:
            self._ledger.return_garbage(rows)
            raise
        self._sweep(_SWEEP_FROM)

    def statistics(self) -> dict[str, int]:
        return {**self._ledger.statistics(), "commits": self._commit_count}

    def _open(self) -> Database:
        if self._closing or self._database is None:
            raise Closed(f"cannot use the store {self._path}: it is not open")
        return self._database

    def _load(self) -> tuple[Database, Loaded]:
        database = Database(self._path, quota_bytes=self._settings.quota_bytes)
        return database, database.load()

    async def _past(self, prefix: str, after: int, upto: int) -> tuple[list[Change], int]:
        database = self._open()
        found = await self._worker.call(
            lambda: database.changes(prefix, after=after, upto=upto, limit=_PAST_AT_ONCE)
        )
        self._ledger.check_readable(after)  # a sweep may have come between
        return found, found[-1].revision if len(found) == _PAST_AT_ONCE else upto

    async def _write(self, key: str, value: bytes | None, expected: int, history: bool) -> int:
        self._open()
        ledger = self._ledger
        while (conflict := ledger.conflict(key, expected)) is not None:
            if not ledger.is_pending(key):
                raise conflict
            await self._wait_settled()  # the write that speaks against this one may yet fail
            self._open()
        change = ledger.propose(key, value)
        writer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        filling = self._filling
        filling.changes.append(change)
        filling.history.append(history)
        filling.writers.append(writer)
        if not history and (place := directory(key)) not in ledger.unlogged:
            filling.unlogged.append(place)
        if self._flying is None and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._take_off)
        await writer
        return change.revision

    async def _wait_settled(self) -> None:
        """Wait until the batch that lands next has landed or failed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._flying or self._filling).settled.append(waiter)
        await waiter

    def _take_off(self) -> None:
        self._scheduled = False
        if self._flying is not None or not self._filling.changes or self._database is None:
            return
        batch, self._filling = self._filling, _Batch()
        self._flying = batch
        database, rows, unlogged = self._database, batch.rows(), batch.unlogged
        self._log_bytes += sum(len(change.value or b"") + 100 for change in batch.changes) + 8192
        self._worker.submit(
            lambda: database.append(rows, unlogged), lambda _, error: self._land(batch, error)
        )

    def _land(self, batch: _Batch, error: BaseException | None) -> None:
        self._flying = None
        if error is None:
            self._landed(batch)
        else:
            self._failed(batch, error)
        for waiter in batch.settled:
            if not waiter.done():
                waiter.set_result(None)
        self._housekeep(waiting=bool(self._filling.changes))
        self._take_off()

    def _landed(self, batch: _Batch) -> None:
        self._commit_count += 1
        for change, history in zip(batch.changes, batch.history, strict=True):
            self._ledger.commit(change, history=history)
        if self._commits is not None:
            self._commits.publish(Commit(tuple(batch.changes), self._ledger.revision))
        for writer in batch.writers:
            if not writer.done():
                writer.set_result(None)

    def _failed(self, batch: _Batch, error: BaseException) -> None:
        self._ledger.abandon()
        dependent, self._filling = self._filling, _Batch()
        for writer in (*batch.writers, *dependent.writers):
            if not writer.done():
                writer.set_exception(_as_fault(error))
        batch.settled += dependent.settled

    # Housekeeping

    def _housekeep(self, *, waiting: bool) -> None:
        """Give the worker what is due; later when writers wait, but never too late."""
        settings = self._settings
        is_due = self._log_bytes > (settings.tidy_hard_bytes if waiting else settings.tidy_bytes)
        if is_due or (self._is_shrinking and not waiting):
            self._tidy()
        self._sweep(_SWEEP_HARD if waiting else _SWEEP_FROM)

    def _tidy(self) -> None:
        if self._database is not None and not self._tidying:
            self._tidying = True
            self._log_bytes = 0
            self._worker.submit(self._database.tidy, self._tidied)

    def _tidied(self, has_more: bool | None, error: BaseException | None) -> None:
        self._tidying = False
        self._is_shrinking = bool(has_more)
        if error is not None:
            log.error("%s", error, exc_info=error)
        elif has_more:
            self._housekeep(waiting=self._flying is not None)

    def _sweep(self, worthwhile: int) -> None:
        if self._sweeping or self._database is None or self._ledger.garbage() < worthwhile:
            return
        rows = self._ledger.take_garbage(_SWEEP_AT_ONCE)
        if not rows:
            return
        self._sweeping = True
        database, compacted = self._database, self._ledger.compacted
        self._worker.submit(
            lambda: database.sweep(rows, compacted), lambda _, error: self._swept(rows, error)
        )

    def _swept(self, rows: list[int], error: BaseException | None) -> None:
        self._sweeping = False
        self._log_bytes += len(rows) * 4096
        if error is None:
            self._housekeep(waiting=self._flying is not None)
        else:
            self._ledger.return_garbage(rows)  # tried again with the next commit
            log.error("%s", error, exc_info=error)


def _page(database: Database, rows: list[int], limit: int, revision: int) -> Page:
    shown = rows[:limit] if limit else rows
    left = len(rows) - len(shown)
    return Page(tuple(database.read(shown)), revision, left > 0, left)


def _as_fault(error: BaseException) -> StoreError:
    """One exception for each writer: a shared one would collect all their tracebacks."""
    fault = StoreFault(str(error))
    fault.__cause__ = error
    return fault
