"""Giving running containers, and their Pod's control group, the resources that the Pod has been granted."""

from __future__ import annotations

import asyncio

from podling.agent.kit import Kit
from podling.agent.podmemory import OTHER, Memory
from podling.agent.podspec import resources
from podling.agent.podstate import ResizePod
from podling.agent.resize import summary
from podling.api import quantity
from podling.api.types import core_v1
from podling.runtime.interface import NotFound, RuntimeFault


async def resize(kit: Kit, memory: Memory, action: ResizePod) -> None:
    """In an order that the kernel allows at every step.  What fails shows in the status and is tried again."""
    try:
        await _resize(kit, memory, action)
    except NotFound:
        return  # it ended meanwhile; the next attempt starts with what is granted
    except RuntimeFault as fault:
        now, text = kit.clock.now(), str(fault)
        if memory.resizing.error != text:
            memory.resizing.error = text
            told = summary.message("Pod resize error", memory.pod, error=text)
            kit.tell(memory.pod, "Warning", "ResizeError", told)
        await asyncio.sleep(memory.fail("resize", OTHER, now) - now)
        return
    memory.succeed("resize")
    memory.resizing.error = ""


async def widen(kit: Kit, memory: Memory, sandbox_id: str) -> None:
    """Let the Pod's group hold a container that is about to start with what has been granted."""
    before = memory.resizing.whole
    if before is not None and before.spec is not memory.pod.spec:
        wide = resources.wider(resources.of_pod(before), resources.of_pod(memory.pod))
        await kit.runtime.update_sandbox(sandbox_id, wide)


async def _resize(kit: Kit, memory: Memory, action: ResizePod) -> None:
    pod = memory.pod
    containers = [
        (container, record.id)
        for record in kit.observed.containers(memory.uid)
        if record.id in action.containers and (container := memory.container(record.name)) is not None
    ]
    for container, container_id in containers:
        await _verify(kit, memory, container, container_id)
    await widen(kit, memory, action.sandbox_id)
    for container, container_id in containers:
        wanted = resources.of_container(pod, container, memory_capacity=kit.node.memory)
        await kit.runtime.update_resources(container_id, wanted)
        memory.resizing.carried_out(container_id, container, pod)
        kit.observed.put_container(await kit.runtime.container(container_id))
    if action.final:
        await kit.runtime.update_sandbox(action.sandbox_id, resources.of_pod(pod))
        memory.resizing.whole = pod


async def _verify(kit: Kit, memory: Memory, container: core_v1.Container, container_id: str) -> None:
    """No memory limit is set below what is in use: the kernel would end the container for it.  Raises ``RuntimeFault``."""
    before = memory.resizing.actuated.get(container_id)
    old, new = _limit(before), _limit(container.resources)
    if new is None or (old is not None and new >= old):
        return
    for one in await kit.runtime.stats(container_id):
        if one.memory_working_set >= new:
            raise RuntimeFault(
                f'attempting to set container "{container.name}" memory limit ({new}) below current usage '
                f"({one.memory_working_set})"
            )


def _limit(given: core_v1.ResourceRequirements | None) -> int | None:
    text = (given.limits or {}).get("memory") if given is not None else None
    return None if text is None else quantity.parse(text).value()
