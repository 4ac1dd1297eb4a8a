"""A connection to a runtime's unix socket that many calls share; made when first needed, and anew after it was lost.

``grpc`` speaks, this carries bytes and hands each update to who waits for it.  A call that was under way when the
connection broke fails with ``UNAVAILABLE``; whether it may be repeated is for the caller to know.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import cast

from . import grpc
from .config import socket_of

_USER_AGENT = "podling"
_LONGEST = 107


class CallFault(Exception):
    """A call did not succeed: gRPC's ``code`` and what the runtime said."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Channel:
    """See the module's text.  ``endpoint`` is ``unix:///path``."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._wire: _Wire | None = None
        self._connecting = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<Channel {self._endpoint}>"

    async def call(
        self,
        path: str,
        request: bytes,
        *,
        limit: float | None,
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> bytes:
        """The answer's message, within ``limit`` seconds.  Raises ``CallFault``."""
        try:
            async with asyncio.timeout(limit), self.stream(path, request, metadata=metadata) as answers:
                answer = b""
                async for message in answers:
                    answer = message
                return answer
        except TimeoutError as error:
            raise CallFault(grpc.DEADLINE_EXCEEDED, f"no answer within {limit:g} s") from error

    @asynccontextmanager
    async def stream(
        self, path: str, request: bytes, *, metadata: tuple[tuple[str, str], ...] = ()
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The messages that the server sends, until it ends the call; leaving cancels it.  They raise ``CallFault``.

        Raises ``Unavailable`` for an endpoint that is no socket.
        """
        wire = await self._connected()
        number, updates = wire.start(path, request, metadata)
        try:
            yield _messages(updates)
        finally:
            wire.forget(number)

    def close(self) -> None:
        """Break the connection; what is under way fails.  Safe to repeat."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def _connected(self) -> _Wire:
        async with self._connecting:
            if self._wire is None or self._wire.is_over:
                self.close()
                loop, path = asyncio.get_running_loop(), socket_of(self._endpoint)
                try:
                    with _reachable(path) as name:
                        _, self._wire = await loop.create_unix_connection(_Wire, name)
                except OSError as error:
                    why = f"cannot connect to {path}: {os.strerror(error.errno) if error.errno else error}"
                    raise CallFault(grpc.UNAVAILABLE, why) from error
            return self._wire


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name for a socket that the kernel takes: it takes no more than 107 bytes, and folders may be deeper."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


async def _messages(updates: asyncio.Queue[grpc.Update]) -> AsyncIterator[bytes]:
    while True:
        update = await updates.get()
        if update.status is None:
            yield update.message
        elif update.status.code == grpc.OK:
            return
        else:
            raise CallFault(update.status.code, update.status.message)


class _Wire(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._grpc = grpc.Connection(_USER_AGENT)
        self._waiting: dict[int, asyncio.Queue[grpc.Update]] = {}
        self._transport: asyncio.WriteTransport | None = None

    @property
    def is_over(self) -> bool:
        return self._grpc.is_over

    def start(
        self, path: str, request: bytes, metadata: tuple[tuple[str, str], ...]
    ) -> tuple[int, asyncio.Queue[grpc.Update]]:
        number = self._grpc.start(path, request, metadata=metadata)
        queue = self._waiting[number] = asyncio.Queue()
        self._flush()
        return number, queue

    def forget(self, number: int) -> None:
        """Cancel the call if it is still under way."""
        self._waiting.pop(number, None)
        self._grpc.cancel(number)
        self._flush()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._deliver(b"")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass of asyncio's
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._deliver(data)
        if self._grpc.is_over and self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deliver(b"")

    def _deliver(self, data: bytes) -> None:
        for update in self._grpc.feed(data):
            queue = self._waiting.get(update.number)
            if queue is not None:
                queue.put_nowait(update)
        self._flush()

    def _flush(self) -> None:
        data = self._grpc.pending()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
