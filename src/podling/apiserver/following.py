"""Answers that go on after their head was sent: who counts or logs them is told when they end."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable

from .request import Chunks, Socket, Upgrade

Told = Callable[[], None]


def followed(body: Chunks | Upgrade, *, began: Told, ended: Told) -> Chunks | Upgrade:
    """The same body; `began` is called when it does, `ended` once afterwards."""
    if isinstance(body, Upgrade):
        return _session(body, began, ended)
    began()
    return _Stream(body, ended)


def _session(upgrade: Upgrade, began: Told, ended: Told) -> Upgrade:
    async def serve(socket: Socket) -> None:
        began()
        try:
            await upgrade.serve(socket)
        finally:
            ended()

    return dataclasses.replace(upgrade, serve=serve)


class _Stream:
    """A stream that is read as if nobody stood between: whoever iterates gets the stream's own iterator."""

    __slots__ = ("_chunks", "_ended")

    def __init__(self, chunks: Chunks, ended: Told) -> None:
        self._chunks = chunks
        self._ended: Told | None = ended

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks.__aiter__()

    def __anext__(self) -> Awaitable[bytes]:
        return self._chunks.__anext__()

    async def aclose(self) -> None:
        try:
            await self._chunks.aclose()
        finally:
            ended, self._ended = self._ended, None
            if ended is not None:
                ended()
