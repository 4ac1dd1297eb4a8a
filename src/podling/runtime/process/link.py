"""The way to the supervisor: find it or start it, ask it, hear its events, notice its death."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from podling.aio import pipes, spawn
from podling.runtime.interface import RuntimeFault, Unavailable

from .isolation import program
from .supervisor import wire

SOCKET = "supervisor.sock"
_START_SECONDS = 20.0

Message = dict[str, Any]


class Refused(RuntimeFault):
    """The supervisor did not do what it was asked; ``stage`` says how far a start came."""

    def __init__(self, message: str, stage: str = "") -> None:
        super().__init__(message)
        self.stage = stage


class Connection:
    """One control connection: requests answered in any order, and what comes unasked."""

    def __init__(
        self, made: socket.socket, *, on_event: Callable[[Message], None], on_end: Callable[[], None]
    ) -> None:
        self._socket = made
        self._loop = asyncio.get_running_loop()
        self._serials = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._on_event = on_event
        self._on_end = on_end
        made.setblocking(False)
        self._loop.add_reader(made.fileno(), self._readable)

    async def ask(
        self, op: str, *, plan: Message | None = None, fds: Sequence[int] = (), **fields: Any
    ) -> Message:
        """The answer to a request.  Raises ``Refused`` and ``Unavailable``."""
        if self._socket.fileno() < 0:
            raise Unavailable("cannot ask the supervisor of process containers: it has ended")
        serial = next(self._serials)
        answer: asyncio.Future[Message] = self._loop.create_future()
        self._waiting[serial] = answer
        own = [] if plan is None else [wire.file_of(plan)]
        try:
            wire.send_fds(self._socket, wire.pack({"op": op, "serial": serial, **fields}), [*own, *fds])
            message = await answer
        except OSError as error:
            raise Unavailable(f"cannot ask the supervisor of process containers: {error}") from error
        finally:
            self._waiting.pop(serial, None)
            for fd in own:
                os.close(fd)
        if "error" in message:
            raise Refused(message["error"], message.get("stage", ""))
        return message

    def give_up(self) -> socket.socket:
        """Hand the connection over to who speaks another language on it."""
        self._loop.remove_reader(self._socket.fileno())
        return self._socket

    def close(self) -> None:
        """Safe to repeat.  Those who wait for an answer get ``Unavailable``."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(
                    Unavailable("cannot reach the supervisor of process containers: it has ended")
                )

    def _readable(self) -> None:
        try:
            packet = self._socket.recv(wire.PACKET * 4)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self.close()
            self._on_end()
            return
        message = wire.unpack(packet)
        answer = self._waiting.get(message.get("serial", 0))
        if "event" in message:
            self._on_event(message)
        elif answer is not None and not answer.done():
            answer.set_result(message)


class Link:
    """The supervisor of one folder."""

    def __init__(
        self, folder: Path, *, on_event: Callable[[Message], None], on_lost: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._on_event = on_event
        self._on_lost = on_lost
        self._main: Connection | None = None
        self._process: spawn.Process | None = None
        self.pid = 0
        self.abilities: Message = {}
        self.containers: frozenset[str] = frozenset()

    async def open(self) -> None:
        """Connect to the running supervisor, or start one.  Raises ``Unavailable``."""
        try:
            made = self._connect()
        except OSError:
            await self._start()
            try:
                made = self._connect()
            except OSError as error:
                raise Unavailable(f"cannot reach the supervisor of process containers: {error}") from error
        self._main = Connection(made, on_event=self._on_event, on_end=self._lost)
        hello = await self._main.ask("hello")
        if hello["version"] != wire.VERSION:
            raise Unavailable(
                f"cannot speak with the supervisor of process containers (pid {hello['pid']}): it is of another version "
                "of Podling; stop the Pods with that one first"
            )
        self.pid, self.abilities = hello["pid"], hello["abilities"]
        self.containers = frozenset(hello["containers"])

    async def ask(self, op: str, *, plan: Message | None = None, **fields: Any) -> Message:
        if self._main is None:
            raise Unavailable("cannot ask the supervisor of process containers: not connected")
        return await self._main.ask(op, plan=plan, **fields)

    def visit(self, *, on_event: Callable[[Message], None], on_end: Callable[[], None]) -> Connection:
        """A further connection, for one command or one stream.  Raises ``Unavailable``."""
        try:
            return Connection(self._connect(), on_event=on_event, on_end=on_end)
        except OSError as error:
            raise Unavailable(f"cannot reach the supervisor of process containers: {error}") from error

    def close(self) -> None:
        """Let go.  The supervisor goes on as long as it has a container."""
        if self._main is not None:
            self._main.close()
            self._main = None
        if self._process is not None:
            self._process.close()

    def _lost(self) -> None:
        self._main = None
        self._on_lost()

    def _connect(self) -> socket.socket:
        """By way of the folder's descriptor: a socket's path holds 107 bytes only."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                made.connect(f"/proc/self/fd/{fd}/{SOCKET}")
            finally:
                os.close(fd)
        except OSError:
            made.close()
            raise
        return made

    async def _start(self) -> None:
        log = os.open(
            self._folder / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        try:
            self._process = await spawn.spawn(
                [*program("server"), str(self._folder)],
                cwd="/",
                stdout=spawn.PIPE,
                stderr=log,
                new_session=True,
            )
        except spawn.SpawnFault as error:
            raise Unavailable(f"cannot start the supervisor of process containers: {error}") from error
        finally:
            os.close(log)
        told = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                told = await pipes.read(self._process.stdout)
        if told != b"ready\n":
            self._process.kill()
            raise Unavailable(
                f"cannot start the supervisor of process containers: see {self._folder / 'supervisor.log'}"
            )
