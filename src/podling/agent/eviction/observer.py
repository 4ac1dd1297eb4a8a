"""Looks at what is left on the node: a few small files, so that a look costs next to nothing.

A node that is the whole machine has the memory that the kernel counts as available.  One that is a part of it has what its
cap leaves in its Pods' control group, and no more than the machine has.  Pages of files are no shortage, whether they were
read once or twice: the kubelet counts those that were read twice as used, which on a large machine hardly matters, but would
have a small node evict Pods for reading files.  Simulated Pods use what their scripts say.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from podling.agent.kit import Kit
from podling.agent.probes.probers import SIMULATED
from podling.agent.server import procfs
from podling.runtime.cgroups import Layout, detect, usage

from .signals import Observation


class Observer:
    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._group = kit.node.group
        self._layout: Layout | None = None

    async def look(self) -> dict[str, Observation]:
        """Every signal that can be seen here."""
        if self._kit.info.name == SIMULATED:
            return {"memory.available": await self._simulated(), **self._disk()}
        return await asyncio.to_thread(self._real)

    async def _simulated(self) -> Observation:
        used = sum(one.memory_working_set for one in await self._kit.runtime.stats(disk=False))
        capacity = self._kit.node.memory
        return Observation(max(capacity - used, 0), capacity)

    def _real(self) -> dict[str, Observation]:
        if self._layout is None:
            self._layout = detect()
        used = usage.read(self._layout, self._group) if self._group else usage.Usage()
        return {"memory.available": self._memory(used), "pid.available": self._pids(used), **self._disk()}

    def _memory(self, used: usage.Usage) -> Observation:
        machine, total = available(_text("/proc/meminfo"))
        if self._kit.node.is_machine:
            return Observation(machine, total)
        capacity = self._kit.node.memory
        return Observation(max(min(capacity - used.memory + used.files, machine), 0), capacity)

    def _pids(self, used: usage.Usage) -> Observation:
        capacity = int(_text("/proc/sys/kernel/pid_max") or 0)
        running = procfs.processes(_text("/proc/loadavg")) if self._kit.node.is_machine else used.pids
        return Observation(max(capacity - running, 0), capacity)

    def _disk(self) -> dict[str, Observation]:
        """Images lie on the same file system as Pods."""
        found = os.statvfs(self._kit.paths.root)
        space = Observation(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)
        seen = {"nodefs.available": space, "imagefs.available": space}
        if found.f_files:  # some file systems count no inodes
            inodes = Observation(found.f_ffree, found.f_files)
            seen |= {"nodefs.inodesFree": inodes, "imagefs.inodesFree": inodes}
        return seen


def available(meminfo: str) -> tuple[int, int]:
    """Bytes that the machine has left, and has at all (pure)."""
    lines = (line.partition(":") for line in meminfo.splitlines())
    found = {name: int(rest.split()[0]) << 10 for name, _, rest in lines if rest.strip()}
    return found["MemAvailable"], found["MemTotal"]


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
