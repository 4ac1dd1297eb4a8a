"""``persistentVolumeClaim`` and ``ephemeral``: whatever volume stands behind a claim, as far as this node can set it up.

``hostPath`` volumes are checked or made as their type says; ``local`` ones must be there, belong to the Pod's ``fsGroup``, and are
devices if they are raw blocks.  (Source: concepts/storage/persistent-volumes; kubelet `pkg/volume/local`, `pkg/volume/hostpath`.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from podling.agent.errors import VolumeFault
from podling.api.storage import claims
from podling.api.types import core_v1

from . import csi, hostpath, loop, ownership
from .context import Context, Plugin

Spec = core_v1.PersistentVolumeSpec


async def _set_up(ctx: Context) -> Path:
    use = next(use for use in claims.of_pod(ctx.pod) if use.volume == ctx.volume.name)
    volume = await ctx.objects.persistent_volume(ctx.pod, use)
    spec = volume.spec or Spec()
    if spec.csi is not None:
        return await csi.set_up_persistent(ctx, volume)
    for field, set_up in _SORTS.items():
        if getattr(spec, field) is not None:
            return await set_up(ctx, spec)
    raise VolumeFault(f"no volume plugin matched name: {_source(spec)}")


async def _host_path(ctx: Context, spec: Spec) -> Path:
    source = spec.host_path or core_v1.HostPathVolumeSource()
    path = Path(source.path)
    if spec.volume_mode == "Block":
        return await _device(ctx, path)
    await asyncio.to_thread(hostpath.check, path, source.type or "")
    return path


async def _local(ctx: Context, spec: Spec) -> Path:
    path = Path(spec.local.path if spec.local else "")
    if not path.exists():
        raise VolumeFault(f'path "{path}" does not exist')
    if spec.volume_mode == "Block":
        return await _device(ctx, path)
    if path.is_block_device():
        raise VolumeFault(f"{path} is a device, and this node makes no file systems")
    await asyncio.to_thread(ownership.give, path, ctx.pod)
    return path


async def _device(ctx: Context, path: Path) -> Path:
    """The device, with a note that the Pod uses it."""
    device = await asyncio.to_thread(loop.attach, path)
    plugin, pod = ctx.path.parent.name, ctx.path.parents[2]
    loop.link(device, pod, plugin, ctx.volume.name)
    return device


def _source(spec: Spec) -> str:
    """What sort of volume it is, by the name of the field that says so."""
    named = zip(spec.__struct_fields__, spec.__struct_encode_fields__, strict=True)
    known = {"claim_ref", "node_affinity"}
    return next(
        (
            name
            for field, name in named
            if field not in known and hasattr(getattr(spec, field), "__struct_fields__")
        ),
        "",
    )


_SORTS: dict[str, Callable[[Context, Spec], Awaitable[Path]]] = {"host_path": _host_path, "local": _local}

CLAIM = Plugin("kubernetes.io~local-volume", "persistent_volume_claim", _set_up)
EPHEMERAL = Plugin("kubernetes.io~local-volume", "ephemeral", _set_up)
