"""THE table of default plugins: order, weights and names are upstream's (KubeSchedulerConfiguration v1 defaults)."""

from __future__ import annotations

from .framework import Plugin
from .plugins import (
    balanced,
    node_affinity,
    node_name,
    node_ports,
    resources,
    taints,
    unschedulable,
    volume_binding,
    volume_limits,
    volume_restrictions,
    volume_zone,
)

SCHEDULER_NAME = "default-scheduler"

DEFAULT: tuple[Plugin, ...] = (
    unschedulable.PLUGIN,
    node_name.PLUGIN,
    taints.PLUGIN,
    node_affinity.PLUGIN,
    node_ports.PLUGIN,
    resources.PLUGIN,
    volume_restrictions.PLUGIN,
    volume_limits.PLUGIN,
    volume_binding.PLUGIN,
    volume_zone.PLUGIN,
    balanced.PLUGIN,
)
