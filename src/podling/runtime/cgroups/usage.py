"""What a control group has consumed, read from the files of either version.

Missing controllers and groups that are gone read as zero: usage is asked for while containers come and go.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .layout import Layout


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU in cumulative nanoseconds, memory in bytes; ``working_set`` is usage less inactive file pages.

    ``files`` are pages of files, which the kernel takes back when somebody needs memory.
    """

    cpu: int = 0
    memory: int = 0
    working_set: int = 0
    rss: int = 0
    files: int = 0
    pids: int = 0


def read(layout: Layout, path: str) -> Usage:
    """The usage of the group ``path`` (relative to every mount point) and all below it."""
    memory_dir = _directory(layout, "memory", path)
    pids_dir = _directory(layout, "pids", path)
    pids = _number(pids_dir / "pids.current") if pids_dir else 0
    if memory_dir is None:
        return Usage(cpu=_cpu(layout, path), pids=pids)
    stat = _table(memory_dir / "memory.stat")
    current = _number(
        memory_dir / ("memory.current" if _is_v2(layout, "memory") else "memory.usage_in_bytes")
    )
    inactive = stat.get("total_inactive_file", stat.get("inactive_file", 0))
    return Usage(
        cpu=_cpu(layout, path),
        memory=current,
        working_set=max(current - inactive, 0),
        rss=stat.get("total_rss", stat.get("anon", 0)),
        files=inactive + stat.get("total_active_file", stat.get("active_file", 0)),
        pids=pids,
    )


def oom_kills(layout: Layout, path: str) -> int:
    """How many processes of the group itself the kernel killed for want of memory."""
    directory = _directory(layout, "memory", path)
    if directory is None:
        return 0
    if not _is_v2(layout, "memory"):
        return _table(directory / "memory.oom_control").get("oom_kill", 0)
    return _table(directory / "memory.events").get("oom_kill", 0)


def _cpu(layout: Layout, path: str) -> int:
    accounting = _directory(layout, "cpuacct", path)
    if accounting is not None:
        return _number(accounting / "cpuacct.usage")
    unified = layout.unified
    return _table(Path(unified.mountpoint, path, "cpu.stat")).get("usage_usec", 0) * 1000 if unified else 0


def _is_v2(layout: Layout, controller: str) -> bool:
    hierarchy = layout.hierarchy(controller)
    return hierarchy is not None and hierarchy.version == 2


def _directory(layout: Layout, controller: str, path: str) -> Path | None:
    hierarchy = layout.hierarchy(controller)
    return Path(hierarchy.mountpoint, path) if hierarchy else None


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _table(file: Path) -> dict[str, int]:
    try:
        text = file.read_text()
    except OSError:
        return {}
    return {
        name: int(value)
        for name, _, value in (line.partition(" ") for line in text.splitlines())
        if value.isdigit()
    }
