"""One container's process with its stdio: what it writes goes to its log and to everybody attached.

Somebody attached who does not read stalls the container's output (the kernel's pipe fills up), not our memory.  When
the main process ends, everything else of the container is killed, what is left in the pipes is logged, and
``exit.json`` tells the outcome: in this order, so that whoever sees the exit sees the whole log.

    folder/started.json   {"pid", "start_time", "started_at"}
    folder/exit.json      {"code", "signal", "finished_at"}
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import struct
import termios
import time
from collections import deque

from . import child, kin, wire
from .logfile import LogFile
from .loop import READ, WRITE, Loop

TYPE_CHECKING = False  # typing itself weighs a megabyte
if TYPE_CHECKING:
    from typing import Any

_CHUNK = wire.PACKET - 1
_LAST_WORDS = 1 << 20
_STREAMS = {wire.STDOUT: "stdout", wire.STDERR: "stderr"}


def write_state(folder: str, name: str, state: dict[str, Any]) -> None:
    """Readers see all of a state file or none of it."""
    path = f"{folder}/{name}"
    with open(f"{path}.new", "w") as file:
        json.dump(state, file)
    os.rename(f"{path}.new", path)


class Container:
    """A running container; ``plan`` is as ``child`` describes, with ``id``, ``folder``, ``log``, ``stdin``, ``stdin_once``."""

    def __init__(self, plan: dict[str, Any], loop: Loop) -> None:
        self.id: str = plan["id"]
        self.pid = 0
        self.attached: list[Attached] = []
        self._plan = plan
        self._loop = loop
        self._log = LogFile(plan["log"])
        self._outputs: dict[int, int] = {}
        self._stdin = -1
        self._terminal = -1

    def start(self) -> None:
        """Raises ``child.StartError``; then the log is closed and nothing is left."""
        child_ends = self._open_terminal() if self._plan["terminal"] else self._open_pipes()
        try:
            self.pid = child.start(self._plan, child_ends)
        except child.StartError:
            self._close()
            raise
        finally:
            for fd in set(child_ends):
                os.close(fd)
        state = {"pid": self.pid, "start_time": kin.start_time(self.pid), "started_at": time.time_ns()}
        write_state(self._plan["folder"], "started.json", state)
        for fd in self._outputs:
            os.set_blocking(fd, False)
            self._loop.add(fd, lambda events, fd=fd: self._readable(fd))  # type: ignore[misc]

    def finish(self, status: int, *, others: set[int]) -> dict[str, Any]:
        """The main process has been reaped: end the rest, keep the last words, tell the outcome."""
        kin.kill_rest(self.id, self.pid, others=others)
        for fd in tuple(self._outputs):
            self._drain(fd)
        code = os.waitstatus_to_exitcode(status)
        outcome = {
            "code": code if code >= 0 else 128 - code,
            "signal": max(0, -code),
            "finished_at": time.time_ns(),
        }
        write_state(self._plan["folder"], "exit.json", outcome)
        for attached in tuple(self.attached):
            attached.finish(outcome["code"])
        self._close()
        return outcome

    def reopen_log(self) -> None:
        self._log.reopen()

    def resize(self, width: int, height: int) -> None:
        if self._terminal >= 0:
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def write(self, data: bytes) -> int:
        """Hand input to the process; returns how much it took, all of it if it will never read."""
        if self._stdin < 0:
            return len(data)
        try:
            return os.write(self._stdin, data)
        except BlockingIOError:
            return 0
        except OSError:
            self.close_stdin()
            return len(data)

    def wait_writable(self, attached: Attached) -> None:
        self._loop.remove(self._stdin)
        self._loop.add(self._stdin, lambda events: self._writable(attached), events=WRITE)

    def close_stdin(self) -> None:
        """The process sees the end of its input.  A terminal has no end but the character for it."""
        if self._stdin >= 0 and self._terminal < 0:
            self._loop.remove(self._stdin)
            os.close(self._stdin)
            self._stdin = -1

    def attach(self, attached: Attached) -> None:
        self.attached.append(attached)

    def detach(self, attached: Attached) -> None:
        self.attached.remove(attached)
        if attached.feeds and self._plan["stdin_once"]:
            self.close_stdin()
        self.flow()

    def flow(self) -> None:
        """Read the process's output, or not while somebody attached is behind."""
        stalled = any(attached.behind for attached in self.attached)
        for fd in self._outputs:
            self._loop.want(fd, 0 if stalled else READ)

    def _open_pipes(self) -> tuple[int, int, int]:
        stdout, their_stdout = os.pipe2(os.O_CLOEXEC)
        stderr, their_stderr = os.pipe2(os.O_CLOEXEC)
        self._outputs = {stdout: wire.STDOUT, stderr: wire.STDERR}
        if self._plan["stdin"]:
            their_stdin, self._stdin = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self._stdin, False)
        else:
            their_stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        return their_stdin, their_stdout, their_stderr

    def _open_terminal(self) -> tuple[int, int, int]:
        self._terminal, theirs = os.openpty()
        os.set_blocking(self._terminal, False)
        self._outputs = {self._terminal: wire.STDOUT}
        self._stdin = os.dup(self._terminal) if self._plan["stdin"] else -1
        return theirs, theirs, theirs

    def _readable(self, fd: int) -> None:
        data = _read(fd)
        if data:
            self._spread(self._outputs[fd], data)
        elif data is not None:
            self._close_output(fd)

    def _drain(self, fd: int) -> None:
        """All that is left in a pipe; somebody who escaped us may hold it open, so its end is not waited for."""
        taken = 0
        while taken < _LAST_WORDS and (data := _read(fd)):
            taken += len(data)
            self._spread(self._outputs[fd], data)

    def _spread(self, channel: int, data: bytes) -> None:
        self._log.write(_STREAMS[channel], data)
        for attached in tuple(self.attached):
            attached.send(channel, data)
        self.flow()

    def _writable(self, attached: Attached) -> None:
        self._loop.remove(self._stdin)
        attached.feed_on()

    def _close_output(self, fd: int) -> None:
        self._loop.remove(fd)
        if fd != self._terminal:
            os.close(fd)
        del self._outputs[fd]

    def _close(self) -> None:
        for fd in tuple(self._outputs):
            self._close_output(fd)
        if self._stdin >= 0:
            self._loop.remove(self._stdin)
            os.close(self._stdin)
            self._stdin = -1
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1
        self._log.close()


