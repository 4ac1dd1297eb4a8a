"""The process as Prometheus' client libraries describe it: `process_*`, read from /proc when asked for."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from .metrics import Family, text

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _family(name: str, type_: str, help_: str) -> Family:
    kind = "counter" if type_ == "counter" else "gauge"
    return Family(f"process_{name}", kind, (), help_, "")  # type: ignore[arg-type]


_CPU = _family("cpu_seconds_total", "counter", "User and system time in seconds.")
_RESIDENT = _family("resident_memory_bytes", "gauge", "Resident memory in bytes.")
_VIRTUAL = _family("virtual_memory_bytes", "gauge", "Virtual memory in bytes.")
_VIRTUAL_MOST = _family("virtual_memory_max_bytes", "gauge", "The most virtual memory it may have, in bytes.")
_FILES = _family("open_fds", "gauge", "Open file descriptors.")
_FILES_MOST = _family("max_fds", "gauge", "The most file descriptors it may open.")
_START = _family("start_time_seconds", "gauge", "When it started, in seconds since 1970.")


def lines() -> Iterator[str]:
    # The name in the second field may hold anything, but no later field holds a parenthesis.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    user, system, started, virtual, resident = (int(fields[at]) for at in (11, 12, 19, 20, 21))
    files_most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    virtual_most, _ = resource.getrlimit(resource.RLIMIT_AS)
    for family, value in (
        (_CPU, (user + system) / _TICKS),
        (_FILES_MOST, files_most),
        (_FILES, len(os.listdir("/proc/self/fd")) - 1),
        (_RESIDENT, resident * _PAGE),
        (_START, _booted() + started / _TICKS),
        (_VIRTUAL, virtual),
        (_VIRTUAL_MOST, virtual_most % 2**64),  # no limit is -1: the largest number, as others show it
    ):
        yield from text(family, [((), value)])


@lru_cache(maxsize=1)
def _booted() -> int:
    """When the machine started, in seconds since 1970."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return int(line.split()[1])
    return 0
