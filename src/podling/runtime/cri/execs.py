"""Which process is whose exec: CRI tells no process of a command that it runs, and does not end it when its caller goes.

The first process of an exec is a child of something outside the container; so those are found in /proc, and matched
with the sessions that are live by what they run and when they began (``match`` is pure).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import usage

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Session:
    """A command that was asked for at ``began`` (clock ticks since the machine's start)."""

    number: int
    command: tuple[str, ...]
    began: int


@dataclass(frozen=True, slots=True)
class Root:
    """A process that was put into the container, not forked in it."""

    pid: int
    command: tuple[str, ...]
    began: int


def match(sessions: Iterable[Session], roots: Iterable[Root]) -> dict[int, int]:
    """Pids by session number: first those that still run what was asked for, oldest first, then any that is left."""
    free = sorted(roots, key=lambda root: root.began)
    waiting = sorted(sessions, key=lambda session: session.began)
    found: dict[int, int] = {}
    for exact in (True, False):
        for session in waiting:
            if session.number in found:
                continue
            fits = (
                r for r in free if r.began >= session.began and (not exact or r.command == session.command)
            )
            root = next(fits, None)
            if root is not None:
                found[session.number] = root.pid
                free.remove(root)
    return found


def now() -> int:
    """Clock ticks since the machine's start."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * _TICKS)


def end(init: int, session: Session, sessions: Sequence[Session]) -> bool:
    """Kill the session's process group in the container whose first process is ``init``; False if none was found."""
    pid = match(sessions, roots(init)).get(session.number)
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        group = os.getpgid(pid)
        if group not in (os.getpgid(init), os.getpgid(0)):
            os.killpg(group, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    return True


def roots(init: int) -> list[Root]:
    """The processes that were put into the container beside its first."""
    space = usage.mounts(init)
    if not space:
        return []
    inside = {pid for pid in _pids() if usage.mounts(pid) == space}
    found = []
    for pid in inside - {init}:
        with suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            if int(fields[1]) in inside:
                continue
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="surrogateescape")
            found.append(Root(pid, tuple(words.split("\0")[:-1]), int(fields[19])))
    return found


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())