class Attached:
    """Somebody who watches a container's output, and types into it if ``feeds``."""

    def __init__(self, container: Container, connection: socket.socket, loop: Loop, *, feeds: bool) -> None:
        self.feeds = feeds
        self._container = container
        self._connection = connection
        self._loop = loop
        self._pending: deque[bytes] = deque()
        self._input = b""
        self._finishing = False
        connection.setblocking(False)
        loop.add(connection.fileno(), self._ready)
        container.attach(self)

    @property
    def behind(self) -> bool:
        return bool(self._pending)

    def send(self, channel: int, data: bytes) -> None:
        self._pending.append(bytes((channel,)) + data)
        self._flush()

    def finish(self, code: int) -> None:
        """The container has ended: tell, and close once everything is sent."""
        self._finishing = True
        self.send(wire.EXIT, str(code).encode())

    def feed_on(self) -> None:
        """The process can take input again."""
        taken = self._container.write(self._input)
        self._input = self._input[taken:]
        if self._input:
            self._container.wait_writable(self)
        self._watch()

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & ~WRITE:
            self._receive()

    def _flush(self) -> None:
        try:
            while self._pending:
                self._connection.send(self._pending[0])
                self._pending.popleft()
        except BlockingIOError:
            self._watch()
            return
        except OSError:
            self._leave()
            return
        self._watch()
        if self._finishing:
            self._leave()
        else:
            self._container.flow()

    def _receive(self) -> None:
        try:
            packet = self._connection.recv(wire.PACKET + 1)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._leave()
        elif packet[0] == wire.RESIZE:
            size = json.loads(packet[1:])
            self._container.resize(size["width"], size["height"])
        elif packet[0] == wire.CLOSE_STDIN and self.feeds:
            self._container.close_stdin()
        elif packet[0] == wire.STDIN and self.feeds:
            self._input += packet[1:]
            self.feed_on()

    def _watch(self) -> None:
        if self._connection.fileno() >= 0:
            reading = 0 if self._input else READ
            self._loop.want(self._connection.fileno(), reading | (WRITE if self._pending else 0))

    def _leave(self) -> None:
        if self._connection.fileno() < 0:
            return
        self._loop.remove(self._connection.fileno())
        self._connection.close()
        self._pending.clear()
        self._container.detach(self)


def _read(fd: int) -> bytes | None:
    """What can be read now; b"" at the end, None if there is nothing yet."""
    try:
        return os.read(fd, _CHUNK)
    except BlockingIOError:
        return None
    except OSError as error:
        if error.errno == errno.EIO:  # a terminal that nobody holds open any more
            return b""
        raise


def kill(pid: int, number: int) -> None:
    """Signal a process, or a group as its negative number, that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def kill_tree(pid: int) -> None:
    """End a command run in a container: its group and its descendants."""
    doomed = kin.descendants(pid)
    for target in (-pid, pid, *doomed):
        kill(target, signal.SIGKILL)
