"""Looks at the node every few seconds, sets its conditions, and evicts one Pod at a time while it runs short.

Files are only walked through while some Pod has a bound on them or the node is short of disk, and no oftener than every
twentieth of the time that it takes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from podling.agent.imagegc.collector import GarbageFault
from podling.agent.kit import Kit
from podling.agent.pods import Pods
from podling.agent.podstate import Verdict
from podling.agent.podworker import PodWorker
from podling.agent.server.meter import Meter
from podling.api import pod as pods
from podling.api.types import core_v1
from podling.runtime.interface import ImageFault, RuntimeFault

from . import bounds, decision, ranking, thresholds, usage
from .decision import State
from .observer import Observer
from .pressure import EVICTED, Pressure
from .settings import EvictionSettings
from .signals import INODES, SIGNALS, STORAGE, Observation
from .thresholds import Threshold
from .usage import Usage

log = logging.getLogger(__name__)

CLEANUP_SECONDS = 30.0
"""How long an evicted Pod is waited for before the next look (the kubelet's podCleanupTimeout)."""
_WALK_SHARE = 20.0


class Evictions:
    """``node`` gives the Node as last written, for Events about it; ``free_disk`` removes images that no Pod needs."""

    def __init__(
        self,
        kit: Kit,
        node_pods: Pods,
        *,
        observer: Observer,
        pressure: Pressure,
        settings: EvictionSettings,
        node: Callable[[], core_v1.Node | None],
        free_disk: Callable[[], Awaitable[int]] | None,
    ) -> None:
        self._kit = kit
        self._pods = node_pods
        self._observer = observer
        self._pressure = pressure
        self._settings = settings
        self._node = node
        self._free_disk = free_disk
        self._meter = Meter(kit, node_pods)
        self._state = State()
        self._walk_at = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                evicted = await self.synchronize()
            except (RuntimeFault, OSError) as error:
                log.warning("cannot see what is left on the node: %s", error)
                evicted = []
            if evicted:
                await self._wait_gone(evicted)
            else:
                await asyncio.sleep(self._settings.period_seconds)

    async def synchronize(self) -> list[PodWorker]:
        """One look, and what follows from it; returns the Pods that were evicted."""
        now, settings = self._kit.clock.now(), self._settings
        seen = await self._observer.look()
        self._state = decision.look(self._state, settings.thresholds, seen, now=now)
        self._pressure.set(
            decision.conditions(self._state, now=now, transition_seconds=settings.transition_seconds)
        )
        return await self._break_bounds() or await self._reclaim(seen)

    async def _break_bounds(self) -> list[PodWorker]:
        """Evict the Pods that use more storage than they may."""
        bound = [worker for worker in self._active() if bounds.has_any(worker.memory.pod)]
        loop = asyncio.get_running_loop()
        if not bound or loop.time() < self._walk_at:
            return []
        began = loop.time()
        usages = await self._usages(disk=True)
        self._walk_at = loop.time() + (loop.time() - began) * _WALK_SHARE
        evicted = []
        for worker in bound:
            used = usages.get(worker.memory.uid)
            message = bounds.broken(worker.memory.pod, used) if used is not None else None
            if message is not None and not pods.is_critical(worker.memory.pod):
                self._evict(worker, message, grace=0, disrupts=False)
                evicted.append(worker)
        return evicted

    async def _reclaim(self, seen: dict[str, Observation]) -> list[PodWorker]:
        """Evict one Pod for the most pressing threshold."""
        if not self._state.due:
            return []
        threshold = self._state.due[0]
        resource = SIGNALS[threshold.signal].resource
        self._tell_node(resource)
        if resource in (STORAGE, INODES) and await self._is_freed():
            return []
        usages = await self._usages(disk=resource in (STORAGE, INODES))
        active = {worker.memory.uid: worker for worker in self._active()}
        ranked = ranking.order([worker.memory.pod for worker in active.values()], usages, resource)
        if not ranked:
            log.info("the node is low on %s and has no Pod that may be evicted", resource)
            return []
        victim = active[ranked[0].metadata.uid or ""]
        used = usages.get(victim.memory.uid)
        message = ranking.message(victim.memory.pod, used, threshold, seen[threshold.signal])
        self._evict(victim, message, grace=self._grace(threshold), disrupts=True)
        return [victim]

    async def _is_freed(self) -> bool:
        """Whether the node is short of nothing any more once the images that nobody needs are gone."""
        if self._free_disk is None:
            return False
        try:
            await self._free_disk()
        except (ImageFault, GarbageFault) as fault:
            log.warning("cannot remove images: %s", fault)
        seen = await self._observer.look()
        return not thresholds.met(self._settings.thresholds, seen)

    def _grace(self, threshold: Threshold) -> int:
        return 0 if threshold.grace is None else self._settings.max_grace

    def _evict(self, worker: PodWorker, message: str, *, grace: int, disrupts: bool) -> None:
        self._kit.tell(worker.memory.pod, "Warning", EVICTED, message)
        worker.evict(Verdict(reason=EVICTED, message=message, grace=grace, disrupts=disrupts))

    def _tell_node(self, resource: str) -> None:
        node = self._node()
        if node is not None:
            text = f"Attempting to reclaim {resource}"
            self._kit.tell_node(node, "Warning", "EvictionThresholdMet", text)

    def _active(self) -> list[PodWorker]:
        """The Pods that have begun and do not end."""
        return [
            worker
            for worker in self._pods.workers()
            if worker.memory.verdict is None
            and not worker.memory.removed
            and worker.memory.status.phase not in ("Succeeded", "Failed")
            and self._kit.observed.sandboxes(worker.memory.uid)
        ]

    async def _usages(self, *, disk: bool) -> dict[str, Usage]:
        reading = await self._meter.read(disk=disk)
        known = {worker.memory.uid: worker.memory.pod for worker in self._pods.workers()}
        return {one.uid: usage.of(known[one.uid], one) for one in reading.pods if one.uid in known}

    async def _wait_gone(self, evicted: list[PodWorker]) -> None:
        waits = [asyncio.ensure_future(worker.wait_ended()) for worker in evicted]
        _, pending = await asyncio.wait(waits, timeout=CLEANUP_SECONDS)
        for wait in pending:
            wait.cancel()
