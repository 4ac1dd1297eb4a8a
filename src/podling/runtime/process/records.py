"""What is known of sandboxes and containers, in files that outlive this process.

sandboxes/<id>/sandbox.json
containers/<id>/container.json   what was asked; written last, so its absence marks a half-made one
                plan.json        how its processes are launched
                fault.json       why it could not be started
                started.json     } written by the supervisor
                exit.json        }
                lost             its supervisor died before it
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from podling.runtime.interface import ContainerConfig, SandboxConfig

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxRecord:
    id: str
    config: SandboxConfig
    created_at: int
    boot: str
    mode: str
    ready: bool = True
    ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRecord:
    id: str
    sandbox_id: str
    config: ContainerConfig
    image_id: str
    created_at: int
    stop_signal: int
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    pid: int
    start_time: int
    started_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    code: int
    signal: int
    finished_at: int
    reason: str = ""
    message: str = ""


def boot_id() -> str:
    """What tells one run of the machine from the next: nothing of an earlier one is alive."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def save(file: Path, record: object) -> None:
    """Replace ``file`` whole or not at all.  Not synced: a power cut that loses it has ended the containers, too."""
    fresh = file.with_suffix(".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as out:
        out.write(msgspec.json.encode(record))
    fresh.replace(file)


def load(file: Path, kind: type[T]) -> T | None:
    """The record, or None if it is missing or unreadable (then its owner is half-made)."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None
