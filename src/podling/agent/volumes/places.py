"""The folders that volumes live in, made ready before the first Pod and before the runtime makes its own view of the mounts.

``pods`` and ``plugins`` become shared mounts of themselves: a runtime that works in a private copy of the mount namespace then sees what is mounted
below it later.  ``memory`` becomes a tmpfs: one mount a node for all secrets and tokens, instead of one a volume.  Where
mounting is not permitted both stay plain folders; containers there cannot see the difference but for the disk.
"""

from __future__ import annotations

import logging
from pathlib import Path

from podling.agent.paths import Paths
from podling.runtime import linux

log = logging.getLogger(__name__)


def prepare(paths: Paths, *, mounting: bool) -> None:
    """Idempotent; mounts of an earlier process are kept.  Without ``mounting`` only the folders are made."""
    for folder in (paths.root, paths.pods, paths.memory, paths.plugins):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths.all_logs.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not mounting:
        return
    try:
        _share(paths.pods)
        _share(paths.plugins)
        if not paths.memory.is_mount():
            linux.mount("tmpfs", str(paths.memory), "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=0700")
    except OSError as error:
        log.info(
            "nothing can be mounted below %s, secrets of Pods are kept on its disk: %s", paths.root, error
        )


def release(paths: Paths) -> None:
    """Unmount everything below the node's folder, innermost first: for a node that is deleted, its Pods gone."""
    for point in linux.mounts_below(str(paths.root)):
        linux.unmount(point)


def _share(folder: Path) -> None:
    options = _options(folder)
    if options is None:
        linux.mount(str(folder), str(folder), flags=linux.MS_BIND)
    if options is None or "shared:" not in options:
        linux.mount("", str(folder), flags=linux.MS_SHARED)


def _options(folder: Path) -> str | None:
    """How ``folder`` is mounted; None if it is no mount point."""
    for fields in _mountinfo():
        if fields[4] == str(folder):
            return " ".join(fields[6 : fields.index("-")])
    return None


def _mountinfo() -> list[list[str]]:
    return [line.split(" ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
