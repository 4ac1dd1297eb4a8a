"""Ending and removing containers."""

from __future__ import annotations

import asyncio

from podling.agent.hooks import HookFailed
from podling.agent.kit import Kit
from podling.agent.podmemory import Memory
from podling.agent.podstate import KillContainer, RemoveContainer
from podling.runtime.interface import NotFound, Timeout

from . import addresses

KILL_SECONDS = 120.0
"""How long after SIGKILL a container that does not end is told about (kubelet's runtimeRequestTimeout)."""
AFTER_HOOK_SECONDS = 2.0
"""What a container has at least to end by itself when its preStop hook has used up the grace period."""


async def kill(kit: Kit, memory: Memory, action: KillContainer) -> None:
    """preStop, stop signal, SIGKILL at the deadline.  Begun anew with an earlier deadline it does not repeat the hook."""
    first = action.container_id not in memory.hooked
    memory.hooked[action.container_id] = None
    left = action.deadline - kit.clock.now()
    if first:
        kit.tell(memory.pod, "Normal", "Killing", action.message, container=action.name)
        if left > 0 and await _pre_stop(kit, memory, action, left):
            left = max(action.deadline - kit.clock.now(), AFTER_HOOK_SECONDS)
    await _stop(kit, action, max(0.0, left))
    memory.hooked.pop(action.container_id, None)
    await _look(kit, action.container_id)


async def remove(kit: Kit, memory: Memory, action: RemoveContainer) -> None:
    """With its log files, rotated ones too."""
    known = kit.observed.container(action.container_id)
    await kit.runtime.remove_container(action.container_id)
    kit.observed.drop_container(action.container_id)
    if known is not None:
        log = kit.paths.log(memory.pod, known.name, known.attempt)
        for file in log.parent.glob(f"{log.name}*"):
            file.unlink(missing_ok=True)


async def _pre_stop(kit: Kit, memory: Memory, action: KillContainer, limit: float) -> bool:
    """Run the hook if there is one, for ``limit`` seconds at most; whether there was one."""
    container = memory.container(action.name)
    hook = container.lifecycle.pre_stop if container is not None and container.lifecycle else None
    if container is None or hook is None:
        return False
    address = next(iter(addresses.of_pod(kit, memory)), "")
    try:
        async with asyncio.timeout(limit):
            warning = await kit.hooks.run(hook, container, action.container_id, address)
    except HookFailed as error:
        message = f"PreStopHook failed: {error}"
        kit.tell(memory.pod, "Warning", "FailedPreStopHook", message, container=action.name)
    except TimeoutError:
        message = "PreStopHook did not complete within the grace period"
        kit.tell(memory.pod, "Warning", "FailedPreStopHook", message, container=action.name)
    else:
        if warning:
            kit.tell(memory.pod, "Warning", "LifecycleHTTPFallback", warning, container=action.name)
    return True


async def _stop(kit: Kit, action: KillContainer, grace: float) -> None:
    """Raises ``Timeout`` for a container that not even SIGKILL ends: it hangs in the kernel, or is frozen."""
    try:
        async with asyncio.timeout(grace + KILL_SECONDS):
            await kit.runtime.stop_container(action.container_id, grace=grace)
    except TimeoutError:
        why = f'"KillContainer" for "{action.name}" with KillContainerError: "context deadline exceeded"'
        raise Timeout(f"failed to {why}") from None


async def _look(kit: Kit, container_id: str) -> None:
    try:
        kit.observed.put_container(await kit.runtime.container(container_id))
    except NotFound:
        kit.observed.drop_container(container_id)
