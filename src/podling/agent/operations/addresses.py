"""Under which addresses a Pod can be reached now."""

from __future__ import annotations

from podling.agent.kit import Kit
from podling.agent.podmemory import Memory
from podling.runtime.interface import SandboxState


def of_pod(kit: Kit, memory: Memory) -> tuple[str, ...]:
    """The node's own for a Pod on its network; none while the Pod has no sandbox."""
    if memory.pod.spec and memory.pod.spec.host_network:
        return kit.node.host_ips
    found = kit.observed.sandboxes(memory.uid)
    return found[0].ips if found and found[0].state is SandboxState.READY else ()
