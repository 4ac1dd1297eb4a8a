"""``downwardAPI``: fields and resources of the Pod as files that follow its labels and annotations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from podling.agent.errors import ConfigFault, VolumeFault
from podling.agent.podspec import fields
from podling.api.types import core_v1

from . import atomic
from .context import Context, Plugin
from .payload import DEFAULT_MODE, File, Payload


def files(ctx: Context, items: Sequence[core_v1.DownwardAPIVolumeFile], mode: int | None) -> Payload:
    """One file an item."""
    default = DEFAULT_MODE if mode is None else mode
    return {
        item.path: File(_text(ctx, item).encode(), default if item.mode is None else item.mode)
        for item in items
    }


def _text(ctx: Context, item: core_v1.DownwardAPIVolumeFile) -> str:
    try:
        if item.field_ref is not None:
            return fields.field(ctx.pod, item.field_ref.field_path, ctx.facts)
        if item.resource_field_ref is not None:
            return fields.resource(ctx.pod, item.resource_field_ref, "", ctx.facts)
    except ConfigFault as error:
        raise VolumeFault(str(error)) from error
    raise VolumeFault(f"cannot fill {item.path}: neither fieldRef nor resourceFieldRef is given")


async def _set_up(ctx: Context) -> Path:
    source = ctx.volume.downward_api or core_v1.DownwardAPIVolumeSource()
    atomic.write(ctx.path, files(ctx, source.items or [], source.default_mode), ctx.give_files)
    return ctx.path


PLUGIN = Plugin("kubernetes.io~downward-api", "downward_api", _set_up, live=True)
