"""Commands run inside containers, attaching to them, and connections into sandboxes.

An exec is the OCI runtime's own ``exec`` with our pipes, or with a terminal whose master side it hands us over a
socket: no supervisor is needed, and when its caller goes the command's process group is killed.  The runtime's own
complaints go to a log of its own, so that they cannot be taken for the command's output.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from podling.aio import pipes, spawn
from podling.runtime import linux
from podling.runtime.interface import ContainerState, ExecResult, RuntimeFault, StartFault, Timeout

from . import conmon, streams
from .cell import Cell
from .containers import Containers
from .context import Context
from .sandboxes import Box

_MAX_OUTPUT = 16 << 20
_CONNECT_SECONDS = 10.0
_REAP_SECONDS = 2.0


@dataclass(slots=True)
class Sessions:
    """Live sessions of the node."""

    context: Context
    containers: Containers
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def exec_sync(self, cell: Cell, command: Sequence[str], *, limit: float) -> ExecResult:
        """Run a command to its end, both outputs whole up to 16 MiB together (more is read and dropped)."""
        collected: dict[int, list[bytes]] = {streams.STDOUT: [], streams.STDERR: []}
        held = 0
        try:
            async with (
                asyncio.timeout(limit or None),
                self.exec(cell, command, stdin=False, tty=False) as stream,
            ):
                async for channel, data in stream.read():
                    if held < _MAX_OUTPUT:
                        collected[channel].append(data[: _MAX_OUTPUT - held])
                        held += len(data)
                code = await stream.wait()
        except TimeoutError as error:
            raise Timeout(
                f"cannot finish {command[0]!r} in container {cell.id}: no end after {limit:g} s"
            ) from error
        return ExecResult(stdout=b"".join(collected[1]), stderr=b"".join(collected[2]), exit_code=code)

    @asynccontextmanager
    async def exec(
        self, cell: Cell, command: Sequence[str], *, stdin: bool, tty: bool
    ) -> AsyncIterator[streams.PipeStream | streams.TerminalStream]:
        """Run a command; leaving kills its process group.  ``wait`` raises ``StartFault`` if it could not be run."""
        if cell.state is not ContainerState.RUNNING:
            raise RuntimeFault(f"cannot run a command in container {cell.id}: it is {cell.state.value}")
        if not command:
            raise StartFault(f"cannot run a command in container {cell.id}: none was given", exit_code=127)
        session = _Session(self.context, cell, f"exec-{next(self._numbers)}")
        with session.files(command, tty=tty):
            async with session.terminal() if tty else session.pipes(stdin=stdin) as stream:
                yield stream

    @asynccontextmanager
    async def attach(self, cell: Cell) -> AsyncIterator[streams.AttachStream]:
        """Join the container's own streams, as conmon serves them."""
        if cell.state is not ContainerState.RUNNING:
            raise RuntimeFault(f"cannot attach to container {cell.id}: it is {cell.state.value}")

        async def exit_code() -> int:
            await cell.exited.wait()
            return cell.status.exit_code

        folder = os.open(cell.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        with connection:
            try:
                connection.connect(
                    f"/proc/self/fd/{folder}/attach"
                )  # the plain path may be too long for a socket
            except OSError as error:
                raise RuntimeFault(f"cannot attach to container {cell.id}: {error.strerror}") from error
            finally:
                os.close(folder)
            yield streams.AttachStream(connection, cell.folder, exit_code)

    @asynccontextmanager
    async def port_forward(self, box: Box, port: int) -> AsyncIterator[streams.SocketStream]:
        """Connect to ``port`` on the sandbox's localhost, by IPv4 or else IPv6."""
        netns = box.namespace("net") if "net" in box.own_kinds else self.context.config.host_netns
        connection = await self._connect(box, netns, port)
        with connection:
            yield streams.SocketStream(connection)

    async def _connect(self, box: Box, netns: str, port: int) -> socket.socket:
        reasons = []
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                connection = await self.context.workers.run(_socket_inside, netns, family)
            except OSError as error:
                reasons.append(os.strerror(error.errno or 0))
                continue
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await asyncio.get_running_loop().sock_connect(connection, (address, port))
                return connection
            except OSError as error:  # TimeoutError is one
                connection.close()
                reasons.append(os.strerror(error.errno) if error.errno else "timed out")
            except BaseException:
                connection.close()
                raise
        raise RuntimeFault(f"cannot connect to port {port} of sandbox {box.id}: {reasons[0]}")


class _Session:
    """One exec: its files beside the container's, its process, its end."""

    def __init__(self, context: Context, cell: Cell, name: str) -> None:
        self._context = context
        self._cell = cell
        self._launcher = context.launcher(cell.record.handler)
        self._spec = cell.folder / f"{name}.json"
        self._pid = cell.folder / f"{name}.pid"
        self._log = cell.folder / f"{name}.log"

    @contextlib.contextmanager
    def files(self, command: Sequence[str], *, tty: bool) -> Iterator[None]:
        document = json.loads((self._cell.folder / "config.json").read_bytes())["process"]
        document |= {"args": list(command), "terminal": tty}
        if tty:
            document["env"] = [v for v in document["env"] if not v.startswith("TERM=")] + ["TERM=xterm"]
        try:
            self._spec.write_text(json.dumps(document))
            yield
        finally:
            for file in (self._spec, self._pid, self._log):
                file.unlink(missing_ok=True)

    @asynccontextmanager
    async def pipes(self, *, stdin: bool) -> AsyncIterator[streams.PipeStream]:
        process = await self._spawn([], stdin=spawn.PIPE if stdin else spawn.DEVNULL, output=spawn.PIPE)
        async with self._ending(process):
            yield streams.PipeStream(process, self._finish)

    @asynccontextmanager
    async def terminal(self) -> AsyncIterator[streams.TerminalStream]:
        if not self._launcher.is_crun:
            async with self._relayed_terminal() as stream:
                yield stream
            return
        with (
            tempfile.TemporaryDirectory(prefix="podling-") as folder,  # short: socket paths end at 107 bytes
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as listener,
        ):
            listener.bind(f"{folder}/tty")
            listener.listen(1)
            extra = ["--console-socket", f"{folder}/tty"]
            process = await self._spawn(extra, stdin=spawn.DEVNULL, output=spawn.DEVNULL)
            async with self._ending(process):
                master = await self._master(listener, process)
                try:
                    yield streams.TerminalStream(master, process, self._finish)
                finally:
                    os.close(master)

    @asynccontextmanager
    async def _relayed_terminal(self) -> AsyncIterator[streams.TerminalStream]:
        """runc hands a terminal over only to those who do without the exit code; it relays to one of ours instead."""
        master, slave = os.openpty()
        try:
            os.set_blocking(master, False)
            process = await self._spawn([], stdin=slave, output=slave)
            async with self._ending(process):
                os.close(slave)
                slave = -1
                yield streams.TerminalStream(master, process, self._finish, relayed=True)
        finally:
            for fd in (master, slave):
                if fd >= 0:
                    os.close(fd)

    async def _spawn(self, extra: list[str], *, stdin: int, output: int) -> spawn.Process:
        argv = [
            *(str(self._launcher.runtime), f"--root={self._context.config.run}"),
            *(f"--log={self._log}", "--log-format=json", "exec", "--process", str(self._spec)),
            *("--pid-file", str(self._pid), *extra, self._cell.id),
        ]
        workers = self._context.workers.executor
        try:
            return await spawn.spawn(
                argv, stdin=stdin, stdout=output, stderr=output, new_session=True, thread=workers
            )
        except spawn.CannotStart as error:
            raise RuntimeFault(f"cannot run a command in container {self._cell.id}: {error}") from error

    @asynccontextmanager
    async def _ending(self, process: spawn.Process) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if process.returncode is None and _kill_inside(process):
                # killed first, it would leave the command a zombie of the container's init, which may never reap
                await asyncio.wait([process.exited], timeout=_REAP_SECONDS)
            process.kill_group()
            process.close()
            await process.settle()

    async def _master(self, listener: socket.socket, process: spawn.Process) -> int:
        """The terminal that the OCI runtime sends; its early end means the command could not be run."""
        await pipes.wait_any_readable([listener.fileno()], or_done=process.exited)
        with contextlib.suppress(BlockingIOError):
            connection, _ = listener.accept()
            with connection:
                await pipes.wait_any_readable([connection.fileno()], or_done=process.exited)
                _, fds, _, _ = socket.recv_fds(connection, 4096, 1, socket.MSG_DONTWAIT)
            if fds:
                os.set_blocking(fds[0], False)
                return fds[0]
        await self._finish(await process.wait())
        raise RuntimeFault(f"cannot run a command in container {self._cell.id}: no terminal came")

    async def _finish(self, code: int) -> int:
        """The command's exit code.  Raises ``StartFault`` if the OCI runtime says that it never ran."""
        if code and not self._pid.exists():
            complaint = self._complaint()
            if complaint:
                raise conmon.start_fault(self._cell.id, complaint)
        return 128 - code if code < 0 else code

    def _complaint(self) -> str:
        try:
            lines = self._log.read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            return ""
        errors = [json.loads(line) for line in lines if line.startswith("{")]
        return str(errors[-1].get("msg", "")) if errors else "\n".join(lines)


def _kill_inside(process: spawn.Process) -> bool:
    """Kill the command, to which the OCI runtime gave a process group of its own; False if it has none yet.

    The pid file is no help: the command may run before it is written.
    """
    found = False
    for pid in linux.descendants(process.pid):
        with contextlib.suppress(ProcessLookupError):
            group = os.getpgid(pid)
            if group not in (0, process.pid):
                os.killpg(group, signal.SIGKILL)
                found = True
    return found


def _socket_inside(netns: str, family: socket.AddressFamily) -> socket.socket:
    with linux.entered(netns):
        return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
