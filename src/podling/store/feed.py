"""A watch of a store in this process: first the rows of the past, then what is committed from now on.

Shared by memory and SQLite, which say how to read rows of the past. The place where past and present meet is
fixed in one step when the watch begins: it subscribes to commits and notes the newest revision; up to that the
past is read, in pieces, and everything above comes from the subscription.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import msgspec

from podling.aio.broadcast import Broadcast, Overflow, Subscription

from .interface import Change, Closed, Lagging
from .ledger import Ledger

UNREAD_COMMITS = 10_000
"""A watch that leaves more commits unread than this is ended with Lagging."""

Past = Callable[[str, int, int], Awaitable[tuple[list[Change], int]]]
"""`past(prefix, after, upto)`: the next changes in (after, upto], and the revision up to which they are complete."""


class Commit(msgspec.Struct, frozen=True, gc=False):
    """Changes that became visible together."""

    changes: tuple[Change, ...]
    revision: int


Commits = Broadcast[Commit]


class Feed:
    """One watch; see `interface.Watch`."""

    def __init__(self, ledger: Ledger, commits: Commits, past: Past, *, prefix: str, since: int) -> None:
        self._ledger = ledger
        self._commits = commits
        self._past = past
        self._prefix = prefix
        self._revision = since
        self._meeting = since
        self._subscription: Subscription[Commit] | None = None

    @property
    def revision(self) -> int:
        return self._revision

    async def __aenter__(self) -> Self:
        self._ledger.check_history(self._prefix, self._revision)
        self._subscription = self._commits.subscribe(limit=UNREAD_COMMITS)
        self._meeting = self._ledger.revision
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subscription is not None:
            self._subscription.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Change, ...]:
        if self._revision < self._meeting:
            self._ledger.check_readable(self._revision)
            past, self._revision = await self._past(self._prefix, self._revision, self._meeting)
            return tuple(past)
        return await self._next_commit()

    async def _next_commit(self) -> tuple[Change, ...]:
        if self._subscription is None:
            raise Closed("cannot read the watch: it has not been entered")
        try:
            commit = await self._subscription.get()
        except Overflow as error:
            raise Lagging(f"cannot go on watching {self._prefix}: it was not read in time") from error
        except EOFError as error:
            raise Closed("cannot go on watching: the store was closed") from error
        self._revision = commit.revision
        return tuple(change for change in commit.changes if change.key.startswith(self._prefix))
