"""The shares of CPU of the groups that Burstable and BestEffort Pods lie in, as the kubelet's `qos_container_manager` sets them.

A group of many Pods must weigh what they ask for together, or one Guaranteed Pod would outweigh them all; those that ask
for nothing get the least there is.  Written when a Pod comes, goes or is resized, and only if something is different.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from podling.agent.podspec import resources
from podling.aio.tasks import Tasks
from podling.api import pod as pods
from podling.api import quantity
from podling.api.types import core_v1
from podling.runtime.cgroups import CgroupFault, CgroupTree, detect
from podling.runtime.interface import Resources

log = logging.getLogger(__name__)


def shares(present: Iterable[core_v1.Pod]) -> dict[str, int]:
    """By group (pure)."""
    asked = sum(
        pods.requests(pod).get("cpu", quantity.ZERO).milli_value()
        for pod in present
        if pods.qos_class(pod) == "Burstable"
    )
    return {"burstable": resources.shares(asked), "besteffort": resources.MIN_SHARES}


class QosGroups:
    """Below ``group``, the node's; "" where there are no groups."""

    def __init__(self, group: str, *, tasks: Tasks) -> None:
        self._group = group
        self._tasks = tasks
        self._wanted: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    def weigh(self, present: Iterable[core_v1.Pod]) -> None:
        """The node's Pods are these now."""
        if not self._group:
            return
        self._wanted = shares(present)
        if self._wanted != self._written and self._task is None:
            self._task = self._tasks.start(self._write(), name="shares of QoS groups")

    async def _write(self) -> None:
        try:
            while self._wanted != self._written:
                wanted = self._wanted
                await asyncio.to_thread(self._apply, wanted)
                self._written = wanted
        except (CgroupFault, OSError) as error:
            log.warning("cannot weigh the groups of Pods: %s", error)
            self._group = ""
        finally:
            self._task = None

    def _apply(self, wanted: dict[str, int]) -> None:
        tree = CgroupTree(detect(), self._group)
        for name, amount in wanted.items():
            tree.make(name, Resources(cpu_shares=amount))
