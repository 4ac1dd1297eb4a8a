"""A connection to a backend (a kubelet, a Pod) that leaves HTTP behind: the upgrade's request, its answer, then bytes.

aiohttp's client knows no upgrade but WebSocket's, and a relay has no use for frames: it passes bytes on as they are.
Nothing piles up: what the client does not take is not read, and the other way round.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

from multidict import CIMultiDict
from yarl import URL

from .request import Socket

MAX_HEAD = 64 * 1024
PIECE = 64 * 1024
CONNECT_SECONDS = 30.0


class Unreachable(Exception):
    """There is no talking to the backend; the text says why, as Go's dialer would."""


@dataclass(slots=True)
class Backend:
    """A backend's answer, and the bytes behind it. Whoever has it closes it."""

    status: int
    headers: CIMultiDict[str]
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def body(self) -> AsyncGenerator[bytes, None]:
        """The body of an answer that is no upgrade; closes the connection behind it."""
        try:
            if self.headers.get("transfer-encoding", "").lower() == "chunked":
                while size := int((await self._reader.readline()).partition(b";")[0] or b"0", 16):
                    yield await self._reader.readexactly(size)
                    await self._reader.readline()
                return
            rest = int(self.headers.get("content-length", -1))
            while rest and (piece := await self._reader.read(PIECE if rest < 0 else min(rest, PIECE))):
                rest -= len(piece) if rest > 0 else 0
                yield piece
        finally:
            self.close()

    async def words(self, most: int = 50 * 1024) -> str:
        """The start of the body as text."""
        said = b""
        with suppress(ValueError, asyncio.IncompleteReadError, ConnectionError):
            async for piece in self.body():
                said += piece
                if len(said) >= most:
                    break
        self.close()
        return said[:most].decode(errors="replace").strip()

    async def relay(self, outer: Socket, closing: asyncio.Event) -> None:
        """Pass bytes both ways until a side ends or the server closes; whatever happens, both are closed."""
        tasks = {
            asyncio.create_task(self._outwards(outer), name="backend to client"),
            asyncio.create_task(self._inwards(outer), name="client to backend"),
            asyncio.create_task(closing.wait(), name="backend: server closing"),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.close()
            await outer.close()

    def close(self) -> None:
        """Drop the connection; safe to repeat."""
        self._writer.close()

    async def _outwards(self, outer: Socket) -> None:
        while piece := await self._reader.read(PIECE):
            await outer.send(piece)

    async def _inwards(self, outer: Socket) -> None:
        while (message := await outer.receive()) is not None:
            self._writer.write(message if isinstance(message, bytes) else message.encode())
            await self._writer.drain()


async def ask(
    url: str, *, method: str, headers: CIMultiDict[str], tls: ssl.SSLContext | None, body: bytes = b""
) -> Backend:
    """Send a request that asks for an upgrade; raises Unreachable."""
    place = URL(url, encoded=True)
    host, port = place.host or "", place.port or 0
    context = tls if place.scheme == "https" else None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=MAX_HEAD)
    except (OSError, TimeoutError) as error:
        raise Unreachable(f"dial tcp {host}:{port}: {reason(error)}") from error
    lines = [f"{method} {place.raw_path_qs} HTTP/1.1", f"Host: {place.host_port_subcomponent}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body)
        await writer.drain()
        status, answered = _head(await reader.readuntil(b"\r\n\r\n"))
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        writer.close()
        raise Unreachable(f"{host}:{port} gave no answer: {reason(error)}") from error
    except BaseException:
        writer.close()
        raise
    return Backend(status, answered, reader, writer)


def reason(error: BaseException) -> str:
    """What the kernel says, in Go's words."""
    match error:
        case ConnectionRefusedError():
            return "connect: connection refused"
        case TimeoutError():
            return "i/o timeout"
        case asyncio.IncompleteReadError():
            return "EOF"
        case OSError(strerror=str(words)) if error.errno:
            return words.lower()
    return str(error) or type(error).__name__


def _head(head: bytes) -> tuple[int, CIMultiDict[str]]:
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"malformed HTTP response {first!r}")
    headers: CIMultiDict[str] = CIMultiDict()
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        headers.add(name.strip(), value.strip())
    return int(rest.partition(" ")[0]), headers
