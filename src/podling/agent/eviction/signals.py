"""What a node runs short of: the signals that thresholds are set on, and what each means (pure)."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY_PRESSURE, DISK_PRESSURE, PID_PRESSURE = "MemoryPressure", "DiskPressure", "PIDPressure"
MEMORY, STORAGE, INODES, PIDS = "memory", "ephemeral-storage", "inodes", "pids"


@dataclass(frozen=True, slots=True)
class Signal:
    """``resource`` is what is reclaimed, as messages name it; ``condition`` what the node is said to be under."""

    resource: str
    condition: str


SIGNALS = {
    "memory.available": Signal(MEMORY, MEMORY_PRESSURE),
    "nodefs.available": Signal(STORAGE, DISK_PRESSURE),
    "nodefs.inodesFree": Signal(INODES, DISK_PRESSURE),
    "imagefs.available": Signal(STORAGE, DISK_PRESSURE),
    "imagefs.inodesFree": Signal(INODES, DISK_PRESSURE),
    "pid.available": Signal(PIDS, PID_PRESSURE),
}


@dataclass(frozen=True, slots=True)
class Observation:
    """Of one signal: how much is left, and of how much."""

    available: int
    capacity: int
