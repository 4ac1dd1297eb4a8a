"""``secret``: the keys of a Secret as files that follow it, never on disk where that can be had."""

from __future__ import annotations

import base64
from pathlib import Path

from podling.agent.errors import VolumeFault
from podling.api.types import core_v1

from . import atomic, payload
from .context import Context, Plugin


async def files(ctx: Context, source: core_v1.SecretProjection, mode: int | None) -> payload.Payload:
    """The files of one Secret; none of an optional one that is not there."""
    optional = bool(source.optional)
    found = await ctx.objects.secret(ctx.namespace, source.name or "")
    if found is None:
        if optional:
            return {}
        raise VolumeFault(f'secret "{source.name}" not found')
    keys = {key: base64.b64decode(text) for key, text in (found.data or {}).items()}
    missing = "references non-existent secret key"
    return payload.of_keys(keys, source.items, mode=mode, optional=optional, missing=missing)


async def _set_up(ctx: Context) -> Path:
    source = ctx.volume.secret or core_v1.SecretVolumeSource()
    projection = core_v1.SecretProjection(
        name=source.secret_name, items=source.items, optional=source.optional
    )
    found = await files(ctx, projection, source.default_mode)
    atomic.write(ctx.memory, found, ctx.give_files)
    return ctx.memory


PLUGIN = Plugin("kubernetes.io~secret", "secret", _set_up, live=True)
