"""Starting containers under conmon, the small supervisor that outlives us.

conmon holds a container's standard streams, writes its log in CRI's format, serves attach, and leaves the exit code
in a file.  It calls the OCI runtime to create the container and reports the first process' id over a pipe; the
process then waits at ``exec.fifo`` until we let it go.  This module starts it, reads its answer and translates its
complaints; it leaves exits to ``exits`` and streams to ``attach``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from podling.aio import pipes, spawn
from podling.runtime.cgroups import CgroupTree
from podling.runtime.interface import StartFault

from .config import OciConfig, Tools
from .mountspace import CONMON_GROUP, Workers

_MISSING = re.compile(r"executable file .*not found|no such file or directory|not a directory", re.IGNORECASE)
_FORBIDDEN = re.compile(
    r"permission denied|operation not permitted|is a directory|exec format error", re.IGNORECASE
)
_RUNC_FRAME = re.compile(r'level=error msg="((?:[^"\\]|\\.)*)"')
_FRAMES = ("runc create failed: ", "exec failed: ", "unable to start container process: ")
_LONGEST_ANSWER = 65536


class _Answer(msgspec.Struct):
    """``data`` is the pid (older releases call it ``pid``), or -1 with a ``message``."""

    data: int | None = None
    pid: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Launcher:
    """Everything needed to start any container of the node.

    ``must_move``: conmon's place in the v2 hierarchy matters.  On v1 it is born in its group (see ``mountspace``), and
    then v2 counts only under systemd, which tracks its units there; the move waits for the kernel, up to 12 ms.
    """

    config: OciConfig
    tools: Tools
    runtime: Path
    workers: Workers
    supervisors: CgroupTree
    must_move: bool

    @property
    def is_crun(self) -> bool:
        return self.tools.is_crun

    async def create(
        self, container_id: str, folder: Path, *, log: str, tty: bool, stdin: bool, keep_stdin: bool
    ) -> int:
        """Create the container and return its first process, waiting to be let go.  Raises ``StartFault``."""
        answer_read, answer_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        start_read, start_write = os.pipe2(os.O_CLOEXEC)
        try:
            os.set_blocking(answer_write, True)
            argv = self._argv(container_id, folder, log=log, tty=tty, stdin=stdin, keep_stdin=keep_stdin)
            process = await spawn.spawn(
                argv,
                env={
                    "_OCI_SYNCPIPE": str(answer_write),
                    "_OCI_STARTPIPE": str(start_read),
                    "PATH": os.defpath,
                    "TZ": "UTC0",  # of the log's time stamps
                },
                cwd=str(folder),
                stdout=spawn.DEVNULL,
                stderr=spawn.DEVNULL,
                pass_fds=(answer_write, start_read),
                new_session=True,
                thread=self.workers.executor,
            )
            answer_write = _close(answer_write)
            if self.must_move:
                self.supervisors.add(CONMON_GROUP, process.pid, versions=(2,))
            os.write(start_write, b"\0")
            return _pid(await _line(answer_read), container_id)
        except spawn.CannotStart as error:
            raise StartFault(f"cannot start container {container_id}: {error}") from error
        finally:
            for fd in (answer_read, answer_write, start_read, start_write):
                _close(fd)

    def release(self, container_id: str) -> None:
        """Let the waiting process of a crun container run its command.  Blocking, but only for microseconds."""
        fifo = self.config.run / container_id / "exec.fifo"
        fd = os.open(fifo, os.O_WRONLY | os.O_CLOEXEC)
        try:
            fifo.unlink()
            os.write(fd, b"\0")
        finally:
            os.close(fd)

    def _argv(
        self, container_id: str, folder: Path, *, log: str, tty: bool, stdin: bool, keep_stdin: bool
    ) -> list[str]:
        argv = [
            str(self.tools.conmon),
            *("--api-version", "1", "--cid", container_id, "--cuuid", container_id, "--name", container_id),
            *("--runtime", str(self.runtime), "--runtime-arg", f"--root={self.config.run}"),
            *("--bundle", str(folder), "--container-pidfile", str(folder / "pid")),
            *("--conmon-pidfile", str(folder / "conmon.pid"), "--exit-dir", str(self.config.exits)),
            *("--log-path", f"k8s-file:{log}" if log else "none", "--log-level", "error"),
            *("--full-attach", "--no-sync-log"),
        ]
        flags = {"--terminal": tty, "--stdin": stdin, "--leave-stdin-open": stdin and keep_stdin}
        return argv + [flag for flag, wanted in flags.items() if wanted]


def start_fault(container: str, complaint: str) -> StartFault:
    """The OCI runtime's complaint as an error with the exit code that shells and Docker use for it."""
    message = _plain(complaint)
    code = 127 if _MISSING.search(message) else 126 if _FORBIDDEN.search(message) else 128
    return StartFault(f"cannot start container {container}: {message}", exit_code=code)


def _plain(complaint: str) -> str:
    """Without the frames that crun, runc and conmon put around it, in runc's words where crun's differ."""
    framed = _RUNC_FRAME.findall(complaint)
    text = framed[-1].replace('\\"', '"') if framed else complaint.strip()
    missing = re.search(r"executable file [`'](.*?)['`] not found", text)
    if missing:
        return f'exec: "{missing[1]}": executable file not found in $PATH'
    for frame in _FRAMES:
        text = text.removeprefix(frame)
    return text


def _pid(line: bytes, container: str) -> int:
    if not line:
        raise StartFault(f"cannot start container {container}: its supervisor died")
    try:
        answer = msgspec.json.decode(line, type=_Answer)
    except msgspec.DecodeError as error:
        raise StartFault(f"cannot start container {container}: its supervisor said {line!r}") from error
    pid = answer.data if answer.data is not None else answer.pid
    if pid is None or pid <= 0:
        raise start_fault(container, answer.message or "its supervisor gave no reason")
    return pid


async def _line(fd: int) -> bytes:
    data = b""
    while b"\n" not in data and len(data) < _LONGEST_ANSWER:
        more = await pipes.read(fd)
        if not more:
            break
        data += more
    return data.partition(b"\n")[0]


def _close(fd: int) -> int:
    if fd >= 0:
        os.close(fd)
    return -1
