"""What this process may set for its children: the floor of ``oom_score_adj`` and the ceiling of open files.

Without CAP_SYS_RESOURCE a score below one's own and a hard limit above one's own are refused by the kernel, and the
OCI runtimes then fail the container.  Wishes beyond are clamped.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

from .capabilities import available

_OPEN_FILES = 1 << 20  # what containerd's unit gives its containers
_LOWEST_SCORE = -1000


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """``oom_floor``: the lowest ``oom_score_adj``; ``open_files``: the RLIMIT_NOFILE for containers."""

    oom_floor: int
    open_files: int

    @staticmethod
    def read() -> ProcessLimits:
        may_raise = "CAP_SYS_RESOURCE" in available()
        own_score = int(Path("/proc/self/oom_score_adj").read_text())
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        ceiling = int(Path("/proc/sys/fs/nr_open").read_text())
        return ProcessLimits(
            oom_floor=_LOWEST_SCORE if may_raise else own_score,
            open_files=min(_OPEN_FILES, ceiling if may_raise or hard < 0 else hard),
        )


def fault() -> str:
    """What containers may not have here, whatever they ask for; "" where nothing is clamped."""
    found = ProcessLimits.read()
    clamped = []
    if found.oom_floor > _LOWEST_SCORE:
        clamped.append(f"oom_score_adj stays at {found.oom_floor} or above")
    if found.open_files < _OPEN_FILES:
        clamped.append(f"open files at {found.open_files} or below")
    return f"without CAP_SYS_RESOURCE {' and '.join(clamped)}" if clamped else ""
