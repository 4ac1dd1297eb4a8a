"""``image``: the content of an image as a volume.

Nothing is set up for it on the node: the agent has the image ready before a container starts, and the runtime mounts it into the
container, read-only and without programs to execute.  (Source: KEP-4639; concepts/storage/volumes#image.)
"""

from __future__ import annotations

from pathlib import Path

from podling.api.types import core_v1

from .context import Context, Plugin


def mounted_by(pod: core_v1.Pod, container: core_v1.Container) -> list[tuple[str, core_v1.ImageVolumeSource]]:
    """The image volumes that ``container`` mounts, by name."""
    mounted = {mount.name for mount in container.volume_mounts or []}
    volumes = (pod.spec.volumes if pod.spec else None) or []
    return [(one.name, one.image) for one in volumes if one.image is not None and one.name in mounted]


async def _set_up(ctx: Context) -> Path:
    return ctx.path


PLUGIN = Plugin("kubernetes.io~image", "image", _set_up)
