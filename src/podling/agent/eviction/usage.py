"""What one Pod uses of what a node can run short of (pure: from a reading of it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from podling.agent.server.reading import PodReading
from podling.api.types import core_v1

from .signals import INODES, MEMORY, PIDS, STORAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Bytes and counts.

    total       by resource, of the whole Pod.
    containers  memory and storage by container name: its own layer and its logs.
    volumes     bytes by volume name.
    """

    total: Mapping[str, int] = field(default_factory=dict)
    containers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    volumes: Mapping[str, int] = field(default_factory=dict)


def of(pod: core_v1.Pod, reading: PodReading) -> Usage:
    """Local volumes that are neither memory nor somebody else's count for storage."""
    containers = {
        one.name: {MEMORY: one.stats.memory_working_set, STORAGE: one.stats.rootfs_used + one.log}
        for one in reading.containers
    }
    local = _local_volumes(pod)
    volumes = [volume for volume in reading.volumes if volume.name in local]
    total = {
        MEMORY: sum(one[MEMORY] for one in containers.values()),
        STORAGE: sum(one[STORAGE] for one in containers.values()) + sum(v.used for v in volumes),
        INODES: sum(one.stats.rootfs_inodes for one in reading.containers)
        + sum(volume.inodes_used for volume in volumes),
        PIDS: sum(one.stats.pids for one in reading.containers),
    }
    return Usage(total=total, containers=containers, volumes={v.name: v.used for v in reading.volumes})


def _local_volumes(pod: core_v1.Pod) -> set[str]:
    volumes = (pod.spec.volumes if pod.spec else None) or ()
    return {
        volume.name
        for volume in volumes
        if volume.config_map is not None
        or volume.downward_api is not None
        or (volume.empty_dir is not None and volume.empty_dir.medium != "Memory")
    }
