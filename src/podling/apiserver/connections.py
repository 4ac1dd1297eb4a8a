"""The open connections of a listener, from their first byte to their last.

Why it exists: aiohttp forgets a connection as soon as it has asked it to close.  Over TLS that is not its end: the
other side is to answer the good-bye, and one that only looks at its connection with its next request (every blocking
client) never does.  A server that is closed gives everything back, so somebody has to see such connections off.
"""

from __future__ import annotations

import asyncio
import os
import socket

LINGER_SECONDS = 1.0
"""How long a closing server sends what was written already to clients that take it slowly."""


class Connections:
    """Transports by the moment they came; whoever reports one reports its end, too."""

    def __init__(self) -> None:
        self._open: dict[
            asyncio.BaseTransport, socket.socket
        ] = {}  # a transport that was closed tells no more
        self._none_left = asyncio.Event()
        self._none_left.set()

    def __len__(self) -> int:
        return len(self._open)

    def came(self, transport: asyncio.BaseTransport) -> None:
        self._open[transport] = transport.get_extra_info("socket")
        self._none_left.clear()

    def went(self, transport: asyncio.BaseTransport) -> None:
        self._open.pop(transport, None)
        if not self._open:
            self._none_left.set()

    async def see_off(self) -> None:
        """Wait for no more answers, send what is written, and end what has not ended after `LINGER_SECONDS`."""
        self._shut(socket.SHUT_RD)
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                await self._none_left.wait()
        except TimeoutError:
            self._shut(socket.SHUT_RDWR)
            await self._none_left.wait()

    def _shut(self, how: int) -> None:
        for under in list(self._open.values()):
            if under.fileno() < 0:
                continue
            with socket.socket(fileno=os.dup(under.fileno())) as same:
                try:
                    same.shutdown(how)
                except OSError:  # the other side was faster: it is on its way out
                    continue
