"""Reads what the node and its Pods use, when somebody asks: from the runtime, from /proc and from the disk.

Nothing is read ahead. What was used of late (nanocores) is the difference to the reading before, or, for a container that was not
there then, to its own start.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from podling.agent.kit import Kit
from podling.agent.pods import Pods
from podling.agent.podworker import PodWorker
from podling.api.types import core_v1
from podling.runtime.interface import Container, ContainerState, ContainerStats, RuntimeFault

from . import procfs
from .reading import (
    ContainerReading,
    Filesystem,
    Interface,
    PodReading,
    Reading,
    Totals,
    VolumeReading,
)
from .sizes import Sizes

log = logging.getLogger(__name__)

_TICKS = os.sysconf("SC_CLK_TCK")
NODE = ""
"""The node's own key among those of containers."""

Rate = dict[str, tuple[int, int]]
"""When a cumulative CPU time was read, and what it was, by container id."""


class Meter:
    """One node's. Sizes of volumes and logs are taken anew after ``keep_seconds``."""

    def __init__(self, kit: Kit, pods: Pods, *, keep_seconds: float = 0.0) -> None:
        self._kit = kit
        self._pods = pods
        self._sizes = Sizes(keep_seconds=keep_seconds)
        self._before: Rate = {}

    async def read(self, *, disk: bool, layers: bool = True) -> Reading:
        """Everything as of now; without ``disk`` nobody walks through files, without ``layers`` not through containers' own."""
        usage = await self._usage(disk=disk and layers)
        workers = [*self._pods.workers()]
        pods = [self._pod(worker, usage or {}) for worker in workers]
        if disk:
            pods = await asyncio.to_thread(self._with_files, workers, pods, self._kit.clock.now())
        reading = self._whole(tuple(pods), failed=usage is None)
        self._before = _points(reading)
        return reading

    async def _usage(self, *, disk: bool) -> dict[str, ContainerStats] | None:
        """By container; None if the runtime cannot tell."""
        try:
            return {one.container_id: one for one in await self._kit.runtime.stats(disk=disk)}
        except RuntimeFault as fault:
            log.warning("cannot read what containers use: %s", fault)
            return None

    def _pod(self, worker: PodWorker, usage: dict[str, ContainerStats]) -> PodReading:
        memory = worker.memory
        running = [
            (one, usage[one.id])
            for one in self._kit.observed.containers(memory.uid)
            if one.state is ContainerState.RUNNING and one.id in usage
        ]
        spec = memory.pod.spec or core_v1.PodSpec()
        return PodReading(
            namespace=memory.namespace,
            name=memory.name,
            uid=memory.uid,
            started=memory.status.start_time or "",
            containers=tuple(self._container(container, stats) for container, stats in running),
            interfaces=() if spec.host_network else _interfaces([container for container, _ in running]),
        )

    def _container(self, container: Container, stats: ContainerStats) -> ContainerReading:
        at, cpu = self._before.get(container.id, (container.started_at, 0))
        return ContainerReading(
            container=container, stats=stats, nanocores=_nanocores(stats.cpu_usage - cpu, stats.at - at)
        )

    def _whole(self, pods: tuple[PodReading, ...], *, failed: bool) -> Reading:
        at = round(self._kit.clock.now() * 1e9)
        stat = _text("/proc/stat")
        totals = self._totals(stat, pods)
        known = self._before.get(NODE)
        if known is not None:
            totals = replace(totals, nanocores=_nanocores(totals.cpu - known[1], at - known[0]))
        whole = self._kit.node.is_machine
        return Reading(
            node=self._kit.config.node_name,
            at=at,
            totals=totals,
            pods=pods,
            failed=failed,
            booted=procfs.booted(stat) if whole else 0,
            filesystem=_filesystem(self._kit.paths.root),
            interfaces=procfs.interfaces(_text("/proc/self/net/dev")) if whole else (),
            pids=procfs.processes(_text("/proc/loadavg")) if whole else sum(pod.pids for pod in pods),
            max_pids=int(_text("/proc/sys/kernel/pid_max") or "0"),
        )

    def _totals(self, stat: str, pods: Iterable[PodReading]) -> Totals:
        """The machine's where the node is all of it; a node that has a part of it uses what its Pods use."""
        if self._kit.node.is_machine:
            return procfs.totals(stat, _text("/proc/meminfo"), ticks=_TICKS)
        listed = [*pods]
        return Totals(
            cpu=sum(pod.cpu for pod in listed),
            memory=self._kit.node.memory,
            usage=sum(pod.usage for pod in listed),
            working_set=sum(pod.working_set for pod in listed),
            rss=sum(pod.rss for pod in listed),
        )

    def _with_files(self, workers: list[PodWorker], pods: list[PodReading], now: float) -> list[PodReading]:
        """The Pods with the sizes of their logs and volumes. Blocking."""
        return [
            replace(
                reading,
                containers=tuple(
                    replace(
                        one,
                        log=self._sizes.of(self._kit.paths.logs(worker.memory.pod) / one.name, now=now).size,
                    )
                    for one in reading.containers
                ),
                volumes=tuple(self._volumes(worker.memory.pod, now)),
            )
            for worker, reading in zip(workers, pods, strict=True)
        ]

    def _volumes(self, pod: core_v1.Pod, now: float) -> Iterable[VolumeReading]:
        """Those that lie in the node's own folders, and claims."""
        spec = pod.spec or core_v1.PodSpec()
        places = self._kit.paths.volumes(pod.metadata.uid or "")
        folders = {path.name: path for plugin in _listed(places) for path in _listed(plugin)}
        for volume in spec.volumes or ():
            folder = folders.get(volume.name)
            if folder is None:
                continue
            used = self._sizes.of(folder, now=now)
            claim = volume.persistent_volume_claim
            yield VolumeReading(
                name=volume.name,
                used=used.size,
                inodes_used=used.inodes,
                filesystem=_filesystem(folder),
                claim=claim.claim_name if claim is not None else "",
            )


def _points(reading: Reading) -> Rate:
    found = {
        one.container.id: (one.stats.at, one.stats.cpu_usage)
        for pod in reading.pods
        for one in pod.containers
    }
    return {**found, NODE: (reading.at, reading.totals.cpu)}


def _nanocores(cpu: int, elapsed: int) -> int:
    return max(cpu, 0) * 1_000_000_000 // elapsed if elapsed > 0 else 0


def _interfaces(containers: Iterable[Container]) -> tuple[Interface, ...]:
    """All containers of a Pod share its network: whichever still runs is asked. A network that is the node's is not the Pod's."""
    for container in containers:
        if container.pid and (text := _text(f"/proc/{container.pid}/net/dev")):
            return procfs.interfaces(text) if _has_own_network(container.pid) else ()
    return ()


def _has_own_network(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    except OSError:
        return False


def _filesystem(folder: Path) -> Filesystem:
    try:
        found = os.statvfs(folder)
    except OSError:
        return Filesystem()
    return Filesystem(
        capacity=found.f_blocks * found.f_frsize,
        available=found.f_bavail * found.f_frsize,
        inodes=found.f_files,
        inodes_free=found.f_ffree,
    )


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
