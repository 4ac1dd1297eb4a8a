"""Keeps container logs bounded: a log that has grown past its size is put aside, the oldest of those put aside go.

``0.log`` becomes ``0.log.20240501-120000`` and the runtime reopens ``0.log``; earlier ones are compressed, as kubelet does
(`pkg/kubelet/logs/container_log_manager.go`, with its interval of ten seconds).
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from podling.api import times
from podling.runtime.interface import ContainerState, RuntimeFault

if TYPE_CHECKING:
    from podling.agent.kit import Kit

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 10.0


class LogRotation:
    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            for uid in [*self._kit.observed.pods()]:
                await self._look_at(uid)

    async def _look_at(self, uid: str) -> None:
        kit = self._kit
        folders = {sandbox.id: sandbox for sandbox in kit.observed.sandboxes(uid)}
        for container in kit.observed.containers(uid):
            sandbox = folders.get(container.sandbox_id)
            if container.state is not ContainerState.RUNNING or sandbox is None or not container.log_path:
                continue
            folder = kit.paths.all_logs / f"{sandbox.namespace}_{sandbox.name}_{sandbox.uid}"
            path = folder / container.log_path
            if _size(path) > kit.config.log_bytes:
                await self._rotate(path, container.id)

    async def _rotate(self, path: Path, container_id: str) -> None:
        stamp = times.rfc3339(self._kit.clock.now()).translate(str.maketrans("T", "-", "-:Z"))
        aside = path.with_name(f"{path.name}.{stamp}")
        before = _rotated(path)
        path.rename(aside)
        try:
            await self._kit.runtime.reopen_log(container_id)
        except RuntimeFault as fault:
            log.warning("cannot reopen the log of container %s: %s", container_id, fault)
            if not path.exists():
                aside.rename(path)
            return
        keep = max(0, self._kit.config.log_files - 2)
        await asyncio.to_thread(_tidy, before, keep)


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
