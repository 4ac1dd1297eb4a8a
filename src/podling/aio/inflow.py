"""What has come in and waits to be fetched: bounded by not reading, and told to who waits for more.

The protocols that take a connection over from HTTP are fed by it and have no flow control of their own.  Whoever parses
what comes says how much of it waits (`came`, `fetched`); above `most` bytes the connection is not read until half of that
is left.  Everything here returns at once but `wait_change`.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class Source(Protocol):
    """A connection that can be left unread for a while."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Inflow:
    """See the module. `has_ended`: nothing comes any more."""

    def __init__(self, source: Source, *, most: int) -> None:
        self.waiting = 0
        """Bytes that came and were not fetched."""
        self.has_ended = False
        self._source = source
        self._most = most
        self._is_paused = False
        self._changed = asyncio.Event()

    def came(self, size: int) -> None:
        """So many bytes wait; `fed` follows when all of a piece have been counted."""
        self.waiting += size

    def fed(self) -> None:
        """A piece has been taken in: wake who waits, and read no more if there is too much."""
        if self.waiting > self._most and not self._is_paused:
            self._is_paused = True
            self._source.pause_reading()
        self._changed.set()

    def fetched(self, size: int) -> None:
        """So many bytes wait no more."""
        self.waiting -= size
        if self._is_paused and self.waiting <= self._most // 2:
            self._is_paused = False
            self._source.resume_reading()

    def end(self) -> None:
        """The other side has gone; safe to repeat."""
        self.has_ended = True
        self._changed.set()

    async def wait_change(self) -> None:
        """Until something is fed or the end comes, from now on: look at what is there first."""
        self._changed.clear()
        await self._changed.wait()
