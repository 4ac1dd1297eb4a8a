"""What is known of sandboxes and containers, in small JSON files that outlive this process.

Two files per container: ``container.json`` (what was asked; written last in ``create``, so its absence marks a
half-made one) and ``status.json`` (what became of it).  Files are written under a temporary name and renamed.  They
lie on a tmpfs and are not fsynced: what could lose them has ended the containers too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from podling.runtime.interface import ContainerConfig, ContainerUser, SandboxConfig

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be mistaken for a later one of the same number: ``started`` in clock ticks since boot."""

    pid: int
    started: int

    @staticmethod
    def of(pid: int) -> ProcessId | None:
        """None if it is gone or a zombie."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in (b"Z", b"X") else ProcessId(pid, int(fields[19]))

    def open(self) -> int:
        """A pidfd, or -1 if the process is gone."""
        try:
            fd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return -1
        if ProcessId.of(self.pid) == self:
            return fd
        os.close(fd)
        return -1


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxRecord:
    """``made`` once everything exists; what never got there is undone at the next start."""

    id: str
    config: SandboxConfig
    created_at: int
    made: bool = False
    ready: bool = False
    ips: tuple[str, ...] = ()
    pause: ProcessId | None = None
    handler: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRecord:
    id: str
    sandbox_id: str
    config: ContainerConfig
    image_id: str
    created_at: int
    log_path: str = ""
    stop_signal: int = 15
    own_pids: bool = True
    handler: str = ""
    user: ContainerUser | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStatus:
    """Zero times: not yet.  ``process`` is the container's first process, ``conmon`` its supervisor."""

    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    process: ProcessId | None = None
    conmon: ProcessId | None = field(default=None)


def save(file: Path, record: object) -> None:
    """Replace ``file`` whole or not at all."""
    fresh = file.with_suffix(".new")
    with open(fresh, "wb", buffering=0, opener=_private) as out:
        out.write(msgspec.json.encode(record))
    fresh.replace(file)


def load(file: Path, kind: type[T]) -> T | None:
    """The record, or None if it is missing or unreadable (then its owner is half-made)."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
