"""What a container's processes use, from /proc: there is no cgroup to ask.

CPU time of processes that have ended and were waited for counts with their parents; memory is what each has resident,
so pages that several share count several times.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """Nanoseconds of CPU, bytes of memory (``private``: without files and shared parts), number of processes."""

    cpu: int = 0
    resident: int = 0
    private: int = 0
    processes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.cpu + other.cpu,
            self.resident + other.resident,
            self.private + other.private,
            self.processes + other.processes,
        )


def of_processes(pids: list[int]) -> Usage:
    """The sum over the processes; those that are gone count nothing."""
    return sum((_of(pid) for pid in pids), Usage())


def _of(pid: int) -> Usage:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        memory = {}
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                name, _, value = line.partition(b":")
                if name in (b"VmRSS", b"RssAnon"):
                    memory[name] = int(value.split()[0]) * _KIB
    except (OSError, ValueError):
        return Usage()
    ticks = sum(int(field) for field in fields[11:15])
    return Usage(ticks * _TICK, memory.get(b"VmRSS", 0), memory.get(b"RssAnon", 0), 1)
