"""How an answer is framed and written: small ones whole in one write, large ones in pieces, watches in chunks, upgrades taken over.

What is encrypted but not yet sent stays small, and a client that takes nothing of what it asked for is cut off.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from . import takeover
from .request import Chunks, Response, Upgrade

WHOLE = 64 * 1024
PIECE = 256 * 1024
MAX_MESSAGE = 4 * 1024 * 1024
STALL_SECONDS = 60.0
PING_SECONDS = 20.0
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Stalled(ConnectionResetError):
    """A client takes nothing of what it asked for, and is to be cut off."""


def cut_off(wire: web.BaseRequest) -> None:
    """End a connection without waiting for its client to take what is written."""
    if wire.transport is not None:
        wire.transport.abort()


async def answer(wire: web.BaseRequest, response: Response) -> web.StreamResponse:
    """Write ``response`` in the framing that its body and the request ask for.  Raises ``Stalled``, ``ConnectionResetError``."""
    body = response.body
    if isinstance(body, Upgrade):
        is_bare = body.is_spdy or body.headers
        return await (takeover.serve if is_bare else _upgrade)(wire, body)
    if isinstance(body, bytes) and len(body) <= WHOLE and _is_plain(wire):
        return _Whole(response, body)
    headers = CIMultiDict(response.headers)
    headers["Content-Type"] = response.content_type
    if not isinstance(body, bytes):
        return await _stream(wire, response.status, headers, body)
    if len(body) <= WHOLE or wire.method == "HEAD":
        return web.Response(status=response.status, body=body, headers=headers)
    return await _large(wire, response.status, headers, body)


def _is_plain(wire: web.BaseRequest) -> bool:
    """Whether nothing about the connection or method asks for special framing."""
    return wire.keep_alive and wire.version == HttpVersion11 and wire.method != "HEAD"


@lru_cache(maxsize=1)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


class _Whole(web.StreamResponse):
    """A small answer on a connection that stays open: head and body are one write.

    This is nearly every answer; building a head through aiohttp's general classes would cost as much as the request.
    """

    def __init__(self, response: Response, body: bytes) -> None:
        super().__init__(status=response.status)
        extra = "".join([f"{name}: {value}\r\n" for name, value in response.headers.items()])
        head = (
            f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, '')}\r\nContent-Type: {response.content_type}\r\n"
            f"Content-Length: {len(body)}\r\nDate: {_date(int(time.time()))}\r\n{extra}\r\n"
        )
        self._whole = head.encode() + body

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        try:
            await _write(request, self._whole)
        except Stalled:  # many small answers, none of them read
            cut_off(request)
            raise
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Everything is written already."""


async def _large(
    wire: web.BaseRequest, status: int, headers: CIMultiDict[str], body: bytes
) -> web.StreamResponse:
    """A body of many kilobytes, piece by piece: what is encrypted but not yet sent stays small."""
    answered = web.StreamResponse(status=status, headers=headers)
    answered.content_length = len(body)
    await answered.prepare(wire)
    await _write_large(wire, body)
    return answered


async def _stream(
    wire: web.BaseRequest, status: int, headers: CIMultiDict[str], body: Chunks
) -> web.StreamResponse:
    answered = web.StreamResponse(status=status, headers=headers)
    answered.enable_chunked_encoding()
    async with aclosing(body) as chunks:
        await answered.prepare(wire)
        transport = _transport(wire)
        async for chunk in chunks:
            if len(chunk) > PIECE:
                await _write(wire, b"%x\r\n" % len(chunk))
                await _write_large(wire, chunk)
                await _write(wire, b"\r\n")
            elif chunk:  # written here: a watch pays for every call at each event
                if transport.is_closing():
                    raise ConnectionResetError("the client has gone")
                transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                if transport.get_write_buffer_size() > WHOLE:
                    await _sent(wire, transport)
    return answered


async def _write_large(wire: web.BaseRequest, data: bytes) -> None:
    """Piece by piece: what is encrypted but not yet sent stays small."""
    view = memoryview(data)
    for at in range(0, len(data), PIECE):
        await _write(wire, view[at : at + PIECE])


async def _write(wire: web.BaseRequest, data: bytes | memoryview) -> None:
    """Straight to the transport, as one TLS record where it fits; the connection's writer would make three.

    Waits only when the client is so slow that data piles up.
    """
    transport = _transport(wire)
    transport.write(data)
    if transport.get_write_buffer_size() > WHOLE:
        await _sent(wire, transport)


def _transport(wire: web.BaseRequest) -> asyncio.Transport:
    transport = wire.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has gone")
    return transport


async def _sent(wire: web.BaseRequest, transport: asyncio.Transport) -> None:
    """Wait until what has piled up is sent.  Raises ``Stalled`` where the client takes nothing of it."""
    while (unsent := transport.get_write_buffer_size()) > WHOLE:
        try:
            async with asyncio.timeout(STALL_SECONDS):
                return await wire.writer.drain()
        except TimeoutError as error:
            if transport.get_write_buffer_size() >= unsent:
                raise Stalled(f"the client took nothing for {STALL_SECONDS:.0f} s") from error


async def _upgrade(wire: web.BaseRequest, upgrade: Upgrade) -> web.StreamResponse:
    protocols = (upgrade.protocol,) if upgrade.protocol else ()
    answered = web.WebSocketResponse(
        protocols=protocols, max_msg_size=MAX_MESSAGE, heartbeat=PING_SECONDS, compress=False
    )
    await answered.prepare(wire)
    await upgrade.serve(_WebSocket(answered))
    return answered


class _WebSocket:
    """`request.Socket` over aiohttp's WebSocket."""

    def __init__(self, wire: web.WebSocketResponse) -> None:
        self._wire = wire

    async def receive(self) -> bytes | str | None:
        message = await self._wire.receive()
        if message.type in (WSMsgType.BINARY, WSMsgType.TEXT):
            data: bytes | str = message.data
            return data
        return None

    async def send(self, data: bytes) -> None:
        await self._wire.send_bytes(data)

    async def close(self, code: int = 1000) -> None:
        await self._wire.close(code=code)
