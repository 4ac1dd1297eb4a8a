"""The one door through which Podling starts processes.

Why it exists: asyncio's and uvloop's own subprocess calls fork, and a fork of a 100 MB heap stalls the loop for
8-16 ms.  ``subprocess.Popen`` without ``preexec_fn`` uses vfork (0.2-0.35 ms), and a pidfd tells of the exit
without SIGCHLD, threads or polling.  A law test forbids other ways in.

It decides how a child is started, awaited and reaped.  It leaves to callers what flows through the pipes
(``podling.aio.pipes`` reads and writes them) and what an exit code means.

Ownership: a ``Process`` owns its pidfd and the parent ends of the pipes it made.  The loop reaps the child as soon as
it dies, whether or not anybody waits.  ``close()`` (or leaving ``async with``) lets go of the pipes; it does not kill.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import IO, Final

from . import pipes

PIPE: Final = subprocess.PIPE
DEVNULL: Final = subprocess.DEVNULL
STDOUT: Final = subprocess.STDOUT


# SpawnFault
# ├── CannotStart     the program does not exist or may not be executed; the cause is the OSError
# ├── TimeLimit       it did not end within ``limit_seconds`` and was killed
# └── OutputLimit     it wrote more than ``max_output`` bytes and was killed
class SpawnFault(Exception):
    """A program could not be run to its end."""


class CannotStart(SpawnFault):
    """The program does not exist or may not be executed; ``__cause__`` is the OSError."""


class TimeLimit(SpawnFault):
    """The program did not end in time and was killed."""


class OutputLimit(SpawnFault):
    """The program wrote more than its caller is willing to hold and was killed."""


class Process:
    """A running child: ``pid``, ``pidfd`` (-1 once reaped), and fds ``stdin``, ``stdout``, ``stderr`` where ``PIPE`` was asked.

    The fds are non-blocking and belong to this object.  ``returncode`` is as subprocess has it: negative = signal.
    ``exited`` is for looking at and waiting beside other things; never cancel it.
    """

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = self._loop.create_future()
        self.pid = popen.pid
        self.stdin = _detach(popen.stdin)
        self.stdout = _detach(popen.stdout)
        self.stderr = _detach(popen.stderr)
        self.pidfd = os.pidfd_open(popen.pid)
        self._loop.add_reader(self.pidfd, self._reap)

    def __repr__(self) -> str:
        state = f"exited {self.returncode}" if self.exited.done() else "running"
        return f"<Process {self.pid} {state}>"

    @property
    def returncode(self) -> int | None:
        return self.exited.result() if self.exited.done() else None

    async def wait(self) -> int:
        """The exit code, negative for a signal.  May be awaited by many, cancelled freely."""
        return await asyncio.shield(self.exited)

    async def settle(self) -> None:
        """After a kill: wait until the child is reaped, or for 5 s if the kernel holds it."""
        await asyncio.wait([self.exited], timeout=5)

    def send_signal(self, number: int) -> None:
        """Signal the child; nothing happens if it is gone already."""
        if self.pidfd >= 0:
            try:
                signal.pidfd_send_signal(self.pidfd, number)
            except ProcessLookupError:
                return

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def kill_group(self) -> None:
        """Kill the child's whole process group; only for one started with ``new_session``."""
        if self.pidfd >= 0:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def close_stdin(self) -> None:
        self.stdin = _close(self.stdin)

    def close(self) -> None:
        """Close the parent's pipe ends.  The child runs on and is still reaped."""
        self.stdin, self.stdout, self.stderr = _close(self.stdin), _close(self.stdout), _close(self.stderr)

    async def __aenter__(self) -> Process:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def _reap(self) -> None:
        code = self._popen.poll()
        if code is None:
            return
        self._loop.remove_reader(self.pidfd)
        self.pidfd = _close(self.pidfd)
        self.exited.set_result(code)


async def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: int | None = DEVNULL,
    stdout: int | None = None,
    stderr: int | None = None,
    pass_fds: Sequence[int] = (),
    new_session: bool = False,
    thread: Executor | None = None,
) -> Process:
    """Start ``argv`` and return once it executes.  ``stdin`` and friends are an fd, ``PIPE``, ``DEVNULL`` or None (ours).

    ``thread`` starts it from a prepared thread, whose namespaces the child inherits.  Raises ``CannotStart``.
    """

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=new_session,
        )

    try:
        popen = start() if thread is None else await _start_in(thread, start)
    except OSError as error:
        raise CannotStart(f"cannot start {argv[0]}: {error.strerror or error}") from error
    return Process(popen)


@dataclass(frozen=True, slots=True)
class Completed:
    """What a finished program left: exit code (negative = signal) and both outputs."""

    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def error_text(self) -> str:
        """The last lines of its complaint, for messages."""
        text = (self.stderr or self.stdout).decode(errors="replace").strip()
        return text[-2000:] if text else f"exit code {self.returncode}"


async def run(
    argv: Sequence[str],
    *,
    limit_seconds: float,
    input: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    pass_fds: Sequence[int] = (),
    thread: Executor | None = None,
    max_output: int = 16 << 20,
) -> Completed:
    """Run ``argv`` to its end and return its outputs; it and its process group are killed on time-out and cancellation.

    Raises ``CannotStart``, ``TimeLimit`` and ``OutputLimit``; a non-zero exit code is the caller's to judge.
    """
    process = await spawn(
        argv,
        env=env,
        cwd=cwd,
        stdin=PIPE if input else DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        pass_fds=pass_fds,
        new_session=True,
        thread=thread,
    )
    try:
        async with process, asyncio.timeout(limit_seconds):
            return await _communicate(process, input, max_output, argv[0])
    except TimeoutError as error:
        raise TimeLimit(f"cannot finish {argv[0]}: no end after {limit_seconds:g} s") from error
    finally:
        process.kill_group()
        await process.settle()


async def _communicate(process: Process, data: bytes, max_output: int, name: str) -> Completed:
    outputs: tuple[list[bytes], list[bytes]] = ([], [])
    held = 0

    async def collect(fd: int, into: list[bytes]) -> None:
        nonlocal held
        while chunk := await pipes.read(fd):
            held += len(chunk)
            if held > max_output:
                raise OutputLimit(f"cannot hold the output of {name}: more than {max_output} bytes")
            into.append(chunk)

    async def feed() -> None:
        with contextlib.suppress(BrokenPipeError):  # it need not read all; its exit code tells
            await pipes.write(process.stdin, data)
        process.close_stdin()

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(collect(process.stdout, outputs[0]), name=f"{name} stdout")
            tasks.create_task(collect(process.stderr, outputs[1]), name=f"{name} stderr")
            if data:
                tasks.create_task(feed(), name=f"{name} stdin")
    except* OutputLimit as group:
        raise group.exceptions[0] from None
    return Completed(await process.wait(), b"".join(outputs[0]), b"".join(outputs[1]))


async def _start_in(
    thread: Executor, start: Callable[[], subprocess.Popen[bytes]]
) -> subprocess.Popen[bytes]:
    """Start in ``thread``; a waiter cancelled meanwhile leaves no child."""
    future = asyncio.get_running_loop().run_in_executor(thread, start)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        process = Process(await future)
        process.close()
        process.kill()
        await process.settle()
        raise


def _detach(stream: IO[bytes] | None) -> int:
    """Take the fd out of Popen's file object, which would be garbage-collected with a warning."""
    if stream is None:
        return -1
    fd = os.dup(stream.fileno())
    stream.close()
    os.set_blocking(fd, False)
    return fd


def _close(fd: int) -> int:
    if fd >= 0:
        os.close(fd)
    return -1
