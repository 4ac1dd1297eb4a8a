"""Removing everything that a cluster made on this machine, whether it is up, was killed, or never finished starting."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses

from podling.agent.volumes import loop
from podling.network.errors import NotPermitted
from podling.runtime import linux, removal
from podling.runtime.interface import Unavailable
from podling.runtime.oci.mountspace import mounted_below

from . import config as settings
from . import machine, nodes, routes
from .claim import claim
from .errors import BadConfig, StartFailed
from .layout import Layout
from .nodehost import NodeHost
from .nodes import NodePlan


def run(layout: Layout) -> None:
    """Remove the Pods' processes, mounts, devices, network and cgroups, then the cluster's folder.  Safe to repeat.

    Raises ``AlreadyRunning`` while a process has the cluster.
    """
    with claim(layout):
        config = _settings(layout)
        _remove_further_nodes(layout, config)
        config = dataclasses.replace(config, nodes=1)
        for name in machine.RUNTIMES:
            asyncio.run(_remove_node(layout, config, name))
        for mount_point in mounted_below(layout.cluster):
            while linux.unmount(mount_point):
                continue  # several may lie on each other
        loop.detach(layout.cluster)
        removal.remove(layout.cluster)


def _settings(layout: Layout) -> settings.ClusterConfig:
    """The cluster's settings; where their file is missing or damaged any will do, for all is found by the cluster's name."""
    with contextlib.suppress(BadConfig):
        if (known := settings.load(layout)) is not None:
            return known
    return settings.ClusterConfig(name=layout.name).beside(routes.taken(), pods=None, services=None)


def _remove_further_nodes(layout: Layout, config: settings.ClusterConfig) -> None:
    """Their names are those of the namespaces that are held, for the settings may be damaged."""
    if not layout.hosts.exists():
        return
    transit = machine.transit_of(layout, config)
    planned = {plan.name: plan for plan in nodes.plans(config)[1:]}
    for name in {*planned, *(file.name for file in layout.hosts.iterdir())}:
        plan = planned.get(name) or NodePlan(name, 1, config.cluster_cidr)
        NodeHost(layout, plan, transit=transit).power_off()
    transit.tear_down()


async def _remove_node(layout: Layout, config: settings.ClusterConfig, runtime: str) -> None:
    """What the node's runtime and network of one sort left; nothing where that sort never ran here."""
    plan = nodes.plans(config)[0]
    host = machine.host_of(layout, plan)
    row = machine.RUNTIMES[runtime]
    if not row.ran(host):
        return
    parts = row.make(layout, config, plan)
    network_start = getattr(parts.network, "start", None)
    try:
        if network_start is not None:
            await network_start()
        await parts.runtime.start()
    except (Unavailable, NotPermitted) as error:
        if row.elsewhere:
            raise StartFailed(
                f"cannot delete cluster {config.name!r}: {error}; its Pods may be there still. "
                f"If that runtime is gone for good, remove {host.state_dir / runtime} and delete again"
            ) from error
        return  # who may not make it now had nothing made, either
    for sandbox in await parts.runtime.list_sandboxes():
        await parts.runtime.remove_sandbox(sandbox.id)
    await parts.runtime.close()
    destroy = getattr(parts.network, "destroy", None)
    if destroy is not None:
        await destroy()
