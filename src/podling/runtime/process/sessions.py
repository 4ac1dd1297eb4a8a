"""Commands run inside containers, attaching to them, and connections to a Pod's ports.

A command's pipes go straight from it to us: the supervisor only starts it, tells of its end, and kills it when the
connection that asked for it closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from podling.runtime.interface import ExecResult, RuntimeFault, Sandbox, StartFault, Timeout

from . import launch
from .cell import Cell
from .link import Link, Refused
from .streams import AttachStream, CommandStream, PortStream

_MAX_OUTPUT = 16 << 20
_CONNECT_SECONDS = 10.0
_LOST_EXIT_CODE = 137
_START_EXIT_CODE = 127


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be run where: ``plan`` is the container's own."""

    cell: Cell
    plan: dict[str, Any]
    argv: Sequence[str]


async def exec_sync(link: Link, command: Command, *, limit: float) -> ExecResult:
    """Run a command to its end, both outputs whole up to 16 MiB together (more is read and dropped)."""
    collected: dict[int, list[bytes]] = {1: [], 2: []}
    held = 0
    try:
        async with (
            asyncio.timeout(limit or None),
            execute(link, command, stdin=False, tty=False) as stream,
        ):
            async for channel, data in stream.read():
                if held < _MAX_OUTPUT:
                    collected[channel].append(data[: _MAX_OUTPUT - held])
                    held += len(data)
            code = await stream.wait()
    except TimeoutError as error:
        raise Timeout(
            f"cannot finish {command.argv[0]!r} in container {command.cell.record.id}: no end after {limit:g} s"
        ) from error
    return ExecResult(stdout=b"".join(collected[1]), stderr=b"".join(collected[2]), exit_code=code)


@asynccontextmanager
async def execute(link: Link, command: Command, *, stdin: bool, tty: bool) -> AsyncIterator[CommandStream]:
    """Run a command; leaving kills it.  Raises ``StartFault`` if it could not be run."""
    _check(command)
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def tell(event: dict[str, Any]) -> None:
        if not ended.done():
            ended.set_result(event["code"])

    def lose() -> None:
        if not ended.done():
            ended.set_result(_LOST_EXIT_CODE)

    record = command.cell.record
    plan = launch.execution(command.plan, command.argv, record.config, terminal=tty)
    with _stdio(stdin=stdin, tty=tty) as (ours, theirs):
        stream = CommandStream(ours[0], _outputs(ours, tty=tty), ended, terminal=tty)
        connection = link.visit(on_event=tell, on_end=lose)
        try:
            await connection.ask("exec", id=record.id, plan=plan, fds=theirs)
            _close(theirs)
            yield stream
        except Refused as error:
            raise StartFault(
                f"cannot run {command.argv[0]!r} in container {record.id}: {error}",
                exit_code=_START_EXIT_CODE,
            ) from error
        finally:
            connection.close()
            stream.close()


@asynccontextmanager
async def attach(link: Link, cell: Cell, *, stdin: bool) -> AsyncIterator[AttachStream]:
    """Join the container's own streams.  Leaving lets go of them."""
    _must_run(cell, "attach to")

    async def exit_code() -> int:
        await cell.ended.wait()
        return cell.status().exit_code

    connection = link.visit(on_event=lambda event: None, on_end=lambda: None)
    try:
        await connection.ask("attach", id=cell.record.id, stdin=stdin)
        with connection.give_up() as joined:
            yield AttachStream(joined, exit_code)
    except Refused as error:
        raise RuntimeFault(f"cannot attach to container {cell.record.id}: {error}") from error
    finally:
        connection.close()


@asynccontextmanager
async def port_forward(sandbox: Sandbox, port: int) -> AsyncIterator[PortStream]:
    """Connect to ``port`` of the Pod: its own address first, then localhost, which it shares with the machine."""
    reasons: list[str] = []
    for address in (*sandbox.ips, "127.0.0.1"):
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        with connection:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await asyncio.get_running_loop().sock_connect(connection, (address, port))
            except (OSError, TimeoutError) as error:
                reasons.append(_why(error))
                continue
            yield PortStream(connection)
            return
    raise RuntimeFault(f"cannot connect to port {port} of sandbox {sandbox.id}: {reasons[0]}")


def _why(error: OSError | TimeoutError) -> str:
    """The kernel's words; asyncio puts its own around them."""
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "timed out"


def _check(command: Command) -> None:
    _must_run(command.cell, "run a command in")
    if not command.argv:
        raise StartFault(
            f"cannot run a command in container {command.cell.record.id}: none was given",
            exit_code=_START_EXIT_CODE,
        )


def _must_run(cell: Cell, what: str) -> None:
    if not cell.running:
        raise RuntimeFault(f"cannot {what} container {cell.record.id}: it is {cell.state.value}")


@contextlib.contextmanager
def _stdio(*, stdin: bool, tty: bool) -> Iterator[tuple[list[int], list[int]]]:
    """Our ends and the command's, of three pipes or of one terminal; the command's are closed at the end at latest."""
    if tty:
        ours, theirs = os.openpty()
        ends = [ours, ours, ours], [theirs, theirs, theirs]
    else:
        reading, writing = os.pipe() if stdin else (os.open(os.devnull, os.O_RDONLY), -1)
        (stdout, their_stdout), (stderr, their_stderr) = os.pipe(), os.pipe()
        ends = [writing, stdout, stderr], [reading, their_stdout, their_stderr]
    try:
        yield ends
    finally:
        _close(ends[1])


def _outputs(ours: list[int], *, tty: bool) -> dict[int, int]:
    return {ours[0]: 1} if tty else {ours[1]: 1, ours[2]: 2}


def _close(fds: list[int]) -> None:
    for fd in set(fds):
        os.close(fd)
    fds.clear()
