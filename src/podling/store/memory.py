"""The store of tests and simulations: all of the contract but the disk.

Rows are kept as SQLite keeps them, one for each write, so that history and compaction are the same. A write is
committed within the call: nothing is ever pending and no method suspends, which keeps simulated time exact.
"""

from __future__ import annotations

from itertools import islice

import msgspec

from .feed import Commit, Commits, Feed
from .interface import Change, Closed, Page, Record, Watch
from .ledger import HistoryLimits, Ledger

_PAST_AT_ONCE = 1000


class _Row(msgspec.Struct, frozen=True, gc=False):
    change: Change
    history: bool


class MemoryStore:
    """See `interface.Store`. Its content goes with the object; closing and starting again keeps it."""

    def __init__(self, limits: HistoryLimits | None = None) -> None:
        self._ledger = Ledger(limits or HistoryLimits())
        self._rows: dict[int, _Row] = {}  # in the order of revisions
        self._commits: Commits | None = None

    async def start(self) -> None:
        self._commits = Commits("memory store")

    async def close(self) -> None:
        if self._commits is not None:
            self._commits.close()
            self._commits = None

    async def current_revision(self) -> int:
        self._open()
        return self._ledger.revision

    async def get(self, key: str) -> Record | None:
        self._open()
        slot = self._ledger.slot(key)
        return self._record(slot.revision) if slot is not None else None

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        self._open()
        if revision:
            self._ledger.check_history(prefix, revision)
        revision = revision or self._ledger.revision
        rows = self._rows_at(prefix, start, revision)
        shown = rows[:limit] if limit else rows
        left = len(rows) - len(shown)
        return Page(tuple(map(self._record, shown)), revision, left > 0, left)

    async def create(self, key: str, value: bytes, *, history: bool = True) -> int:
        return self._write(key, value, 0, history)

    async def update(self, key: str, value: bytes, *, expected: int, history: bool = True) -> int:
        return self._write(key, value, expected, history)

    async def delete(self, key: str, *, expected: int, history: bool = True) -> int:
        return self._write(key, None, expected, history)

    def watch(self, prefix: str, *, since: int) -> Watch:
        return Feed(self._ledger, self._open(), self._past, prefix=prefix, since=since)

    async def compact(self, revision: int) -> None:
        self._open()
        self._ledger.compact(revision)
        self._sweep()

    def statistics(self) -> dict[str, int]:
        return self._ledger.statistics()

    def _open(self) -> Commits:
        if self._commits is None:
            raise Closed("cannot use the memory store: it is not open")
        return self._commits

    def _write(self, key: str, value: bytes | None, expected: int, history: bool) -> int:
        commits = self._open()
        conflict = self._ledger.conflict(key, expected)
        if conflict is not None:
            raise conflict
        change = self._ledger.propose(key, value)
        self._rows[change.revision] = _Row(change, history)
        self._ledger.commit(change, history=history)
        self._sweep()
        commits.publish(Commit((change,), change.revision))
        return change.revision

    def _sweep(self) -> None:
        for revision in self._ledger.take_garbage(self._ledger.garbage()):
            del self._rows[revision]

    def _record(self, revision: int) -> Record:
        change = self._rows[revision].change
        if change.value is None:
            raise AssertionError(f"row {revision} of {change.key} is a deletion")
        return Record(change.key, change.value, revision, change.create_revision)

    def _rows_at(self, prefix: str, start: str, revision: int) -> list[int]:
        """The rows that make up the state after `revision`, in the order of their keys."""
        if revision == self._ledger.revision:
            slots = map(self._ledger.slot, self._ledger.keys(prefix, start))
            return [slot.revision for slot in slots if slot is not None]
        newest: dict[str, Change] = {}
        for row in self._rows.values():
            if row.change.revision <= revision and row.change.key.startswith(prefix):
                newest[row.change.key] = row.change
        return [newest[key].revision for key in sorted(newest) if key >= start and not newest[key].deleted]

    async def _past(self, prefix: str, after: int, upto: int) -> tuple[list[Change], int]:
        rows = (row.change for number, row in self._rows.items() if after < number <= upto)
        found = list(islice((change for change in rows if change.key.startswith(prefix)), _PAST_AT_ONCE))
        return found, found[-1].revision if len(found) == _PAST_AT_ONCE else upto
