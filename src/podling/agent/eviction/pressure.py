"""What the node is under at the moment: told by the eviction manager, asked by admission and shown in the Node."""

from __future__ import annotations

from collections.abc import Callable

from podling.agent.podstate import Verdict
from podling.api import pod as pods
from podling.api.types import core_v1

from .signals import MEMORY_PRESSURE

EVICTED = "Evicted"
_TAINT = core_v1.Taint(key="node.kubernetes.io/memory-pressure", effect="NoSchedule")


class Pressure:
    """``on_change`` is called when the conditions have become others."""

    def __init__(self) -> None:
        self.conditions: tuple[str, ...] = ()
        self.on_change: Callable[[], None] = lambda: None

    def set(self, conditions: tuple[str, ...]) -> None:
        if conditions != self.conditions:
            self.conditions = conditions
            self.on_change()


def verdict(pod: core_v1.Pod, conditions: tuple[str, ...]) -> Verdict | None:
    """Why a node under these conditions takes no such Pod (pure): memory pressure bars those that ask for nothing."""
    if not conditions or pods.is_critical(pod):
        return None
    spec = pod.spec or core_v1.PodSpec()
    if MEMORY_PRESSURE in conditions and (
        pods.qos_class(pod) != "BestEffort" or pods.is_tolerated(_TAINT, spec.tolerations or ())
    ):
        return None
    message = f"The node had condition: [{' '.join(conditions)}]. "
    return Verdict(reason=EVICTED, message=message, refused=True)
