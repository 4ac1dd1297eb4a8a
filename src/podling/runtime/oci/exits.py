"""Learning of exits: conmon renames a file named after the container into the exit folder.

Watching begins before the first look at what is there already, so an exit between two lives of this process is
neither lost nor told twice (the file is taken away once the exit is on record).  No polling: inotify and pidfds.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from podling.runtime import linux

_HEADER = struct.Struct("iIII")
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Exit:
    """``at`` in nanoseconds since the epoch: when conmon wrote the file."""

    code: int
    at: int


class ExitWatch:
    """Calls ``on_exit(container id)`` for every file that arrives."""

    def __init__(self, folder: Path, on_exit: Callable[[str], None]) -> None:
        self._folder = folder
        self._on_exit = on_exit
        self._fd = -1

    def start(self) -> list[str]:
        """Watch, then return the exits that were there already."""
        self._folder.mkdir(exist_ok=True)
        self._fd = linux.inotify_open()
        linux.inotify_watch(self._fd, str(self._folder), linux.IN_MOVED_TO)
        asyncio.get_running_loop().add_reader(self._fd, self._arrived)
        return sorted(name for name in os.listdir(self._folder) if not name.startswith("."))

    def close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def read(self, container_id: str) -> Exit | None:
        """None if there is no such file."""
        file = self._folder / container_id
        try:
            return Exit(int(file.read_text()), file.stat().st_mtime_ns)
        except (FileNotFoundError, ValueError):
            return None

    def forget(self, container_id: str) -> None:
        (self._folder / container_id).unlink(missing_ok=True)

    def _arrived(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return
        position = 0
        while position < len(data):
            _, _, _, length = _HEADER.unpack_from(data, position)
            position += _HEADER.size
            name = data[position : position + length].rstrip(b"\0").decode()
            position += length
            if name and not name.startswith("."):
                self._on_exit(name)
