"""Heads of requests: how large one may be, over all its lines.

aiohttp limits each line; Go's server limits the head as a whole, to 1 MiB, and so do we: the parser is wrapped, and what
arrives while no message comes of it is counted.  Large heads in arrival are held against the budget, by the address that
they come from, because nobody knows yet who sends them.
"""

from __future__ import annotations

from typing import Any

from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from .budget import Budget

MAX_HEAD = 1024 * 1024
"""Go's http.DefaultMaxHeaderBytes."""
MAX_LINES = 10_000
"""Headers of one request; Go knows no such limit, but each costs a hundred times more here than there."""
FREE = 64 * 1024
"""A head up to this size is not counted."""


class HeadRefused(HttpProcessingError):
    """Too much is in arrival already."""

    code = 429


class Heads:
    """A connection's parser, with a limit for the whole head."""

    def __init__(self, parser: Any, budget: Budget, remote: str) -> None:
        self._parser = parser
        self._hold = budget.hold()
        self._remote = remote
        self._size = 0
        self._body: Any = None
        self.message_consumed = parser.message_consumed
        self.feed_eof = parser.feed_eof
        self.set_upgraded = parser.set_upgraded

    def feed_data(self, data: bytes) -> tuple[Any, bool, bytes]:
        """As the parser's; raises LineTooLong and HeadRefused as well."""
        fed: tuple[Any, bool, bytes] = self._parser.feed_data(data)
        messages = fed[0]
        if messages:
            self._body = messages[-1][1]
            if self._size:
                self.forget()
        elif self._body is None or self._body.is_eof():
            self._count(len(data))
        return fed

    def forget(self) -> None:
        """The head is there, or will never be."""
        self._size = 0
        self._hold.give_all()

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_HEAD:
            raise LineTooLong(b"a head of more than", MAX_HEAD)
        if self._size > FREE and not self._hold.take(self._remote, size):
            raise HeadRefused(message="Too many requests, please try again later.")
