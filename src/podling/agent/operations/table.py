"""Which function carries out which action."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from podling.agent.kit import Kit
from podling.agent.podmemory import OTHER, Memory
from podling.agent.podstate import (
    Action,
    CreateSandbox,
    DeleteObject,
    KillContainer,
    MountVolumes,
    PrepareImage,
    RemoveContainer,
    RemoveSandbox,
    ResizePod,
    StartContainer,
    StopSandbox,
    UnmountVolumes,
)
from podling.runtime.interface import RuntimeFault

from . import delete, image, kill, resize, sandbox, start, volumes

log = logging.getLogger(__name__)

Operation = Callable[[Kit, Memory, Any], Awaitable[None]]

OPERATIONS: dict[type[Action], Operation] = {
    MountVolumes: volumes.mount,
    UnmountVolumes: volumes.unmount,
    CreateSandbox: sandbox.create,
    StopSandbox: sandbox.stop,
    RemoveSandbox: sandbox.remove,
    PrepareImage: image.prepare,
    StartContainer: start.start,
    KillContainer: kill.kill,
    RemoveContainer: kill.remove,
    ResizePod: resize.resize,
    DeleteObject: delete.delete,
}


async def carry_out(kit: Kit, memory: Memory, action: Action) -> None:
    """Do it.  What fails beyond the operation's own means is told, and paused for before it is planned again."""
    trouble = f"trouble {action.key}"
    try:
        await OPERATIONS[type(action)](kit, memory, action)
        memory.succeed(trouble)
    except (RuntimeFault, OSError) as fault:
        log.warning("cannot %s of Pod %s/%s: %s", action, memory.namespace, memory.name, fault)
        if isinstance(action, KillContainer | StopSandbox):
            kit.tell(memory.pod, "Warning", "FailedKillPod", f"error killing pod: {fault}")
        now = kit.clock.now()
        await asyncio.sleep(memory.fail(trouble, OTHER, now) - now)
