"""Which processes belong to a container, and killing all of them.

There is no cgroup and perhaps no PID namespace to ask, so kinship is read from /proc.  The supervisor is a subreaper:
a process whose parent died becomes its child, whatever session it moved to.  So everything of a container is a
descendant of the supervisor, and is the main process's descendant, in its session, or carries the container's id
in the environment it was started with.
"""

from __future__ import annotations

import os
import signal

MARK = "PODLING_CONTAINER_ID"
_ROUNDS = 20
_KERNEL_LISTS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
_DEAD = (0, 0, 0)


def children(pid: int) -> list[int]:
    """The direct children of ``pid``; empty if it is gone."""
    if not _KERNEL_LISTS_CHILDREN:
        return [found for found in _everybody() if _stat(found)[0] == pid]
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += [int(child) for child in file.read().split()]
    except OSError:
        return found  # it ended while we looked
    return found


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    waiting = [pid]
    while waiting:
        new = children(waiting.pop())
        found += new
        waiting += new
    return found


def members(container_id: str, main: int, *, supervisor: int, others: set[int]) -> list[int]:
    """The processes of a container but ``main`` itself; ``others`` are the main processes of all others."""
    found: list[int] = []
    waiting = [child for child in children(supervisor) if child not in others]
    while waiting:
        pid = waiting.pop()
        if pid == main or main in _stat(pid) or _marked(pid, container_id):
            found += [pid, *descendants(pid)]
        else:
            waiting += children(pid)
    return [pid for pid in dict.fromkeys(found) if pid != main]


def kill_rest(container_id: str, main: int, *, others: set[int]) -> None:
    """Kill all that a container left behind; in rounds, since a process may fork while we look."""
    for _ in range(_ROUNDS):
        found = members(container_id, main, supervisor=os.getpid(), others=others)
        alive = [pid for pid in found if _stat(pid) != _DEAD]
        if not alive:
            return
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def start_time(pid: int) -> int:
    """When a process began, in kernel ticks: with its pid it is unique; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError):
        return 0


def _stat(pid: int) -> tuple[int, int, int]:
    """Parent, process group and session; zeros for a zombie or what is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, parent, group, session = file.read().rpartition(b")")[2].split()[:4]
    except (OSError, ValueError):
        return _DEAD
    return _DEAD if state in (b"Z", b"X") else (int(parent), int(group), int(session))


def _marked(pid: int, container_id: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"{MARK}={container_id}".encode() in file.read().split(b"\0")
    except OSError:
        return False


def _everybody() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
