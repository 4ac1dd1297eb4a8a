"""How large folders are, which costs a walk through them: the answer is kept for a while."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_BLOCK = 512


class Size(NamedTuple):
    """Bytes on the disk, and files and folders."""

    size: int
    inodes: int


class Sizes:
    """Answers are good for ``keep_seconds``. Blocking."""

    def __init__(self, *, keep_seconds: float) -> None:
        self._keep_seconds = keep_seconds
        self._known: dict[Path, tuple[float, Size]] = {}

    def of(self, folder: Path, *, now: float) -> Size:
        """Of all below a folder, itself included; links are not followed, what cannot be seen does not count."""
        taken, found = self._known.get(folder, (float("-inf"), Size(0, 0)))
        if now - taken < self._keep_seconds:
            return found
        for known, (taken, _) in [*self._known.items()]:
            if now - taken >= self._keep_seconds:
                del self._known[known]
        found = _walked(folder)
        if self._keep_seconds:
            self._known[folder] = (now, found)
        return found


def _walked(folder: Path) -> Size:
    size = inodes = 0
    for path, _, files in os.walk(folder):
        for name in (".", *files):
            try:
                status = os.lstat(os.path.join(path, name))
            except OSError:
                continue
            size += status.st_blocks * _BLOCK
            inodes += 1
    return Size(size, inodes)
