"""Usage of containers: control group counters, and what each wrote to its own layer."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from podling.runtime.interface import ContainerState, ContainerStats

from .cell import Cell
from .context import Context

_BLOCK = 512


def read(context: Context, cells: Sequence[Cell], *, disk: bool) -> list[ContainerStats]:
    """One record per running container, with what it wrote if ``disk``.  Blocking."""
    return [_one(context, cell, disk=disk) for cell in cells if cell.state is ContainerState.RUNNING]


def _one(context: Context, cell: Cell, *, disk: bool) -> ContainerStats:
    used = context.tree.usage(cell.group)
    size, inodes = _disk(context.config.writable / cell.id / "upper") if disk else (0, 0)
    return ContainerStats(
        container_id=cell.id,
        at=time.time_ns(),
        cpu_usage=used.cpu,
        memory_usage=used.memory,
        memory_working_set=used.working_set,
        memory_rss=used.rss,
        rootfs_used=size,
        rootfs_inodes=inodes,
        pids=used.pids,
    )


def _disk(folder: Path) -> tuple[int, int]:
    size = inodes = 0
    for path, _, files in os.walk(folder):
        for name in (".", *files):
            try:
                status = os.lstat(os.path.join(path, name))
            except FileNotFoundError:
                continue
            size += status.st_blocks * _BLOCK
            inodes += 1
    return size, inodes
