"""Mounting and unmounting a Pod's volumes."""

from __future__ import annotations

from podling.agent.errors import VolumeFault
from podling.agent.kit import Kit
from podling.agent.podmemory import MOUNT, Memory
from podling.agent.podstate import MountVolumes, UnmountVolumes


async def mount(kit: Kit, memory: Memory, _: MountVolumes) -> None:
    try:
        await kit.volumes.mount(memory.pod)
    except VolumeFault as fault:
        memory.volumes_retry_at = memory.fail("volumes", MOUNT, kit.clock.now())
        kit.tell(memory.pod, "Warning", fault.event, str(fault))
    else:
        memory.succeed("volumes")
        memory.volumes_ready = True


async def unmount(kit: Kit, memory: Memory, _: UnmountVolumes) -> None:
    memory.volumes_ready = False
    await kit.volumes.unmount(memory.uid)
