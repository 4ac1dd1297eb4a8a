"""The supervisor's requests and its life.

It listens in its folder, serves whoever runs under the same user, and ends by itself once it has no container and
nobody is connected.  Requests: ``hello`` (subscribes to events), ``start``, ``signal``, ``kill``, ``reopen``,
``attach``, ``exec``; see ``wire`` for their form.  An ``exec`` keeps its connection: closing that kills the command.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys

from . import child, kernel, kin, trial, wire
from .container import Attached, Container, kill, kill_tree
from .loop import Loop

TYPE_CHECKING = False  # typing itself weighs a megabyte
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SOCKET = "supervisor.sock"
_FIRST_GUEST_SECONDS = 30.0
_FAREWELL_SECONDS = 0.2


class Refused(Exception):
    """A request cannot be fulfilled; the message says why."""


class Server:
    """All containers of one node."""

    def __init__(self, folder: str) -> None:
        self._loop = Loop()
        self._containers: dict[str, Container] = {}
        self._guests: dict[int, Guest] = {}
        self._execs: dict[int, Guest] = {}
        self._abilities = trial.abilities(folder)
        self._listening = _listen(folder)
        self._loop.add(self._listening.fileno(), self._accept)
        self._children = _watch_children()
        self._loop.add(self._children, self._reap)

    def serve(self) -> None:
        """Work until nobody needs it."""
        patience = _FIRST_GUEST_SECONDS
        while True:
            idle = not self._containers and not self._guests
            came = self._loop.turn(patience if idle else -1)
            if self._guests:
                patience = _FAREWELL_SECONDS
            if idle and not came:
                return

    def handle(self, guest: Guest, request: dict[str, Any], fds: list[int]) -> None:
        """Answer one request.  Whatever goes wrong is told to who asked and ends nothing else."""
        verbs: dict[str, Callable[[Guest, dict[str, Any], list[int]], dict[str, Any] | None]] = {
            "hello": self._hello,
            "start": self._start,
            "signal": self._signal,
            "kill": self._kill,
            "reopen": self._reopen,
            "attach": self._attach,
            "exec": self._exec,
        }
        try:
            answer = verbs[request["op"]](guest, request, fds)
        except child.StartError as error:
            answer = {"error": str(error), "stage": error.stage}
        except Refused as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - a flaw in one request must not end every container
            sys.excepthook(*sys.exc_info())
            answer = {"error": f"supervisor: {error!r}"}
        finally:
            for fd in fds:
                os.close(fd)
        if answer is not None:
            guest.send({"serial": request.get("serial"), **answer})

    def leave(self, guest: Guest) -> None:
        """A connection has ended; the command that it ran, if any, ends with it."""
        self._guests.pop(guest.fd, None)
        for pid in [pid for pid, owner in self._execs.items() if owner is guest]:
            kill_tree(pid)

    def _hello(self, guest: Guest, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        guest.listens = True
        return {
            "version": wire.VERSION,
            "pid": os.getpid(),
            "abilities": self._abilities,
            "containers": sorted(self._containers),
        }

    def _start(self, guest: Guest, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        container = Container(wire.read_file(fds.pop(0)), self._loop)
        if container.id in self._containers:
            raise Refused("it runs already")
        container.start()
        self._containers[container.id] = container
        return {"pid": container.pid}

    def _signal(self, guest: Guest, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        kill(self._container(request).pid, request["number"])
        return {}

    def _kill(self, guest: Guest, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        container = self._container(request)
        kill(container.pid, signal.SIGKILL)  # first: it shall not see the others die and go on
        kin.kill_rest(container.id, container.pid, others=self._mains() - {container.pid})
        return {}

    def _reopen(self, guest: Guest, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        self._container(request).reopen_log()
        return {}

    def _attach(self, guest: Guest, request: dict[str, Any], fds: list[int]) -> None:
        container = self._container(request)
        guest.send({"serial": request.get("serial")})
        self._guests.pop(guest.fd, None)
        Attached(container, guest.give_up(), self._loop, feeds=request["stdin"])

    def _exec(self, guest: Guest, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        container = self._container(request)
        plan = wire.read_file(fds.pop(0))
        if plan["mode"] == "namespaces":
            plan["join"] = container.pid
        pid = child.start(plan, (fds[0], fds[1], fds[2]))
        self._execs[pid] = guest
        return {"pid": pid}

    def _container(self, request: dict[str, Any]) -> Container:
        container = self._containers.get(request["id"])
        if container is None:
            raise Refused("it does not run")
        return container

    def _mains(self) -> set[int]:
        return {container.pid for container in self._containers.values()}

    def _accept(self, events: int) -> None:
        connection, _ = self._listening.accept()
        if _user_of(connection) not in (os.geteuid(), 0):
            connection.close()
            return
        guest = Guest(self, connection, self._loop)
        self._guests[guest.fd] = guest

    def _reap(self, events: int) -> None:
        os.read(self._children, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._ended(pid, status)

    def _ended(self, pid: int, status: int) -> None:
        if guest := self._execs.pop(pid, None):
            code = os.waitstatus_to_exitcode(status)
            guest.send({"event": "ended", "code": code if code >= 0 else 128 - code})
        for container in [found for found in self._containers.values() if found.pid == pid]:
            del self._containers[container.id]
            outcome = container.finish(status, others=self._mains())
            for listener in [guest for guest in self._guests.values() if guest.listens]:
                listener.send({"event": "exited", "id": container.id, **outcome})


class Guest:
    """One control connection.  Who does not read what it is told is cut off, and finds out on coming back."""

    def __init__(self, server: Server, connection: socket.socket, loop: Loop) -> None:
        self.fd = connection.fileno()
        self.listens = False
        self._server = server
        self._connection = connection
        self._loop = loop
        connection.setblocking(False)
        loop.add(self.fd, self._ready)

    def send(self, message: dict[str, Any]) -> None:
        try:
            self._connection.send(wire.pack(message))
        except OSError:
            self._close()

    def give_up(self) -> socket.socket:
        """Hand the connection over to somebody else."""
        self._loop.remove(self.fd)
        return self._connection

    def _ready(self, events: int) -> None:
        try:
            packet, fds = wire.receive_fds(self._connection)
        except BlockingIOError:
            return
        except OSError:
            packet, fds = b"", []
        if not packet:
            self._close()
            return
        self._server.handle(self, wire.unpack(packet), fds)

    def _close(self) -> None:
        if self._connection.fileno() >= 0:
            self._loop.remove(self.fd)
            self._connection.close()
            self._server.leave(self)


def _listen(folder: str) -> socket.socket:
    """The path of a socket holds 107 bytes, less than a folder's may have: hence the way round by its descriptor."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if SOCKET in os.listdir(fd):
            os.unlink(SOCKET, dir_fd=fd)
        listening.bind(f"/proc/self/fd/{fd}/{SOCKET}")
    finally:
        os.close(fd)
    listening.listen(64)
    return listening


def _user_of(connection: socket.socket) -> int:
    pid_uid_gid = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", pid_uid_gid)[1])


def _watch_children() -> int:
    """A descriptor that becomes readable when a child has ended."""
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return reading


def main(folder: str) -> None:
    """Serve the containers whose sockets and records are in ``folder``."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    kernel.become_subreaper()
    server = Server(folder)
    os.write(1, b"ready\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    server.serve()
