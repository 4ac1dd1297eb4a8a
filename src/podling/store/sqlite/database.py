"""The file and its SQL; everything here runs on the worker thread.

One table holds a row for each write, numbered by its revision: writing only ever appends, and a whole batch is one
INSERT statement and so one transaction. What the ledger calls garbage is deleted later, in transactions of its
own; when a crash prevents that, the superfluous rows are recognised on loading. `meta` remembers the compacted
revision, `unlogged` the directories of keys whose past is not kept. A deletion is a row with a NULL value.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec

from podling.store.interface import Change, Record, StoreFault

Row = tuple[int, int, int, str, bytes | None]
"""revision, create revision, history kept (1 or 0), key, value."""

FORMAT = 1
_APPLICATION = 0x706F646C  # "podl", so that file(1) can tell what this is
_ROWS_AT_ONCE = (
    64  # rows in one INSERT; SQLite takes 6553 with five values each, and each size is compiled once
)
_PAGES_AT_ONCE = 256  # 2 MB given back at once: writers that come meanwhile wait some 15 ms
_PAGES_SPARE = 1000  # 8 MB that may lie unused in any file

_SCHEMA = """
PRAGMA application_id = {application};
PRAGMA user_version = {format};
CREATE TABLE records (
    revision INTEGER PRIMARY KEY,
    created INTEGER NOT NULL,
    history INTEGER NOT NULL,
    key TEXT NOT NULL,
    value BLOB
);
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE unlogged (directory TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Loaded(msgspec.Struct, frozen=True):
    """What the ledger needs to know of the file."""

    rows: list[tuple[int, int, int, str, int]]
    """revision, create revision, history kept, key, size of the value (-1 for a deletion); by revision."""
    compacted: int
    unlogged: list[str]


class Database:
    """An open file. Raises StoreFault, with SQLite's error chained, from every method."""

    def __init__(self, path: Path, *, quota_bytes: int) -> None:
        self._path = path
        with self._fault("open"):
            self._connection = self._open(quota_bytes)
        self.unsafe: StoreFault | None = None
        """Set when the system failed to bring bytes to the disk: what it would say next cannot be trusted."""

    def close(self) -> None:
        with self._fault("close"):
            self._connection.close()

    def load(self) -> Loaded:
        with self._fault("load"):
            rows = self._connection.execute(
                "SELECT revision, created, history, key, ifnull(length(value), -1) FROM records ORDER BY revision"
            ).fetchall()
            compacted = self._connection.execute("SELECT value FROM meta WHERE name = 'compacted'").fetchone()
            unlogged = self._connection.execute("SELECT directory FROM unlogged").fetchall()
        return Loaded(rows, compacted[0] if compacted else 0, [directory for (directory,) in unlogged])

    def append(self, rows: Sequence[Row], new_unlogged: Sequence[str]) -> None:
        """Bring a batch to the disk: all of it, or nothing of it."""
        if self.unsafe is not None:
            raise self.unsafe
        with self._fault("write to"):
            if len(rows) <= _ROWS_AT_ONCE and not new_unlogged:
                self._insert(rows)
                return
            with self._transaction():
                self._connection.executemany(
                    "INSERT OR IGNORE INTO unlogged VALUES (?)", [(name,) for name in new_unlogged]
                )
                for first in range(0, len(rows), _ROWS_AT_ONCE):
                    self._insert(rows[first : first + _ROWS_AT_ONCE])

    def sweep(self, rows: Sequence[int], compacted: int) -> None:
        """Delete garbage and remember how far the past is gone."""
        with self._fault("compact"), self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('compacted', ?)", (compacted,))
            self._connection.execute(
                "DELETE FROM records WHERE revision IN (SELECT value FROM json_each(?))", (json.dumps(rows),)
            )

    def tidy(self) -> bool:
        """Move the write-ahead log into the file, and give back a little when half of the file is unused.

        Returns whether there is more to give back.
        """
        with self._fault("tidy"):
            is_shrinking = self._is_half_empty()
            if is_shrinking:
                # not `execute`, which takes one step of a statement without rows: that is one page
                self._connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            return is_shrinking and self._is_half_empty()

    def read(self, revisions: Sequence[int]) -> list[Record]:
        """The records in these rows, in the order asked for."""
        with self._fault("read"):
            found = self._connection.execute(
                "SELECT r.key, r.value, r.revision, r.created FROM json_each(?) j JOIN records r"
                " ON r.revision = j.value ORDER BY j.key",
                (json.dumps(revisions),),
            ).fetchall()
        return [Record(*row) for row in found]

    def rows_at(self, prefix: str, start: str, revision: int) -> list[int]:
        """The rows that make up the state after `revision`, in the order of their keys."""
        with self._fault("read"):
            found = self._connection.execute(
                "SELECT max(revision), value IS NULL FROM records WHERE revision <= ?"
                " AND substr(key, 1, ?) = ? AND key >= ? GROUP BY key ORDER BY key",
                (revision, len(prefix), prefix, start),
            ).fetchall()
        return [row for row, deleted in found if not deleted]

    def changes(self, prefix: str, *, after: int, upto: int, limit: int) -> list[Change]:
        """The first `limit` writes in (after, upto]."""
        with self._fault("read"):
            found = self._connection.execute(
                "SELECT key, value, revision, created FROM records WHERE revision > ? AND revision <= ?"
                " AND substr(key, 1, ?) = ? ORDER BY revision LIMIT ?",
                (after, upto, len(prefix), prefix, limit),
            ).fetchall()
        return [Change(*row) for row in found]

    def _open(self, quota_bytes: int) -> sqlite3.Connection:
        # made here so that the file is never readable by others, not even for a moment
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.chmod(self._path, 0o600)
        connection = sqlite3.connect(
            self._path, isolation_level=None, cached_statements=_ROWS_AT_ONCE + 16, check_same_thread=False
        )
        try:
            self._prepare(connection, quota_bytes)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, quota_bytes: int) -> None:
        # before the first access: the log's index then lives in memory and no other process gets in
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA page_size = 8192")  # two ordinary Pods a page; 4096 holds only one
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # `tidy` does, when nobody waits
        connection.execute("PRAGMA journal_size_limit = 16777216")  # what a burst made longer is cut
        connection.execute("PRAGMA cache_size = -2000")  # 2 MB: rows are appended, hardly ever read
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {max(1, quota_bytes // page_size)}")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found == 0:
            schema = _SCHEMA.format(application=_APPLICATION, format=FORMAT)
            connection.executescript(f"BEGIN; {schema} COMMIT;")
        elif found != FORMAT:
            raise StoreFault(
                f"cannot open the store {self._path}: its format is {found}, this program knows {FORMAT}"
            )

    def _is_half_empty(self) -> bool:
        (unused,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        return bool(unused > max(_PAGES_SPARE, pages // 2))

    def _insert(self, rows: Sequence[Row]) -> None:
        self._connection.execute(_insert(len(rows)), [value for row in rows for value in row])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _fault(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            fault = StoreFault(f"cannot {verb} the store {self._path}: {error}")
            name = getattr(error, "sqlite_errorname", "")
            if name.endswith("FSYNC"):
                self.unsafe = fault
            raise fault from error


@cache
def _insert(rows: int) -> str:
    return "INSERT INTO records VALUES " + ", ".join(["(?, ?, ?, ?, ?)"] * rows)
