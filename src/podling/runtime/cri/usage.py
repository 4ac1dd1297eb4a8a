"""What CRI has no words for and the kernel tells of a container's first process: its limits, how many run with it; and signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from podling.runtime.cgroups import CgroupTree
from podling.runtime.interface import Resources


def send(pid: int, number: int) -> None:
    """Signal the process; nothing happens if it is gone."""
    if pid <= 0:
        return
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def is_of(pid: int, container_id: str) -> bool:
    """Whether the process is the container's: all runtimes name its control group after the container."""
    try:
        return pid > 0 and container_id in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def is_dead(pid: int) -> bool:
    """Whether the process has ended, though its parent may not have looked yet."""
    try:
        return pid > 0 and Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] in "ZX"
    except OSError:
        return True


def limits(pid: int, groups: CgroupTree, asked: Resources) -> Resources | None:
    """What the kernel made of the limits that were ``asked`` for the process's group; None where it is in none of ours."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        inside = path.removeprefix(groups.absolute("") + "/")
        if inside != path and (not controllers or "memory" in controllers.split(",")):
            return groups.in_force(inside, asked)
    return None


def processes(pids: Sequence[int]) -> list[int]:
    """How many processes run in the container of each ``pid``: those that share its mount namespace."""
    spaces = [mounts(pid) for pid in pids]
    counts: dict[str, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            space = mounts(int(name))
            counts[space] = counts.get(space, 0) + 1
    return [counts.get(space, 0) if space else 0 for space in spaces]


def mounts(pid: int) -> str:
    """What names the process's mount namespace; "" if it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError:
        return ""
