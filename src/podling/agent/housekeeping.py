"""What an agent does besides running Pods: logs are rotated, images that nobody needs go, and Pods when the node runs short."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Iterator

from podling.runtime.interface import ContainerState, Images

from .eviction.manager import Evictions
from .eviction.observer import Observer
from .eviction.pressure import Pressure
from .imagegc import use
from .imagegc.collector import ImageGarbage
from .imagegc.decision import Disk
from .kit import Kit
from .logs.rotate import LogRotation, RunningLog
from .node.registration import NodeObject
from .pods import Pods


def evictions(
    kit: Kit,
    pods: Pods,
    node: NodeObject,
    pressure: Pressure,
    free_disk: Callable[[], Awaitable[int]] | None,
) -> Evictions:
    """`free_disk` is tried before Pods have to go for want of disk; None: there is nothing to try."""
    pressure.on_change = node.changed
    return Evictions(
        kit,
        pods,
        observer=Observer(kit),
        pressure=pressure,
        settings=kit.config.eviction,
        node=lambda: node.node,
        free_disk=free_disk,
    )


def image_garbage(kit: Kit, images: Images, pods: Pods, node: NodeObject) -> ImageGarbage:
    folder = kit.images.records.folder

    def disk() -> Disk:
        found = shutil.disk_usage(folder)
        return Disk(found.total, found.free)

    return ImageGarbage(
        images,
        kit.config.image_garbage,
        records=kit.images.records,
        disk=disk,
        used=lambda: use.in_use(
            (one for uid in kit.observed.pods() for one in kit.observed.containers(uid)),
            (worker.memory.pod for worker in pods.workers()),
        ),
        tell=lambda reason, message: kit.tell_node(node.node, "Warning", reason, message),
        on_removed=node.changed,
        clock=kit.clock,
    )


def log_rotation(kit: Kit) -> LogRotation:
    return LogRotation(
        lambda: _running_logs(kit),
        kit.runtime.reopen_log,
        clock=kit.clock,
        max_bytes=kit.config.log_bytes,
        max_files=kit.config.log_files,
    )


def _running_logs(kit: Kit) -> Iterator[RunningLog]:
    for uid in kit.observed.pods():
        folders = {sandbox.id: sandbox for sandbox in kit.observed.sandboxes(uid)}
        for container in kit.observed.containers(uid):
            sandbox = folders.get(container.sandbox_id)
            if container.state is ContainerState.RUNNING and sandbox is not None and container.log_path:
                folder = kit.paths.all_logs / f"{sandbox.namespace}_{sandbox.name}_{sandbox.uid}"
                yield RunningLog(container.id, folder / container.log_path)
