"""Watch lines out of a stream of bytes, over one connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import TypeVar

from podling.api.errors import ApiError

from .calls import Caller, Query
from .errors import ConnectionFault
from .wire import Batch, ErrorLine, View

T = TypeVar("T")
GRACE_SECONDS = 30.0
"""A server ends a watch by itself at its timeout; one that is this much late is taken for lost."""


class Lines:
    """Cuts chunks into lines; keeps what has no end yet."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterable[bytes]:
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            self._rest.append(chunk)
            return ()
        if self._rest:
            head = b"".join((*self._rest, head))
            self._rest.clear()
        if tail:
            self._rest.append(tail)
        return head.split(b"\n") if b"\n" in head else (head,)


async def watch_batches(
    caller: Caller, view: View[T], path: str, query: Query, timeout: float | None
) -> AsyncGenerator[Batch[T], None]:
    """What arrives together, together; ends when the server ends the watch. Raises ApiError and ConnectionFault.

    `timeout`: the seconds after which the server was asked to end it.
    """
    deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout + GRACE_SECONDS
    lines = Lines()
    response = await caller.open("GET", path, query=query, accept=view.accept)
    try:
        chunks = response.chunks()
        while (chunk := await _next(chunks, deadline, path)) is not None:
            batch, error = _decode(view, lines.feed(chunk))
            if batch:
                yield batch
            if error is not None:
                raise error
    finally:
        await response.close()


async def _next(chunks: AsyncIterator[bytes], deadline: float | None, path: str) -> bytes | None:
    """The next chunk, None at the end."""
    try:
        async with asyncio.timeout_at(deadline) as limit:
            return await anext(chunks, None)
    except TimeoutError as late:
        if not limit.expired():
            raise
        raise ConnectionFault(f"cannot watch {path}: the server went silent") from late


def _decode(view: View[T], lines: Iterable[bytes]) -> tuple[Batch[T], ApiError | None]:
    """The events of these lines, and the error that ends them if there is one."""
    events: Batch[T] = []
    for line in lines:
        if not line:
            continue
        event = view.decode_event(line)
        if isinstance(event, ErrorLine):
            return events, ApiError.from_status(event.status)
        events.append(event)
    return events, None
