"""Grants what running Pods ask for anew, or says why not; asked again whenever something on the node changes.

(Source: kubelet `handlePodResourcesResize`, `retryPendingResizes`.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from podling.agent.kit import Kit
from podling.agent.podmemory import Memory
from podling.api import pod as pods
from podling.runtime.interface import ContainerState

from . import allocation, judgement, summary

EVENTS = {judgement.DEFERRED: "ResizeDeferred", judgement.INFEASIBLE: "ResizeInfeasible"}


class ResizeRequests:
    """``memories`` are those of all Pods of the node; ``wake`` has a Pod planned anew."""

    def __init__(
        self, kit: Kit, memories: Callable[[], Iterable[Memory]], wake: Callable[[str], None]
    ) -> None:
        self._kit = kit
        self._memories = memories
        self._wake = wake
        self._waiting = False

    def concerns(self, memory: Memory) -> bool:
        """Whether a newer object of that Pod is a reason to settle: it asks for something, or may have made room."""
        return self._waiting or _asks(memory)

    def settle(self) -> None:
        """Judge every Pod that wants something else than it has been granted."""
        asking = [memory for memory in self._memories() if _asks(memory)]
        self._waiting = bool(asking)
        asking.sort(key=lambda memory: judgement.order(memory.wanted, memory.pod))
        for memory in asking:
            others = [
                other.pod for other in self._memories() if other is not memory and other.verdict is None
            ]
            refusal = judgement.judge(memory.wanted, others, self._kit.node.allocatable)
            if refusal is None:
                self._grant(memory)
            elif refusal != memory.resizing.pending:
                self._hold(memory, refusal)

    def _grant(self, memory: Memory) -> None:
        resizing, before = memory.resizing, memory.allocation
        generation = memory.wanted.metadata.generation
        resizing.pending, resizing.error, resizing.granted = None, "", generation
        memory.grant(allocation.of(memory.wanted))
        for record in self._kit.observed.containers(memory.uid):
            container = memory.container(record.name)
            changed = container is not None and before.of(container) != memory.allocation.of(container)
            if changed and record.state in (ContainerState.EXITED, ContainerState.UNKNOWN):
                resizing.forgiven.add(record.id)
        self._kit.tell(
            memory.wanted, "Normal", "ResizeStarted", summary.message("Pod resize started", memory.wanted)
        )
        self._wake(memory.uid)

    def _hold(self, memory: Memory, refusal: tuple[str, str]) -> None:
        reason, why = memory.resizing.pending = refusal
        text = summary.message(f"Pod resize {reason}", memory.wanted, error=why)
        self._kit.tell(memory.wanted, "Warning", EVENTS[reason], text)
        self._wake(memory.uid)


def _asks(memory: Memory) -> bool:
    """Whether the Pod lives and wants something else than it has."""
    gone = (
        memory.removed or memory.verdict is not None or memory.wanted.metadata.deletion_timestamp is not None
    )
    if gone or pods.is_terminal(memory.wanted):
        return False
    if allocation.is_same(memory.wanted, memory.allocation):
        if memory.resizing.pending is not None:
            memory.resizing.pending = None
        return False
    return True
