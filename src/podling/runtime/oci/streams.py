"""Live streams into and out of containers, as ``interface.Stream``: over pipes, terminals and sockets.

Everything is read only when the caller asks, one chunk at a time, so a slow client stalls the process through the
kernel's own buffers and nothing piles up here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import struct
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from podling.aio import pipes
from podling.aio.spawn import Process
from podling.runtime import linux
from podling.runtime.interface import RuntimeFault

STDOUT, STDERR = 1, 2
_PACKET = 8192
_CONTROL_LINE = 199
"""What conmon reads at once. Of several lines that it finds there it obeys the first each time (seen in 2.1.6), so
that each is made to fill a read of its own."""


class PipeStream:
    """An exec without terminal: three pipes of a process.  ``finish`` turns its exit code into the answer."""

    def __init__(self, process: Process, finish: Callable[[int], Awaitable[int]]) -> None:
        self._process = process
        self._finish = finish

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        """Until both ended, or the command ended and what it wrote is read: what it left running in the background
        may hold the pipes for ever."""
        channels = {self._process.stdout: STDOUT, self._process.stderr: STDERR}
        while channels:
            has_ended, is_quiet = self._process.returncode is not None, True
            for fd, channel in list(channels.items()):
                try:
                    data = os.read(fd, pipes.CHUNK)
                except BlockingIOError:
                    continue
                is_quiet = False
                if data:
                    yield channel, data
                else:
                    del channels[fd]
            if is_quiet and has_ended:
                return
            if is_quiet:
                await pipes.wait_any_readable(list(channels), or_done=self._process.exited)

    async def write(self, data: bytes) -> None:
        if self._process.stdin < 0:
            raise RuntimeFault("cannot write to the command: its standard input is closed")
        await pipes.write(self._process.stdin, data)

    async def close_stdin(self) -> None:
        self._process.close_stdin()

    async def resize(self, width: int, height: int) -> None:
        raise RuntimeFault("cannot resize: the command has no terminal")

    async def wait(self) -> int:
        return await self._finish(await self._process.wait())


class TerminalStream:
    """An exec with a terminal, whose master side is ``master``; ``relayed``: the process must be told of its size."""

    def __init__(
        self, master: int, process: Process, finish: Callable[[int], Awaitable[int]], *, relayed: bool = False
    ) -> None:
        self._master = master
        self._process = process
        self._finish = finish
        self._relayed = relayed

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        while data := await pipes.read(self._master):
            yield STDOUT, data

    async def write(self, data: bytes) -> None:
        await pipes.write(self._master, data)

    async def close_stdin(self) -> None:
        """A terminal has no half-close: nothing happens."""

    async def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        if self._relayed:
            self._process.send_signal(signal.SIGWINCH)

    async def wait(self) -> int:
        return await self._finish(await self._process.wait())


class AttachStream:
    """An attach: conmon's packet socket, whose packets begin with the pipe's number (2 = stdout, 3 = stderr)."""

    def __init__(
        self, connection: socket.socket, folder: Path, exit_code: Callable[[], Awaitable[int]]
    ) -> None:
        self._socket = connection
        self._folder = folder
        self._exit_code = exit_code

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        while packet := await _receive(self._socket):
            yield packet[0] - 1, packet[1:]

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), _PACKET):
            await pipes.write(self._socket.fileno(), data[start : start + _PACKET])

    async def close_stdin(self) -> None:
        _shut(self._socket)

    async def resize(self, width: int, height: int) -> None:
        """On the terminal itself where that can be had: of two sizes at once conmon (2.1.6) may keep the first."""
        try:
            master = linux.terminal_of(int((self._folder / "conmon.pid").read_text()))
        except (OSError, ValueError):
            control(self._folder, f"1 {height} {width}\n")
            return
        try:
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        finally:
            os.close(master)

    async def wait(self) -> int:
        return await self._exit_code()


class SocketStream:
    """A TCP connection into a sandbox; only channel 1 is used."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        while data := await _receive(self._socket):
            yield STDOUT, data

    async def write(self, data: bytes) -> None:
        await pipes.write(self._socket.fileno(), data)

    async def close_stdin(self) -> None:
        _shut(self._socket)

    async def resize(self, width: int, height: int) -> None:
        raise RuntimeFault("cannot resize: a forwarded port has no terminal")

    async def wait(self) -> int:
        return 0


def control(folder: Path, message: str) -> None:
    """Tell conmon something over its control FIFO: ``1 <height> <width>`` resizes, ``2 0 0`` reopens the log."""
    try:
        fd = os.open(folder / "ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise RuntimeFault(
            f"cannot reach the supervisor of container {folder.name}: {error.strerror}"
        ) from error
    try:
        os.write(fd, message.rstrip().ljust(_CONTROL_LINE - 1).encode() + b"\n")
    finally:
        os.close(fd)


async def _receive(connection: socket.socket) -> bytes:
    try:
        return await pipes.read(connection.fileno())
    except ConnectionResetError:
        return b""


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
