"""Mounting and unmounting a Pod's volumes."""

from __future__ import annotations

import asyncio
import logging

from podling.agent.errors import FAILED_MOUNT, VolumeFault, VolumeFaults
from podling.agent.kit import Kit
from podling.agent.podmemory import MOUNT, Memory
from podling.agent.podstate import MountVolumes, UnmountVolumes

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 123.0
"""After this long without all volumes the Pod as a whole is told to wait (kubelet's podAttachAndMountTimeout)."""


async def mount(kit: Kit, memory: Memory, _: MountVolumes) -> None:
    now, changes = kit.clock.now(), memory.changes
    if memory.volumes_wanted_at is None:
        memory.volumes_wanted_at = now
    try:
        await kit.volumes.mount(memory.pod)
    except VolumeFaults as failed:
        again_at = memory.fail("volumes", MOUNT, kit.clock.now())
        if memory.changes == changes:  # else what was lacking may have come meanwhile
            memory.volumes_retry_at = again_at
        for fault in filter(lambda each: each.event, failed.faults.values()):
            kit.tell(memory.pod, "Warning", fault.event, str(fault))
        if now - memory.volumes_wanted_at >= PATIENCE_SECONDS:
            memory.volumes_wanted_at = now
            missing = f"unmounted volumes=[{' '.join(failed.faults)}], unattached volumes=[]"
            why = f"{missing}, failed to process volumes=[]: context deadline exceeded"
            kit.tell(memory.pod, "Warning", FAILED_MOUNT, f"Unable to attach or mount volumes: {why}")
    else:
        memory.succeed("volumes")
        memory.volumes_ready = True


async def unmount(kit: Kit, memory: Memory, _: UnmountVolumes) -> None:
    memory.volumes_ready = False
    try:
        await kit.volumes.unmount(memory.uid)
    except VolumeFault as fault:
        log.warning("cannot take down volumes of Pod %s/%s: %s", memory.namespace, memory.name, fault)
        now = kit.clock.now()
        await asyncio.sleep(memory.fail("unmount", MOUNT, now) - now)
    else:
        memory.succeed("unmount")
