"""One SPDY connection: a side opens streams, each of which carries bytes both ways.

    feed_data --> streams' own queues --> `Stream.read`            `accept` gives the other side's streams and answers
    `Stream.write`, `finish`, `reset` --> wire                     pings, so somebody has to wait in it all the time

A client opens streams with `open`, a server takes them from `accept`; otherwise both sides are the same.

SPDY as Kubernetes uses it has no flow control of its own, so what is received but not yet read is bounded for all
streams together: above `MAX_WAITING` bytes the wire is not read until some are fetched.  A stream that nobody reads
therefore holds up the others in the end, as it does upstream; who wants no more of a stream resets it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from podling.aio.inflow import Inflow

from . import frames

MAX_WAITING = 4 * 1024 * 1024
MAX_STREAMS = 4096


class Wire(Protocol):
    """The connection below."""

    async def write(self, data: bytes) -> None:
        """Takes the data at once, returns when there is room for more; raises ConnectionError."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Stream:
    """One stream, with the headers that who opened it gave."""

    def __init__(self, connection: Connection, number: int, headers: Mapping[str, str]) -> None:
        self.number = number
        self.headers = headers
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._has_all = self._is_finished = self._is_broken = False

    @property
    def has_ended(self) -> bool:
        """The other side has said all, or is gone; it may not have been read yet."""
        return self._has_all or self._is_broken

    async def read(self) -> bytes:
        """The next bytes; b"" when the other side has finished. Raises ConnectionResetError when it gave up or is gone."""
        while True:
            if self._pieces:
                piece = self._pieces.popleft()
                self._connection.fetched(len(piece))
                return piece
            if self._is_broken:
                raise ConnectionResetError("the stream was reset")
            if self._has_all:
                return b""
            self._changed.clear()
            await self._changed.wait()

    async def write(self, data: bytes) -> None:
        """Returns when there is room for more; raises ConnectionError."""
        if self._is_broken or self._is_finished:
            raise ConnectionResetError("the stream is closed")
        await self._connection.write_data(self.number, data)

    async def finish(self) -> None:
        """This side has said all; safe to repeat. Raises ConnectionError."""
        if self._is_broken or self._is_finished:
            return
        self._is_finished = True
        self._forget_if_done()
        await self._connection.write_data(self.number, b"", is_last=True)

    async def reset(self) -> None:
        """Give the stream up, both ways; safe to repeat. Raises ConnectionError."""
        if self._is_broken:
            return
        self.broken()
        await self._connection.write_reset(self.number)

    def received(self, data: bytes, *, is_last: bool) -> None:
        """For the connection. What comes after the end is dropped."""
        if data and not self._has_all:
            self._pieces.append(data)
            self._connection.waits(len(data))
        self._has_all = self._has_all or is_last
        self._forget_if_done()
        self._changed.set()

    def broken(self) -> None:
        """For the connection: nothing comes any more, and what is unread is of no use."""
        self._is_broken = True
        self._connection.fetched(sum(map(len, self._pieces)))
        self._pieces.clear()
        self._connection.forget(self.number)
        self._changed.set()

    def left(self) -> None:
        """For the connection, whose other side has gone: what it said before can still be read."""
        self._is_finished = True
        self._is_broken = not self._has_all
        self._connection.forget(self.number)
        self._changed.set()

    def _forget_if_done(self) -> None:
        if self._has_all and self._is_finished:
            self._connection.forget(self.number)


class Connection:
    """`feed_data` and `feed_eof` are for the wire, `open`, `accept` and `close` for its owner, the rest for streams.

    `most`: bytes received and not yet read, above which the wire is left unread.
    """

    def __init__(self, wire: Wire, *, most: int = MAX_WAITING) -> None:
        self._wire = wire
        self._reader = frames.Reader()
        self._writer = frames.Writer()
        self._streams: dict[int, Stream] = {}
        self._opened: deque[Stream] = deque()
        self._answers: deque[bytes] = deque()
        self._last = 0
        self._next = 1
        self._ours: set[Stream] = set()
        self._inflow = Inflow(wire, most=most)

    def statistics(self) -> Mapping[str, int]:
        return {"streams": len(self._streams), "waiting": self._inflow.waiting}

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Bytes from the other side; what is no SPDY ends the connection."""
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
        except frames.Malformed:
            self.feed_eof()
        self._inflow.fed()
        return False, b""

    def feed_eof(self) -> None:
        """The other side has gone."""
        for stream in [*self._streams.values()]:
            stream.left()
        self._inflow.end()

    async def open(self, headers: dict[str, str]) -> Stream:
        """A new stream, as a client opens them (odd numbers). Raises ConnectionError."""
        if self._inflow.has_ended:
            raise ConnectionResetError("the connection is closed")
        number, self._next = self._next, self._next + 2
        stream = self._streams[number] = Stream(self, number, headers)
        self._ours.add(stream)
        await self._wire.write(self._writer.open(number, headers))
        return stream

    async def accept(self) -> Stream | None:
        """The next stream that is opened; None at the end. Raises ConnectionError."""
        while True:
            await self._answer()
            if self._opened:
                return self._opened.popleft()
            if self._inflow.has_ended:
                return None
            await self._inflow.wait_change()

    async def close(self) -> None:
        """Say good-bye and give up every stream; safe to repeat."""
        if not self._inflow.has_ended:
            with suppress(ConnectionError):
                await self._wire.write(self._writer.goodbye(self._last))
        self.feed_eof()

    async def write_data(self, number: int, data: bytes, *, is_last: bool = False) -> None:
        await self._wire.write(self._writer.data(number, data, is_last=is_last))

    async def write_reset(self, number: int) -> None:
        await self._wire.write(self._writer.reset(number))

    def waits(self, size: int) -> None:
        self._inflow.came(size)

    def fetched(self, size: int) -> None:
        self._inflow.fetched(size)

    def forget(self, number: int) -> None:
        self._streams.pop(number, None)

    def _take(self, frame: frames.Frame) -> None:
        match frame:
            case frames.Opened(number, headers, is_last):
                self._open(number, headers, is_last=is_last)
            case frames.Data(number, data, is_last):
                if number in self._streams:
                    self._streams[number].received(data, is_last=is_last)
            case frames.Ping(number):
                self._owe(self._writer.ping(number))
            case frames.Reset(number):
                if number in self._streams:
                    self._given_up(self._streams[number])

    def _given_up(self, stream: Stream) -> None:
        """By the other side.  Kubernetes' servers reset everything when they are done, right behind their last word; a
        client's reset means that it wants to hear no more."""
        if stream in self._ours:
            stream.left()
        else:
            stream.broken()

    def _open(self, number: int, headers: dict[str, str], *, is_last: bool) -> None:
        if number <= self._last:
            raise frames.Malformed(f"stream {number} after stream {self._last}")
        self._last = number
        if len(self._streams) >= MAX_STREAMS:
            self._owe(self._writer.reset(number, frames.REFUSED_STREAM))
            return
        stream = self._streams[number] = Stream(self, number, headers)
        self._opened.append(stream)
        self._owe(self._writer.reply(number))
        if is_last:
            stream.received(b"", is_last=True)

    def _owe(self, answer: bytes) -> None:
        self._answers.append(answer)
        self.waits(len(answer))

    async def _answer(self) -> None:
        """Write what is owed: replies to streams and pings."""
        while self._answers:
            answer = self._answers.popleft()
            self.fetched(len(answer))
            await self._wire.write(answer)
