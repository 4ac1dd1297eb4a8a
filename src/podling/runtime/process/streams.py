"""Live streams into and out of process containers, as ``interface.Stream``.

Nothing is read before it is asked for: a slow client stalls the process through the kernel's buffers.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import socket
import struct
import termios
from collections.abc import AsyncIterator, Awaitable, Callable

from podling.aio import pipes
from podling.runtime.interface import RuntimeFault

from .supervisor import wire


class CommandStream:
    """A command run in a container.  ``outputs`` are our ends of its pipes by channel, or its terminal as channel 1.

    ``ended`` gives its exit code.  The fds belong to whoever made the stream; ``close`` closes them.
    """

    def __init__(
        self, stdin: int, outputs: dict[int, int], ended: asyncio.Future[int], *, terminal: bool
    ) -> None:
        self._stdin = stdin
        self._outputs = outputs
        self._ended = ended
        self._terminal = terminal
        for fd in {stdin, *outputs} - {-1}:
            os.set_blocking(fd, False)

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        """Until all outputs ended, or the command did and what it wrote is read: what it left running may hold them."""
        open_outputs = dict(self._outputs)
        while open_outputs:
            has_ended, is_quiet = self._ended.done(), True
            for fd, channel in list(open_outputs.items()):
                data = _read(fd)
                if data is None:
                    continue
                is_quiet = False
                if data:
                    yield channel, data
                else:
                    del open_outputs[fd]
            if is_quiet and has_ended:
                return
            if is_quiet:
                await pipes.wait_any_readable(list(open_outputs), or_done=self._ended)

    async def write(self, data: bytes) -> None:
        if self._stdin < 0:
            raise RuntimeFault("cannot write to the command: its standard input is closed")
        with contextlib.suppress(BrokenPipeError):  # it need not read all; its exit code tells
            await pipes.write(self._stdin, data)

    async def close_stdin(self) -> None:
        """A terminal has no half-close: then nothing happens."""
        if self._stdin >= 0 and not self._terminal:
            os.close(self._stdin)
            self._stdin = -1

    async def resize(self, width: int, height: int) -> None:
        if not self._terminal:
            raise RuntimeFault("cannot resize: the command has no terminal")
        fcntl.ioctl(self._stdin, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def close(self) -> None:
        for fd in {self._stdin, *self._outputs} - {-1}:
            os.close(fd)
        self._stdin = -1
        self._outputs = {}


class AttachStream:
    """A container's own stdio, by way of the supervisor (``supervisor/wire``)."""

    def __init__(self, connection: socket.socket, exit_code: Callable[[], Awaitable[int]]) -> None:
        self._socket = connection
        self._exit_code = exit_code

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        while packet := await self._receive():
            if packet[0] == wire.EXIT:
                return
            yield packet[0], packet[1:]

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), wire.PACKET):
            await self._send(wire.STDIN, data[start : start + wire.PACKET])

    async def close_stdin(self) -> None:
        await self._send(wire.CLOSE_STDIN, b"")

    async def resize(self, width: int, height: int) -> None:
        await self._send(wire.RESIZE, json.dumps({"width": width, "height": height}).encode())

    async def wait(self) -> int:
        return await self._exit_code()

    async def _receive(self) -> bytes:
        while True:
            try:
                return self._socket.recv(wire.PACKET + 1)
            except BlockingIOError:
                await pipes.wait_readable(self._socket.fileno())
            except ConnectionError:
                return b""

    async def _send(self, channel: int, data: bytes) -> None:
        packet = bytes((channel,)) + data
        while True:
            try:
                self._socket.send(packet)
                return
            except BlockingIOError:
                await pipes.wait_writable(self._socket.fileno())
            except (BrokenPipeError, ConnectionError):
                return  # the container has ended; reading tells


class PortStream:
    """A TCP connection to a port of the Pod; channel 1 only."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._ended = asyncio.Event()

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        try:
            while data := await asyncio.get_running_loop().sock_recv(self._socket, pipes.CHUNK):
                yield 1, data
        except ConnectionError:
            return
        finally:
            self._ended.set()

    async def write(self, data: bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except ConnectionError as error:
            raise RuntimeFault(f"cannot write to the port: {error.strerror}") from error

    async def close_stdin(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    async def resize(self, width: int, height: int) -> None:
        raise RuntimeFault("cannot resize: a port has no terminal")

    async def wait(self) -> int:
        await self._ended.wait()
        return 0


def _read(fd: int) -> bytes | None:
    """What is there; b"" at the end, None if there is nothing yet.  A terminal nobody holds any more is at its end."""
    try:
        return os.read(fd, pipes.CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        return b""
