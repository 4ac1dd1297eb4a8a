"""The bookkeeping that memory and SQLite share: which key is at which revision, what is pending, what is garbage.

It holds no values and does no I/O, so it can be judged against at once while bytes are still on their way to the
disk. A store *proposes* a write (judged against committed and pending ones), brings it to safety, and then
*commits* it here, or *abandons* all that is proposed. A write makes the row of its predecessor superfluous; the
ledger keeps such rows as history within limits and then hands them out as garbage to be deleted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

import msgspec

from .interface import Change, Compacted, Conflict, FutureRevision, KeyExists, Mismatch

FIRST_REVISION = 1
"""The revision of an empty store; its first write gets the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLimits:
    """How much of the past a store keeps."""

    rows: int = 20_000
    """Superseded rows kept at most; a watch can resume across that many changes."""
    bytes: int = 32 * 1024 * 1024
    """Their values together, in bytes; keeps the file small when large objects change often."""


class Slot(msgspec.Struct, frozen=True, gc=False):
    """Where a key stands."""

    revision: int
    created: int
    size: int
    """Of the value in bytes; DELETED for a key that is not there any more."""


DELETED = -1


class _Superseded(msgspec.Struct, frozen=True, gc=False):
    at: int
    """Revision of the write that made the row superfluous."""
    row: int
    size: int


class Ledger:
    """See the module."""

    def __init__(self, limits: HistoryLimits) -> None:
        self._limits = limits
        self.revision = FIRST_REVISION
        """Of the newest committed write."""
        self.compacted = 0
        """History before this revision is gone."""
        self._latest = FIRST_REVISION  # of the newest proposed write
        self._slots: dict[str, Slot] = {}
        self._pending: dict[str, Slot] = {}
        self._sorted: list[str] | None = None
        self._history: deque[_Superseded] = deque()
        self._history_bytes = 0
        self._garbage: deque[int] = deque()
        self.unlogged: dict[str, int] = {}
        """Directory of `history=False` keys -> revision of the latest change in it."""

    # Judging and writing

    def conflict(self, key: str, expected: int) -> Conflict | None:
        """What speaks against a write of `key` by somebody who expects it at `expected` (0: absent)."""
        slot = self._pending.get(key) or self._slots.get(key)
        revision = slot.revision if slot is not None and slot.size != DELETED else 0
        if revision == expected:
            return None
        if expected == 0:
            return KeyExists(f"cannot create {key}: it exists", key=key, revision=revision)
        found = f"it is at revision {revision}" if revision else "it is absent"
        return Mismatch(f"cannot write {key} expected at {expected}: {found}", key=key, revision=revision)

    def is_pending(self, key: str) -> bool:
        """Whether a proposed write of `key` awaits its commit."""
        return key in self._pending

    def propose(self, key: str, value: bytes | None) -> Change:
        """Give a write that has been judged its revision."""
        slot = self._pending.get(key) or self._slots.get(key)
        self._latest += 1
        created = slot.created if slot is not None and slot.size != DELETED else self._latest
        self._pending[key] = Slot(self._latest, created, DELETED if value is None else len(value))
        return Change(key, value, self._latest, created)

    def commit(self, change: Change, *, history: bool) -> None:
        """A proposed write is safe. Commit in the order of proposing."""
        key, revision = change.key, change.revision
        pending = self._pending.get(key)
        if pending is not None and pending.revision == revision:
            del self._pending[key]
        size = len(change.value) if change.value is not None else DELETED
        self.restore(key, revision, created=change.create_revision, size=size, history=history)

    def abandon(self) -> None:
        """None of the proposed writes has happened. Their revisions are not given out again."""
        self._pending.clear()

    def restore(self, key: str, revision: int, *, created: int, size: int, history: bool) -> None:
        """Enter one committed row, in the order of revisions; `size` is DELETED for a deletion."""
        old = self._slots.get(key)
        if size == DELETED:
            self._slots.pop(key, None)
        else:
            self._slots[key] = Slot(revision, created, size)
        if (old is None) != (size == DELETED):
            self._sorted = None
        self.revision = revision
        self._latest = max(self._latest, revision)
        if not history:
            self.unlogged[directory(key)] = revision
        if old is not None:
            self._retire(old.revision, at=revision, size=old.size, history=history)
        if size == DELETED:
            self._retire(revision, at=revision, size=0, history=history)

    # Reading

    def slot(self, key: str) -> Slot | None:
        return self._slots.get(key)

    def keys(self, prefix: str, start: str) -> list[str]:
        """Committed keys that begin with `prefix` and are not below `start`, in order."""
        if self._sorted is None:
            self._sorted = sorted(self._slots)
        low = bisect_left(self._sorted, max(prefix, start))
        high = bisect_left(self._sorted, True, low, key=lambda key: not key.startswith(prefix))
        return self._sorted[low:high]

    def check_readable(self, revision: int) -> None:
        """Raises Compacted or FutureRevision when the state after `revision` cannot be shown."""
        if revision > self.revision:
            raise FutureRevision(f"cannot read at revision {revision}: the newest is {self.revision}")
        if revision < self.compacted:
            raise self._gone(revision, self.compacted)

    def check_history(self, prefix: str, since: int) -> None:
        """As `check_readable`, and Compacted when an unlogged key under `prefix` changed after `since`."""
        self.check_readable(since)
        for place, latest in self.unlogged.items():
            if latest > since and (place.startswith(prefix) or prefix.startswith(place)):
                raise self._gone(since, latest)

    # Forgetting

    def compact(self, revision: int) -> None:
        """Turn history before `revision` into garbage."""
        if revision > self.revision:
            raise FutureRevision(f"cannot compact to revision {revision}: the newest is {self.revision}")
        while self._history and self._history[0].at <= revision:
            self._drop_oldest()
        self.compacted = max(self.compacted, revision)

    def garbage(self) -> int:
        """How many rows wait to be deleted."""
        return len(self._garbage)

    def take_garbage(self, limit: int) -> list[int]:
        """Up to `limit` rows to delete, oldest first. The newest row stays: it remembers the revision."""
        taken: list[int] = []
        while self._garbage and len(taken) < limit and self._garbage[0] != self.revision:
            taken.append(self._garbage.popleft())
        return taken

    def return_garbage(self, rows: list[int]) -> None:
        """Deleting failed; they are still there."""
        self._garbage.extendleft(reversed(rows))

    def statistics(self) -> dict[str, int]:
        return {
            "revision": self.revision,
            "compacted": self.compacted,
            "keys": len(self._slots),
            "pending": len(self._pending),
            "history": len(self._history),
            "history_bytes": self._history_bytes,
            "garbage": len(self._garbage),
        }

    def _retire(self, row: int, *, at: int, size: int, history: bool) -> None:
        if not history:
            self._garbage.append(row)
            return
        self._history.append(_Superseded(at, row, size))
        self._history_bytes += size
        while len(self._history) > self._limits.rows or self._history_bytes > self._limits.bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = self._history.popleft()
        self._history_bytes -= oldest.size
        self._garbage.append(oldest.row)
        self.compacted = max(self.compacted, oldest.at)

    def _gone(self, revision: int, compacted: int) -> Compacted:
        return Compacted(
            f"cannot go back to revision {revision}: compacted to {compacted}", compacted=compacted
        )


def directory(key: str) -> str:
    """The key up to and with its last slash."""
    return key[: key.rfind("/") + 1]
