"""Removing everything that a cluster made on this machine, whether it is up, was killed, or never finished starting."""

from __future__ import annotations

import asyncio
import contextlib
import shutil

from podling.network.errors import NotPermitted
from podling.runtime import linux
from podling.runtime.interface import Unavailable
from podling.runtime.oci.mountspace import mounted_below

from . import config as settings
from . import machine, routes
from .claim import claim
from .errors import BadConfig
from .layout import Layout


def run(layout: Layout) -> None:
    """Remove the Pods' processes, mounts, network and cgroups, then the cluster's folder.  Safe to repeat.

    Raises ``AlreadyRunning`` while a process has the cluster.
    """
    with claim(layout):
        config = _settings(layout)
        for name in machine.RUNTIMES:
            asyncio.run(_remove_node(layout, config, name))
        for mount_point in mounted_below(layout.cluster):
            linux.unmount(mount_point)
        shutil.rmtree(layout.cluster)


def _settings(layout: Layout) -> settings.ClusterConfig:
    """The cluster's settings; where their file is missing or damaged any will do, for all is found by the cluster's name."""
    with contextlib.suppress(BadConfig):
        if (known := settings.load(layout)) is not None:
            return known
    return settings.ClusterConfig(name=layout.name).beside(routes.taken(), pods=None, services=None)


async def _remove_node(layout: Layout, config: settings.ClusterConfig, runtime: str) -> None:
    """What the node's runtime and network of one sort left; nothing where that sort never ran here."""
    host = machine.host_of(layout, config)
    row = machine.RUNTIMES[runtime]
    if not row.ran(host):
        return
    parts = row.make(layout, config, host)
    network_start = getattr(parts.network, "start", None)
    try:
        if network_start is not None:
            await network_start()
        await parts.runtime.start()
    except (Unavailable, NotPermitted):
        return  # who may not make it now had nothing made, either
    for sandbox in await parts.runtime.list_sandboxes():
        await parts.runtime.remove_sandbox(sandbox.id)
    await parts.runtime.close()
    destroy = getattr(parts.network, "destroy", None)
    if destroy is not None:
        await destroy()
