"""A file of JSON lines that is rotated by size, with a bound on how many and how old the rotated ones are.

    audit.log, audit-2026-11-25T14-03-07.123.log, ...

The names and rules are those of upstream's log backend (`--audit-log-maxsize`, `-maxbackup`, `-maxage`; gopkg.in/natefinch/lumberjack).
Writing waits for the operating system and for nothing else, so that what was done is on record before the client hears of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

MEGABYTE = 1024 * 1024
DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """`max_size` in megabytes; `max_backups` and `max_age` (days) with 0: all are kept."""

    max_size: int = 100
    max_backups: int = 0
    max_age: int = 0


class RotatedLog:
    """Opens the file when the first line comes; raises OSError where it cannot be written."""

    def __init__(self, path: Path, rotation: Rotation) -> None:
        self.path = path
        self._rotation = rotation
        self._file: BinaryIO | None = None
        self._size = 0

    def write(self, line: bytes, *, now: float) -> None:
        """Append one line; `now` is wall time and names the file that is put away."""
        if self._file is None:
            self._open()
        if self._size and self._size + len(line) > self._rotation.max_size * MEGABYTE:
            self._rotate(now)
        assert self._file is not None
        self._file.write(line)
        self._size += len(line)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._file = open(descriptor, "ab", buffering=0)  # noqa: SIM115 - closed by `close`
        self._size = self._file.seek(0, os.SEEK_END)

    def _rotate(self, now: float) -> None:
        self.close()
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")[:-3]
        os.replace(self.path, self.path.with_name(f"{self.path.stem}-{stamp}{self.path.suffix}"))
        self._open()
        self._prune(now)

    def _prune(self, now: float) -> None:
        """Remove rotated files beyond their number and age."""
        kept = sorted(self.path.parent.glob(f"{self.path.stem}-*{self.path.suffix}"), reverse=True)
        for index, path in enumerate(kept):
            is_surplus = 0 < self._rotation.max_backups <= index
            is_old = 0 < self._rotation.max_age * DAY < now - _stamp(self.path, path, now)
            if is_surplus or is_old:
                path.unlink(missing_ok=True)


def _stamp(live: Path, path: Path, now: float) -> float:
    """When a file was put away, by its name."""
    text = path.name.removeprefix(f"{live.stem}-").removesuffix(live.suffix)
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H-%M-%S.%f").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return now  # somebody else's
