"""Keeps container logs bounded: a log that has grown past its size is put aside, the oldest of those put aside go.

``0.log`` becomes ``0.log.20240501-120000`` and the runtime reopens ``0.log``; earlier ones are compressed, as kubelet does
(`pkg/kubelet/logs/container_log_manager.go`). The kubelet looks every ten seconds; a container can write hundreds of megabytes
in them, and a look costs one `stat`, so here it is every two, and every second while one writes much.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import shutil
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from podling.aio.clock import Clock
from podling.api import times
from podling.runtime.interface import RuntimeFault

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0
HURRY_SECONDS = 1.0
"""Between looks while some log grows by a tenth of its size or more from one to the next."""


class RunningLog(NamedTuple):
    """The log that a running container writes."""

    container_id: str
    path: Path


class LogRotation:
    """Looks at the logs of all ``running`` containers; ``reopen`` makes the runtime go on in a new file.

    A log is put aside past ``max_bytes``; ``max_files`` of it are kept, the current one included. A log that cannot be rotated
    (a full disk, a file that is gone) is told and tried again the next time; the others go on.
    """

    def __init__(
        self,
        running: Callable[[], Iterable[RunningLog]],
        reopen: Callable[[str], Awaitable[None]],
        *,
        clock: Clock,
        max_bytes: int,
        max_files: int,
    ) -> None:
        self._running = running
        self._reopen = reopen
        self._clock = clock
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._sizes: dict[Path, int] = {}

    async def run(self) -> None:
        pause = INTERVAL_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = await self.look()

    async def look(self) -> float:
        """Put aside what has grown too large; seconds until the next look."""
        before, self._sizes = self._sizes, {}
        in_hurry = False
        for one in list(self._running()):
            size = _size(one.path)
            in_hurry |= size - before.get(one.path, 0) >= self._max_bytes / 10
            if size > self._max_bytes:
                await self._rotate(one)
                size = 0
            self._sizes[one.path] = size
        return HURRY_SECONDS if in_hurry else INTERVAL_SECONDS

    async def _rotate(self, one: RunningLog) -> None:
        stamp = times.rfc3339(self._clock.now()).translate(str.maketrans("T", "-", "-:Z"))
        aside = one.path.with_name(f"{one.path.name}.{stamp}")
        before = _rotated(one.path)
        try:
            if aside.exists():
                raise FileExistsError(f"{aside.name} is there already")
            one.path.rename(aside)
            await self._reopen_or_put_back(one, aside)
            await asyncio.to_thread(_tidy, before, max(0, self._max_files - 2))
        except (OSError, RuntimeFault) as fault:
            log.warning("cannot rotate the log of container %s: %s", one.container_id, fault)

    async def _reopen_or_put_back(self, one: RunningLog, aside: Path) -> None:
        try:
            await self._reopen(one.container_id)
        except RuntimeFault:
            if not one.path.exists():
                aside.rename(one.path)
            raise


def _tidy(files: list[Path], keep: int) -> None:
    """Drop all but the ``keep`` latest and compress those."""
    for old in files[: len(files) - keep]:
        old.unlink(missing_ok=True)
    for kept in files[len(files) - keep :]:
        if kept.suffix != ".gz":
            packed = kept.with_name(f"{kept.name}.gz")
            with kept.open("rb") as source, gzip.open(packed, "wb", compresslevel=1) as target:
                shutil.copyfileobj(source, target)
            kept.unlink()


def _rotated(path: Path) -> list[Path]:
    """What was put aside earlier, oldest first."""
    return sorted(path.parent.glob(f"{path.name}.*"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
