"""Live streams of simulated containers: what exec, attach and port-forward give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from podling.runtime.interface import ExecResult

from .world import Life


class ExecStream:
    """A command that has ended before anybody reads: its scripted output, then its exit code."""

    def __init__(self, result: ExecResult) -> None:
        self._result = result

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        for channel, data in ((1, self._result.stdout), (2, self._result.stderr)):
            if data:
                yield channel, data

    async def write(self, data: bytes) -> None:
        """Input is taken and forgotten."""

    async def close_stdin(self) -> None: ...

    async def resize(self, width: int, height: int) -> None: ...

    async def wait(self) -> int:
        return self._result.exit_code


class AttachStream:
    """What a running container writes from now on; it ends with the container."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._output: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        life.listeners.append(self._output)

    def close(self) -> None:
        self._life.listeners.remove(self._output)

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        while (item := await self._output.get()) is not None:
            yield item

    async def write(self, data: bytes) -> None:
        """Input is taken and forgotten."""

    async def close_stdin(self) -> None: ...

    async def resize(self, width: int, height: int) -> None: ...

    async def wait(self) -> int:
        await self._life.ended.wait()
        return self._life.status.exit_code


class PortStream:
    """A small web server behind every port: 200 with the Pod's name where the container is ready, else 503."""

    def __init__(self, body: str, *, ready: bool) -> None:
        status = "200 OK" if ready else "503 Service Unavailable"
        self._answer = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}"
        ).encode()
        self._asked = asyncio.Event()
        self._request = b""

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        await self._asked.wait()
        if b"\r\n\r\n" in self._request:
            yield 1, self._answer

    async def write(self, data: bytes) -> None:
        self._request += data
        if b"\r\n\r\n" in self._request:
            self._asked.set()

    async def close_stdin(self) -> None:
        self._asked.set()

    async def resize(self, width: int, height: int) -> None: ...

    async def wait(self) -> int:
        return 0
