"""``configMap``: the keys of a ConfigMap as files that follow it."""

from __future__ import annotations

import base64
from pathlib import Path

from podling.agent.errors import VolumeFault
from podling.api.types import core_v1

from . import atomic, payload
from .context import Context, Plugin


async def files(ctx: Context, source: core_v1.ConfigMapProjection, mode: int | None) -> payload.Payload:
    """The files of one ConfigMap; none of an optional one that is not there."""
    optional = bool(source.optional)
    found = await ctx.objects.config_map(ctx.namespace, source.name or "")
    if found is None:
        if optional:
            return {}
        raise VolumeFault(f'configmap "{source.name}" not found')
    keys = {key: text.encode() for key, text in (found.data or {}).items()}
    keys |= {key: base64.b64decode(text) for key, text in (found.binary_data or {}).items()}
    missing = "configmap references non-existent config key"
    return payload.of_keys(keys, source.items, mode=mode, optional=optional, missing=missing)


async def _set_up(ctx: Context) -> Path:
    source = ctx.volume.config_map or core_v1.ConfigMapVolumeSource()
    projection = core_v1.ConfigMapProjection(name=source.name, items=source.items, optional=source.optional)
    found = await files(ctx, projection, source.default_mode)
    atomic.write(ctx.path, found, ctx.give_files)
    return ctx.path


PLUGIN = Plugin("kubernetes.io~configmap", "config_map", _set_up, live=True)
