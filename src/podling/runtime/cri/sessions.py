"""Commands in containers, attaching to them, and connections into sandboxes.

A short command goes by CRI's ``ExecSync``, a live one over the streams of ``streaming``.  Both end with their caller,
which CRI does not promise and ``execs`` sees to.  Ports are reached through the sandbox's network namespace itself, not by CRI's
``PortForward``, which tells only after the fact whether anybody listens.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from podling.runtime import linux
from podling.runtime.interface import (
    Container,
    ContainerState,
    ExecResult,
    NotFound,
    RuntimeFault,
    StartFault,
    Timeout,
)
from podling.runtime.oci.streams import SocketStream

from . import execs, streaming
from .api import Cri
from .containers import Cell, Containers

_CONNECT_SECONDS = 10.0
_REAP_SECONDS = 5.0


class Sessions:
    """Live sessions of the node."""

    def __init__(self, cri: Cri, containers: Containers) -> None:
        self._cri = cri
        self._containers = containers
        self._numbers = itertools.count()
        self._live: dict[str, list[execs.Session]] = {}

    async def exec_sync(self, cell: Cell, command: Sequence[str], *, limit: float) -> ExecResult:
        """Run a command to its end, or to ``limit`` seconds."""
        _must_run(cell.view, "run a command in")
        what = f"run a command in container {cell.view.id}"
        with self._session(cell, command) as session:
            call = asyncio.ensure_future(
                self._cri.call(
                    "ExecSync",
                    what=what,
                    limit=None,
                    container_id=cell.view.id,
                    cmd=list(command),
                )
            )
            try:
                done, _ = await asyncio.wait([call], timeout=limit or None)
                if not done:
                    raise Timeout(
                        f"cannot finish {command[0]!r} in container {cell.view.id}: no end after {limit:g} s"
                    )
                answer = call.result()
            except (Timeout, NotFound):
                raise
            except RuntimeFault as fault:
                raise streaming.not_run(cell.view.id, str(fault)) from fault
            finally:
                if not call.done():
                    await self._end(cell, session, call.done)
                    call.cancel()
        return ExecResult(stdout=answer["stdout"], stderr=answer["stderr"], exit_code=answer["exit_code"])

    @asynccontextmanager
    async def exec(
        self, cell: Cell, command: Sequence[str], *, stdin: bool, tty: bool
    ) -> AsyncIterator[streaming.RemoteStream]:
        """Run a command; leaving kills its process group."""
        _must_run(cell.view, "run a command in")
        container_id = cell.view.id
        answer = await self._cri.call(
            "Exec",
            what=f"run a command in container {container_id}",
            container_id=container_id,
            cmd=list(command),
            stdin=stdin,
            stdout=True,
            stderr=not tty,
            tty=tty,
        )

        async def finish(told: bytes) -> int:
            return streaming.exit_code(told, container_id)

        with self._session(cell, command) as session:
            async with streaming.connect(answer["url"], stdin=stdin, tty=tty, finish=finish) as stream:
                try:
                    yield stream
                finally:
                    await self._end(cell, session, lambda: stream.has_ended)

    @asynccontextmanager
    async def attach(self, cell: Cell, *, stdin: bool, tty: bool) -> AsyncIterator[streaming.RemoteStream]:
        """Join the container's own streams."""
        _must_run(cell.view, "attach to")
        container_id = cell.view.id
        answer = await self._cri.call(
            "Attach",
            what=f"attach to container {container_id}",
            container_id=container_id,
            stdin=stdin,
            stdout=True,
            stderr=not tty,
            tty=tty,
        )

        async def finish(told: bytes) -> int:
            return await self._containers.wait_exit(container_id)

        async with streaming.connect(answer["url"], stdin=stdin, tty=tty, finish=finish) as stream:
            yield stream

    @asynccontextmanager
    async def port_forward(self, sandbox_id: str, netns: str, port: int) -> AsyncIterator[SocketStream]:
        """Connect to ``port`` on the localhost of the namespace at ``netns`` ("": the node's), by IPv4 or else IPv6."""
        with await _connect(sandbox_id, netns, port) as connection:
            yield SocketStream(connection)

    @contextmanager
    def _session(self, cell: Cell, command: Sequence[str]) -> Iterator[execs.Session]:
        if not command:
            raise StartFault(
                f"cannot run a command in container {cell.view.id}: none was given", exit_code=127
            )
        session = execs.Session(next(self._numbers), tuple(command), execs.now())
        live = self._live.setdefault(cell.view.id, [])
        live.append(session)
        try:
            yield session
        finally:
            live.remove(session)
            if not live:
                self._live.pop(cell.view.id, None)

    async def _end(self, cell: Cell, session: execs.Session, has_ended: Callable[[], bool]) -> None:
        """Kill what the session runs, also where it is only about to begin, unless it ends by itself."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + _REAP_SECONDS
        while cell.view.state is ContainerState.RUNNING and not has_ended() and loop.time() < latest:
            live = list(self._live.get(cell.view.id, ()))
            if await asyncio.to_thread(execs.end, cell.pid, session, live):
                return
            await asyncio.sleep(0.02)  # asked for, and not there yet: nothing tells when it begins


def _must_run(view: Container, what: str) -> None:
    if view.state is not ContainerState.RUNNING:
        raise RuntimeFault(f"cannot {what} container {view.id}: it is {view.state.value}")


async def _connect(sandbox_id: str, netns: str, port: int) -> socket.socket:
    reasons = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            connection = await asyncio.to_thread(_socket_inside, netns, family)
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
    raise RuntimeFault(f"cannot connect to port {port} of sandbox {sandbox_id}: {reasons[0]}")


def _socket_inside(netns: str, family: socket.AddressFamily) -> socket.socket:
    with linux.entered(netns):
        return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
