"""Exec and attach over the URL that a CRI runtime gives for them: SPDY streams after an HTTP upgrade, as kubelets speak.

One stream carries the command's end (the remote command protocol, version 4: a Status in JSON), the others its standard streams
and the size of its terminal.  What has come and is not read yet is bounded, so that a slow reader stalls the command; what
the runtime's own end of the TCP connection holds (up to `tcp_wmem`, 4 MB) is out of reach from here.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from podling.aio.spdy import multiplex
from podling.aio.tasks import Tasks
from podling.runtime.interface import RuntimeFault, StartFault
from podling.runtime.oci.conmon import start_fault

STDOUT, STDERR = 1, 2
PROTOCOL = "v4.channel.k8s.io"
_MOST_UNREAD = 64 << 10
_RECEIVE_BUFFER = 64 << 10
_CONNECT_SECONDS = 10.0
_MAX_HEAD = 64 << 10


class RemoteStream:
    """A live exec or attach, as ``interface.Stream``.  ``finish`` turns the answer on the error stream into an exit code."""

    def __init__(
        self, streams: dict[str, multiplex.Stream], finish: Callable[[bytes], Awaitable[int]]
    ) -> None:
        self._streams = streams
        self._finish = finish
        self._answer: asyncio.Task[bytes] | None = None

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        waiting = {
            asyncio.ensure_future(_read(self._streams[name])): (name, channel)
            for name, channel in (("stdout", STDOUT), ("stderr", STDERR))
            if name in self._streams
        }
        try:
            while waiting:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in sorted(done, key=lambda task: waiting[task][1]):
                    name, channel = waiting.pop(one)
                    if data := one.result():
                        waiting[asyncio.ensure_future(_read(self._streams[name]))] = (name, channel)
                        yield channel, data
        finally:
            for one in waiting:
                one.cancel()

    async def write(self, data: bytes) -> None:
        if "stdin" not in self._streams:
            raise RuntimeFault("cannot write to the command: its standard input is closed")
        try:
            await self._streams["stdin"].write(data)
        except ConnectionError as error:
            raise RuntimeFault(f"cannot write to the command: {error}") from error

    async def close_stdin(self) -> None:
        if "stdin" in self._streams:
            with suppress(ConnectionError):
                await self._streams["stdin"].finish()

    async def resize(self, width: int, height: int) -> None:
        if "resize" not in self._streams:
            raise RuntimeFault("cannot resize: the command has no terminal")
        size = json.dumps({"Width": width, "Height": height}).encode() + b"\n"
        with suppress(ConnectionError):
            await self._streams["resize"].write(size)

    async def wait(self) -> int:
        if self._answer is None:
            self._answer = asyncio.ensure_future(_all(self._streams["error"]))
        return await self._finish(await asyncio.shield(self._answer))

    @property
    def has_ended(self) -> bool:
        """The runtime has said how the command ended."""
        return self._streams["error"].has_ended


def exit_code(answer: bytes, container_id: str) -> int:
    """What the runtime says of the command's end, a Status of the API (pure).  Raises ``StartFault`` if it never ran."""
    if not answer:
        raise RuntimeFault(f"cannot tell how the command in container {container_id} ended: it was cut off")
    status = cast("dict[str, Any]", json.loads(answer))
    if status.get("status") == "Success":
        return 0
    causes = (status.get("details") or {}).get("causes") or []
    for cause in causes:
        if status.get("reason") == "NonZeroExitCode" and cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise not_run(container_id, str(status.get("message", "")))


def not_run(container_id: str, complaint: str) -> StartFault:
    """What runtimes say when a command could not be executed, without their frames around runc's words."""
    text = re.sub(r"^.*?OCI runtime exec failed: (exec failed: )?", "", complaint).removesuffix(": unknown")
    return start_fault(container_id, text)


@asynccontextmanager
async def connect(
    url: str, *, stdin: bool, tty: bool, finish: Callable[[bytes], Awaitable[int]]
) -> AsyncIterator[RemoteStream]:
    """Open the streams of an exec or attach.  Raises ``RuntimeFault``."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise RuntimeFault(f"cannot stream from {url}: only plain HTTP on this machine is spoken")
    wire = await _dial(parts.hostname, parts.port or 80)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await wire.upgrade(parts)
        async with Tasks("cri-stream") as tasks:
            tasks.start(_answer_pings(wire.connection), name="pings")
            kinds = ["error", *_kinds(stdin=stdin, tty=tty)]
            streams = {kind: await wire.connection.open({"streamtype": kind}) for kind in kinds}
            yield RemoteStream(streams, finish)
    except ConnectionError as error:
        raise RuntimeFault(f"cannot stream from the runtime: {error}") from error
    except TimeoutError as error:
        raise RuntimeFault(
            f"cannot stream from the runtime: no answer within {_CONNECT_SECONDS:g} s"
        ) from error
    finally:
        wire.close()


def _kinds(*, stdin: bool, tty: bool) -> Iterator[str]:
    if stdin:
        yield "stdin"
    yield "stdout"
    yield "resize" if tty else "stderr"


async def _dial(host: str, port: int) -> _Wire:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await loop.sock_connect(made, (host, port))
        _, wire = await loop.create_connection(_Wire, sock=made)
    except OSError as error:
        made.close()
        raise RuntimeFault(f"cannot reach the runtime's streaming server: {error}") from error
    except BaseException:
        made.close()
        raise
    return wire


async def _answer_pings(connection: multiplex.Connection) -> None:
    with suppress(ConnectionError):
        while await connection.accept() is not None:
            pass  # a runtime opens no streams


async def _read(stream: multiplex.Stream) -> bytes:
    try:
        return await stream.read()
    except ConnectionError:
        return b""


async def _all(stream: multiplex.Stream) -> bytes:
    pieces = []
    while data := await _read(stream):
        pieces.append(data)
    return b"".join(pieces)


class _Wire(asyncio.Protocol):
    """The connection below: first the upgrade, then SPDY."""

    def __init__(self) -> None:
        self.connection = multiplex.Connection(self, most=_MOST_UNREAD)
        self._transport: asyncio.Transport | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._head = b""
        self._upgraded: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def upgrade(self, parts: urllib.parse.SplitResult) -> None:
        """Raises ``RuntimeFault`` with what the server says instead."""
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        head = (
            f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
            f"X-Stream-Protocol-Version: {PROTOCOL}\r\nContent-Length: 0\r\n\r\n"
        )
        await self.write(head.encode())
        answer = await self._upgraded
        if b" 101 " not in answer.partition(b"\r\n")[0]:
            said = answer.decode(errors="replace").replace("\r\n", " ").strip()
            raise RuntimeFault(f"cannot stream from the runtime: it answers {said[:300]!r}")

    async def write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._transport.write(data)
        await self._room.wait()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self.connection.feed_eof()

    def pause_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._upgraded.done():
            self.connection.feed_data(data)
            return
        self._head += data
        head, found, rest = self._head.partition(b"\r\n\r\n")
        if found or len(self._head) > _MAX_HEAD:
            self._upgraded.set_result(head if b" 101 " in head.partition(b"\r\n")[0] else self._head)
            self.connection.feed_data(rest)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._room.set()
        if not self._upgraded.done():
            self._upgraded.set_result(self._head or b"nothing")
        self.connection.feed_eof()
