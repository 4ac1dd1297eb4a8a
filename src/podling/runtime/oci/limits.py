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
            oom_floor=-1000 if may_raise else own_score,
            open_files=min(_OPEN_FILES, ceiling if may_raise or hard < 0 else hard),
        )
