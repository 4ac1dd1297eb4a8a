"""A transport whose answers a test writes by hand: for the client's own tests of cut lines, broken connections and odd servers.

Whoever wants a server that behaves takes the real one (`podling.testing.cluster`); this one says what it is told and remembers what it
was asked.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping

from podling.client.errors import ConnectionFault
from podling.client.transport import Request


class ScriptedResponse:
    """An answer; for streams, `send`, `end` and `break_off` steer it while it is being read."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers
        self.closed = False
        self._chunks: deque[bytes | Exception | None] = deque()
        self._wake = asyncio.Event()

    def send(self, *chunks: bytes) -> None:
        self._chunks.extend(chunks)
        self._wake.set()

    def end(self) -> None:
        self._chunks.append(None)
        self._wake.set()

    def break_off(self) -> None:
        self._chunks.append(ConnectionFault("cannot finish: the connection broke"))
        self._wake.set()

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            while not self._chunks:
                self._wake.clear()
                await self._wake.wait()
            chunk = self._chunks.popleft()
            if chunk is None:
                return
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def close(self) -> None:
        self.closed = True


When = Callable[[Request], bool]


def always(request: Request) -> bool:
    return True


def watches(request: Request) -> bool:
    return ("watch", "true") in request.query


def others(request: Request) -> bool:
    return not watches(request)


class ScriptedTransport:
    """Gives each request the first scripted answer that is meant for it; without one a request waits."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.closed = False
        self._answers: list[tuple[When, ScriptedResponse | Exception]] = []
        self._wake = asyncio.Event()
        self._asked = asyncio.Event()

    def answer(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        when: When = always,
    ) -> None:
        response = self.stream(status=status, headers=headers, when=when)
        response.send(body)
        response.end()

    def stream(
        self, *, status: int = 200, headers: Mapping[str, str] | None = None, when: When = always
    ) -> ScriptedResponse:
        response = ScriptedResponse(status, headers or {})
        self._script(when, response)
        return response

    def refuse_connection(self, *, when: When = always) -> None:
        self._script(when, ConnectionFault("cannot reach the API server"))

    async def wait_requests(self, count: int) -> Request:
        """Wait until `count` requests have arrived; the last of them."""
        while len(self.requests) < count:
            self._asked.clear()
            await self._asked.wait()
        return self.requests[count - 1]

    async def send(self, request: Request) -> ScriptedResponse:
        self.requests.append(request)
        self._asked.set()
        while (answer := self._take(request)) is None:
            self._wake.clear()
            await self._wake.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _script(self, when: When, answer: ScriptedResponse | Exception) -> None:
        self._answers.append((when, answer))
        self._wake.set()

    def _take(self, request: Request) -> ScriptedResponse | Exception | None:
        for position, (when, answer) in enumerate(self._answers):
            if when(request):
                del self._answers[position]
                return answer
        return None

    async def close(self) -> None:
        self.closed = True
