"""What CRI has no words for and the kernel tells of a container's first process: how many run with it, and signals to it."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress


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
