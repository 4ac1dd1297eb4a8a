"""From fork to exec: how a container's process, or a command in a container, comes to life.

``start`` forks and returns once the command executes; what goes wrong on the way comes back through a pipe that
exec closes, as the stage that failed and why.  A plan (see ``launch`` on the other side) says everything:

    argv, env, cwd         the command; none = only try       root, mode             see ``enter``
    uid, gid, groups       None = as we are                  capabilities           kept ones; None = all we have
    mounts, overlay, hostname, readonly_root, every_id       of ``namespaces`` only
    join                   pid of the main process whose namespaces a command enters; 0 = make new ones
    no_new_privs, oom_score_adj, terminal
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import stat
import termios

from . import enter, kernel

TYPE_CHECKING = False  # typing itself weighs a megabyte
if TYPE_CHECKING:
    from typing import Any, NoReturn

_EXEC_FAULT = 127


class StartError(Exception):
    """The command could not be executed; ``stage`` says what failed."""

    def __init__(self, stage: str, why: str) -> None:
        super().__init__(why)
        self.stage = stage


def start(plan: dict[str, Any], stdio: tuple[int, int, int]) -> int:
    """The pid of the process that executes the plan's command.  Raises ``StartError``."""
    report, failure = os.pipe2(os.O_CLOEXEC)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        pid = os.fork()
        if pid == 0:
            _live(plan, stdio, failure, theirs)
        os.close(failure)
        failure = -1
        theirs.close()
        if plan["mode"] == "namespaces":
            pid = _midwife(plan, pid, ours)
        return _await_exec(pid, report)
    finally:
        ours.close()
        theirs.close()
        os.close(report)
        if failure >= 0:
            os.close(failure)


def _await_exec(pid: int, report: int) -> int:
    complaint = b""
    while data := os.read(report, 4096):
        complaint += data
    if not complaint and pid > 0:
        return pid
    if pid > 0:
        os.waitpid(pid, 0)
    told = json.loads(complaint or b'{"stage": "start", "why": "it died before it could say why"}')
    raise StartError(told["stage"], told["why"])


def _midwife(plan: dict[str, Any], pid: int, talk: socket.socket) -> int:
    """The parent's part in making namespaces: map ids, take over the process in the new PID namespace."""
    if not plan["join"]:
        if talk.recv(16) != b"unshared":
            os.waitpid(pid, 0)
            return 0
        try:
            enter.map_ids(pid, every=plan["every_id"])
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise StartError("map user ids", str(error)) from error
        talk.send(b"mapped")
    born = talk.recv(16)
    if not plan["join"]:
        os.waitpid(pid, 0)
        talk.send(b"adopted")
        return int(born or b"0")
    return pid


def _live(plan: dict[str, Any], stdio: tuple[int, int, int], failure: int, talk: socket.socket) -> NoReturn:
    stage = ["start"]
    try:
        _become(plan, stdio, talk, stage)
    except Exception as error:  # noqa: BLE001 - the last stop of a forked child: everything must be told
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if isinstance(error, OSError) and error.filename:
            why = f"{os.fsdecode(error.filename)}: {why}"
        os.write(failure, json.dumps({"stage": stage[0], "why": why}).encode())
    finally:
        os._exit(_EXEC_FAULT)


def _become(plan: dict[str, Any], stdio: tuple[int, int, int], talk: socket.socket, stage: list[str]) -> None:
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.set_wakeup_fd(-1)
    stage[0] = "set up stdio"
    os.setsid()
    _take_stdio(stdio, terminal=plan["terminal"])
    stage[0] = f"enter {plan['mode']}"
    if plan["mode"] == "namespaces":
        _into_namespaces(plan, talk)
    else:
        kernel.die_with_parent(signal.SIGKILL)
        if plan["mode"] == "chroot":
            os.chroot(plan["root"])
            os.chdir("/")
    stage[0] = "set oom_score_adj"
    _raise_oom_score(plan["oom_score_adj"])
    stage[0] = f"enter working directory {plan['cwd']}"
    if plan["mode"] != "plain":
        os.makedirs(plan["cwd"], exist_ok=True)
    stage[0] = "set user and capabilities"
    _drop_privileges(plan)
    stage[0] = f"enter working directory {plan['cwd']}"
    os.chdir(plan["cwd"])
    if not plan["argv"]:
        os._exit(0)  # a trial: the way there was all
    stage[0] = f"execute {plan['argv'][0]}"
    os.umask(0o022)
    os.execve(_find(plan["argv"][0], plan["env"]["PATH"]), plan["argv"], plan["env"])


def _find(program: str, search_path: str) -> str:
    if "/" in program:
        return program
    for folder in search_path.split(":"):
        path = f"{folder}/{program}"
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError("executable file not found in $PATH")


def _take_stdio(stdio: tuple[int, int, int], *, terminal: bool) -> None:
    for number, fd in enumerate(stdio):
        os.dup2(fd, number)
    if terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _into_namespaces(plan: dict[str, Any], talk: socket.socket) -> None:
    if plan["join"]:
        enter.join(plan["join"])
        inner = os.fork()
        if inner:
            _stand_in(inner, talk)
        return
    kernel.unshare(enter.NAMESPACES)
    talk.send(b"unshared")
    if talk.recv(16) != b"mapped":
        raise RuntimeError("the user ids were not mapped")
    inner = os.fork()
    if inner:
        talk.send(str(inner).encode())
        os._exit(0)
    talk.recv(16)  # "adopted": only now is the supervisor our parent
    kernel.die_with_parent(signal.SIGKILL)
    enter.furnish(plan)


def _stand_in(inner: int, talk: socket.socket) -> NoReturn:
    """Wait outside for a command that runs inside, and end as it ends; the supervisor cannot be its parent."""
    talk.send(b"joined")
    os.closerange(3, 4096)  # the failure pipe among them: its end tells that the command executes
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda received, frame: os.kill(inner, received))
    _, status = os.waitpid(inner, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _raise_oom_score(wanted: int | None) -> None:
    """Lowering it needs a capability that a container does not get; then it stays as it is."""
    if wanted is None:
        return
    try:
        with open("/proc/self/oom_score_adj", "r+") as file:
            if int(file.read()) < wanted:
                file.seek(0)
                file.write(str(wanted))
    except OSError:
        return


def _hand_over(fd: int, uid: int, gid: int) -> None:
    """So that /dev/stdout can be opened again under the new user.  Never the machine's own, such as /dev/null."""
    if stat.S_ISFIFO(os.fstat(fd).st_mode) or os.isatty(fd):
        try:
            os.fchown(fd, uid, gid)
        except OSError:
            return


def _drop_privileges(plan: dict[str, Any]) -> None:
    uid, gid = plan["uid"], plan["gid"]
    if uid is not None:
        for fd in range(3):
            _hand_over(fd, uid, gid)
    if plan["capabilities"] is not None:
        kernel.keep_capabilities(plan["capabilities"])
    if plan["groups"] is not None:
        os.setgroups(plan["groups"])
    if gid is not None:
        os.setresgid(gid, gid, gid)
    if uid is not None:
        os.setresuid(uid, uid, uid)
    if plan["no_new_privs"]:
        kernel.no_new_privileges()
