"""A client's connection past HTTP: as plain bytes, or with a protocol above them. `listener` hands it over."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

from aiohttp import web
from multidict import CIMultiDict

from podling.aio.inflow import Inflow

from . import spdy
from .request import Upgrade

MAX_WAITING = 256 * 1024


async def serve(wire: web.BaseRequest, upgrade: Upgrade) -> web.StreamResponse:
    """Answer with 101 and serve what comes then: as SPDY, or as bytes where the upgrade brings headers of its own."""
    headers: CIMultiDict[str] = CIMultiDict(upgrade.headers)
    if upgrade.is_spdy:
        headers.update(
            {
                "Upgrade": spdy.UPGRADE,
                "Connection": "Upgrade",
                "X-Stream-Protocol-Version": upgrade.protocol,
            }
        )
    answer = web.StreamResponse(status=101, headers=headers)
    answer.force_close()
    connection = below(wire, answer)
    socket = spdy.Session(connection) if upgrade.is_spdy else Bytes(connection)
    wire.protocol.set_parser(cast(Any, socket))
    wire.protocol.keep_alive(False)
    await answer.prepare(wire)
    await upgrade.serve(socket)
    return answer


def below(wire: web.BaseRequest, answer: web.StreamResponse) -> spdy.Wire:
    """The connection under an answer."""
    return _Wire(wire, answer)


class _Wire:
    """`spdy.Wire` over aiohttp's connection."""

    def __init__(self, wire: web.BaseRequest, answer: web.StreamResponse) -> None:
        self._wire = wire
        self._answer = answer

    async def write(self, data: bytes) -> None:
        await self._answer.write(data)

    def pause_reading(self) -> None:
        """The transport itself: aiohttp's protocol would ask its HTTP parser, which is done."""
        if (transport := self._wire.transport) is not None:
            cast(asyncio.ReadTransport, transport).pause_reading()

    def resume_reading(self) -> None:
        if (transport := self._wire.transport) is not None:
            cast(asyncio.ReadTransport, transport).resume_reading()


class Bytes:
    """The connection's bytes as a `request.Socket`: a message is any piece of them.

    Above `MAX_WAITING` bytes that nobody has received the connection is not read.
    """

    def __init__(self, wire: spdy.Wire) -> None:
        self._wire = wire
        self._pieces: deque[bytes] = deque()
        self._inflow = Inflow(wire, most=MAX_WAITING)

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Bytes from the client."""
        self._pieces.append(data)
        self._inflow.came(len(data))
        self._inflow.fed()
        return False, b""

    def feed_eof(self) -> None:
        """The client has gone."""
        self._inflow.end()

    async def receive(self) -> bytes | None:
        """The next bytes; None when the client has gone."""
        while not self._pieces:
            if self._inflow.has_ended:
                return None
            await self._inflow.wait_change()
        piece = self._pieces.popleft()
        self._inflow.fetched(len(piece))
        return piece

    async def send(self, data: bytes) -> None:
        """Returns when there is room for more; raises ConnectionError."""
        await self._wire.write(data)

    async def close(self, code: int = 1000) -> None:
        """Nothing is to be said: the connection ends with its handler."""
