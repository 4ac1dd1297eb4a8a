"""``emptyDir``: a folder that lives as long as the Pod, on disk, in memory (a tmpfs of bounded size) or in huge pages.

A folder appears under its name with all its rights or not at all, so one that is there is whole, whenever the agent was killed.
(Source: kubelet `pkg/volume/emptydir`.)
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

from podling.agent.errors import VolumeFault
from podling.agent.podspec import resources
from podling.api import quantity
from podling.api.types import core_v1
from podling.runtime import linux

from . import hugepages, ownership
from .context import Context, Plugin

_MODE = 0o777
_SET_GROUP = 0o2000
_FLAGS = linux.MS_NOSUID | linux.MS_NODEV


async def _set_up(ctx: Context) -> Path:
    source = ctx.volume.empty_dir or core_v1.EmptyDirVolumeSource()
    medium, path = source.medium or "", ctx.path
    if path.is_dir() and (not medium or path.is_mount()):
        return path
    mount = _mount_of(medium, source, ctx)
    making = path.with_name(f".{path.name}")
    making.mkdir(exist_ok=True)
    making.chmod(_MODE)
    ownership.give(making, ctx.pod)
    making.rename(path)
    if mount is not None:
        try:
            mount(path)
        except OSError as error:
            path.rmdir()
            raise VolumeFault(f"cannot mount {medium} on {path}: {error.strerror}") from error
    return path


def _mount_of(
    medium: str, source: core_v1.EmptyDirVolumeSource, ctx: Context
) -> Callable[[Path], None] | None:
    """What mounts the medium; None for the node's disk.  Raises ``VolumeFault``."""
    if not medium:
        return None
    if medium == "Memory":
        size = memory_size(source, ctx.pod, allocatable=ctx.facts.allocatable.get("memory", "0"))
        return lambda path: _mount_memory(path, size, ownership.fs_group(ctx.pod))
    if hugepages.is_medium(medium):
        option = hugepages.mount_option(medium, ctx.pod)
        return lambda path: _mount_huge(path, option, ctx.pod)
    raise VolumeFault(f'unknown storage medium "{medium}"')


def _mount_memory(path: Path, size: int, group: int | None) -> None:
    """One step gives it size, mode and group; kept out of swap where the kernel can."""
    mode = f"mode={_MODE:o}" if group is None else f"mode={_SET_GROUP | _MODE:o},gid={group}"
    data = f"{mode},size={size}" if size else mode
    try:
        linux.mount("tmpfs", str(path), "tmpfs", _FLAGS, f"{data},noswap")
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        linux.mount("tmpfs", str(path), "tmpfs", _FLAGS, data)


def _mount_huge(path: Path, option: str, pod: core_v1.Pod) -> None:
    linux.mount("nodev", str(path), "hugetlbfs", data=f"{option},mode={_MODE:o}")
    ownership.give(path, pod)


def memory_size(source: core_v1.EmptyDirVolumeSource, pod: core_v1.Pod, *, allocatable: str) -> int:
    """Bytes: the least of ``sizeLimit``, what the Pod may use and what the node offers; 0 = unbounded."""
    limits = [source.size_limit or "0", allocatable]
    bounds = [quantity.parse(limit).value() for limit in limits]
    bounds.append(resources.of_pod(pod).memory_limit or 0)
    return min((bound for bound in bounds if bound > 0), default=0)


PLUGIN = Plugin("kubernetes.io~empty-dir", "empty_dir", _set_up)
