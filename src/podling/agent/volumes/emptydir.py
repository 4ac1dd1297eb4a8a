"""``emptyDir``: a folder that lives as long as the Pod, on disk or (``medium: Memory``) a tmpfs of bounded size."""

from __future__ import annotations

import asyncio
from pathlib import Path

from podling.agent.errors import VolumeFault
from podling.api import quantity
from podling.api.types import core_v1
from podling.runtime import linux

from . import ownership
from .context import Context, Plugin

_MODE = 0o777


async def _set_up(ctx: Context) -> Path:
    source = ctx.volume.empty_dir or core_v1.EmptyDirVolumeSource()
    path, in_memory = ctx.path, source.medium == "Memory"
    if path.is_dir() and (not in_memory or path.is_mount()):
        return path
    making = path.with_name(f".{path.name}")
    making.mkdir(exist_ok=True)
    making.chmod(_MODE)
    making.rename(path)
    if in_memory:
        _mount(path, source, ctx.pod)
    elif source.medium:
        path.rmdir()
        raise VolumeFault(f'storage medium "{source.medium}" is not supported by this node')
    await asyncio.to_thread(ownership.give, path, ctx.pod)
    return path


def _mount(path: Path, source: core_v1.EmptyDirVolumeSource, pod: core_v1.Pod) -> None:
    size = _size(source, pod)
    data = f"mode={_MODE:o}" + (f",size={size}" if size else "")
    try:
        linux.mount("tmpfs", str(path), "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, data)
    except OSError as error:
        path.rmdir()
        raise VolumeFault(f"cannot mount a tmpfs on {path}: {error.strerror}") from error


def _size(source: core_v1.EmptyDirVolumeSource, pod: core_v1.Pod) -> int:
    """Bytes: the smaller of ``sizeLimit`` and the Pod's memory limits; 0 = the kernel's default."""
    bounds = []
    if source.size_limit:
        bounds.append(quantity.parse(source.size_limit).value())
    containers = pod.spec.containers if pod.spec else []
    limits = [(c.resources.limits or {}).get("memory") if c.resources else None for c in containers]
    known = [quantity.parse(limit).value() for limit in limits if limit]
    if known and len(known) == len(limits):
        bounds.append(sum(known))
    return min((bound for bound in bounds if bound > 0), default=0)


PLUGIN = Plugin("kubernetes.io~empty-dir", "empty_dir", _set_up)
