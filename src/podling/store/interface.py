"""What a store promises: the contract that memory, SQLite and etcd keep alike.

**Model.** A store maps keys (`/registry/pods/default/web`) to bytes. Every write that succeeds gets a revision
of its own. Revisions are global (one counter for all keys), strictly rising, never used twice, and not
necessarily without gaps; the first write of a new store gets one greater than 1, because clients take
"0" and "1" for special. A `Record` carries the revision of its last write and that of its creation.

**Ownership.** Keys, values and records are immutable and may be kept and shared by both sides. A store owns its
files, threads and connections from `start` until `close` returns. One event loop uses a store: all methods are
called, and all results arrive, on the loop that `start` ran on.

**Writes.** `create`, `update` and `delete` are compare-and-swap: they judge, in the order of the calls, the newest
state *including writes that are still on their way to the disk*; a judgement against a write that then fails is
made again, so no caller is told of a conflict with something that never happened. When a write returns, it is on
disk (as far as the implementation has one) and no crash of the process or of the machine takes it back. When it
raises `StoreFault` it is not in effect now, nor is any other write of its batch; whether it reappears after a
crash is not known. `history=False` is for records that are written all the time and whose past nobody needs
(leases, events): as durable and as revisioned, but their past is not kept, see `watch` and `range`. A key is
always written with the same `history`. An implementation may ignore the flag (etcd does).

**Reads.** `get` and `range` without a revision see all acknowledged writes and no pending one. `range` with a
revision sees exactly the state after that revision, also while others write: pages of one list agree when each
asks for the revision of the first. Keys come in the order of their UTF-8 bytes.

**Watches.** A watch yields every change under its prefix with a revision above `since`, once, in the order of
revisions, past ones first; never a pending one. It yields tuples, because changes that become visible together
arrive together; an empty tuple only tells of progress (`Watch.revision`). Several watches do not disturb each
other. One that is not read for long is ended with `Lagging`.

**Compaction.** The past is bounded: a store drops the oldest of it by itself, and on `compact`. What needs a
dropped part raises `Compacted`: a `range` at, or a `watch` since, a revision below the compacted one; the same for
a prefix with `history=False` keys when one of them changed later than the revision asked for. Current records
are never dropped.

**Cancelling** a read or a watch is free of effects. Cancelling a write leaves its outcome unknown; it may yet happen.

**Closing** lets writes under way finish, ends watches with `Closed`, and makes each later call raise `Closed`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Protocol, Self

import msgspec


# StoreError +- Conflict +- KeyExists    create of a key that is there
#            |           +- Mismatch     the key is not at the expected revision
#            +- Compacted                the revision asked for is in a dropped part of the past
#            +- FutureRevision           the revision asked for has not been reached
#            +- Lagging                  a watch was not read in time and has lost its place
#            +- Closed                   the store is not open
#            +- StoreInUse               another process has this store open
#            +- StoreFault               disk full, input/output error, damaged file, server unreachable
class StoreError(Exception):
    """Whatever a store refuses or fails to do."""


class Conflict(StoreError):
    """Compare-and-swap found another revision than expected: `revision`, 0 when the key is absent."""

    def __init__(self, message: str, *, key: str, revision: int) -> None:
        super().__init__(message)
        self.key = key
        self.revision = revision


class KeyExists(Conflict):
    """The key to be created is there already."""


class Mismatch(Conflict):
    """The key to be updated or deleted is not at the expected revision."""


class Compacted(StoreError):
    """That part of the past is gone; read the current state and go on from its revision."""

    def __init__(self, message: str, *, compacted: int) -> None:
        super().__init__(message)
        self.compacted = compacted
        """The oldest revision from which a watch can still start."""


class FutureRevision(StoreError):
    """No such revision has been reached yet."""


class Lagging(StoreError):
    """The watch was not read in time and has lost changes; start over."""


class Closed(StoreError):
    """The store is not open, or was closed meanwhile."""


class StoreInUse(StoreError):
    """Another process has this store open."""


class StoreFault(StoreError):
    """The medium below failed; the cause is chained."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One key as it was after its write at `revision`."""

    key: str
    value: bytes
    revision: int
    create_revision: int


class Page(msgspec.Struct, frozen=True, gc=False):
    """Part of a range, all of one moment."""

    records: tuple[Record, ...]
    revision: int
    """The state shown: ask for the next page at this revision."""
    more: bool
    remaining: int
    """How many records come after this page; 0 when `more` is false."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """One write. `value` is None for a deletion."""

    key: str
    value: bytes | None
    revision: int
    create_revision: int
    """Of the record written, or of the one that was deleted."""

    @property
    def deleted(self) -> bool:
        return self.value is None

    @property
    def created(self) -> bool:
        return self.revision == self.create_revision


class Watch(Protocol):
    """Changes under one prefix. An async context manager: enter it to begin, leave it to give it back."""

    @property
    def revision(self) -> int:
        """Every change of the prefix up to this revision has been yielded."""
        ...

    async def __aenter__(self) -> Self:
        """Begin. Raises Compacted, FutureRevision, Closed."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __aiter__(self) -> AsyncIterator[tuple[Change, ...]]: ...

    async def __anext__(self) -> tuple[Change, ...]:
        """Wait for the next changes. Never ends by itself; raises Compacted, Lagging, Closed, StoreFault."""
        ...


class Store(Protocol):
    """See the module for the contract."""

    async def start(self) -> None:
        """Open, and recover what a crash left. Raises StoreInUse, StoreFault."""
        ...

    async def close(self) -> None:
        """Finish writes under way and give everything back. Safe to repeat."""
        ...

    async def current_revision(self) -> int:
        """A revision not below that of any write acknowledged before the call."""
        ...

    async def get(self, key: str) -> Record | None:
        """The current record, or None."""
        ...

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        """Records whose key begins with `prefix` and is not below `start`, at most `limit` (0: all of them).

        `revision` 0 is now. Raises Compacted, FutureRevision.
        """
        ...

    async def create(self, key: str, value: bytes, *, history: bool = True) -> int:
        """Add a key; returns the write's revision. Raises KeyExists, StoreFault."""
        ...

    async def update(self, key: str, value: bytes, *, expected: int, history: bool = True) -> int:
        """Replace the value of a key that is at revision `expected`; returns the write's. Raises Mismatch, StoreFault."""
        ...

    async def delete(self, key: str, *, expected: int, history: bool = True) -> int:
        """Remove a key that is at revision `expected`; returns the deletion's. Raises Mismatch, StoreFault."""
        ...

    def watch(self, prefix: str, *, since: int) -> Watch:
        """Changes under `prefix` with a revision above `since`."""
        ...

    async def compact(self, revision: int) -> None:
        """Drop the past before `revision`; space is given back bit by bit. Raises FutureRevision."""
        ...
