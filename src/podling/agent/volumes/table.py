"""Every kind of volume that this node can set up."""

from __future__ import annotations

from podling.agent.errors import VolumeFault
from podling.api.types import core_v1

from . import claim, configmap, csi, downward, emptydir, hostpath, image, projected, secret
from .context import Plugin

PLUGINS: tuple[Plugin, ...] = (
    claim.CLAIM,
    claim.EPHEMERAL,
    configmap.PLUGIN,
    csi.PLUGIN,
    downward.PLUGIN,
    emptydir.PLUGIN,
    hostpath.PLUGIN,
    image.PLUGIN,
    projected.PLUGIN,
    secret.PLUGIN,
)


def plugin_for(volume: core_v1.Volume) -> Plugin:
    """The kind of ``volume``.  Raises ``VolumeFault`` for one that this node does not know."""
    for plugin in PLUGINS:
        if getattr(volume, plugin.field) is not None:
            return plugin
    given = [
        name for name in volume.__struct_fields__ if name != "name" and getattr(volume, name) is not None
    ]
    if not given:  # the API's meaning of a volume without a source
        return emptydir.PLUGIN
    raise VolumeFault(f"no volume plugin matched name: {given[0]}")
