"""Tells provisioner, attacher and resizer what has changed, and has them try again what failed.

Nothing is watched before the node has its first driver.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from podling.agent.csi.drivers import Drivers
from podling.agent.errors import VolumeFault
from podling.aio.backoff import Backoff
from podling.aio.clock import Clock
from podling.aio.tasks import Tasks
from podling.aio.workqueue import Shutdown, WorkQueue
from podling.api.errors import ApiError
from podling.api.types import core_v1, storage_v1
from podling.client.client import Client
from podling.client.errors import ClientError
from podling.client.events import EventRecorder
from podling.client.informer import Handler
from podling.client.informers import Informers

from .attacher import Attacher
from .desk import Desk
from .provisioner import Provisioner
from .resizer import Resizer

log = logging.getLogger(__name__)

RETRY = Backoff(first=1.0, cap=300.0)
WORKERS = 4


class Key(NamedTuple):
    """``kind`` is the object's class."""

    kind: type[Any]
    namespace: str
    name: str


class Sidecars:
    """``node`` is this node's name, ``labels`` gives its labels, ``pods`` is where its Pods' folders are."""

    def __init__(
        self,
        client: Client,
        drivers: Drivers,
        *,
        node: str,
        labels: Callable[[], Mapping[str, str]],
        clock: Clock,
        random: Random,
        pods: Path,
    ) -> None:
        self._drivers = drivers
        self._informers = Informers(client, random=random)
        self._events = EventRecorder(client, component="csi-sidecars", instance=node, clock=clock)
        desk = Desk(
            client, drivers, self._informers, node=node, labels=labels, events=self._events, pods=pods
        )
        self._desk = desk
        self._provisioner = Provisioner(desk)
        self._attacher = Attacher(desk, clock)
        self._resizer = Resizer(desk)
        drivers.on_published = self._seen
        self._queue: WorkQueue[Key] = WorkQueue("csi-sidecars", backoff=RETRY, random=random)
        self._tasks = Tasks("csi sidecars")
        self._running = False

    def wake(self) -> None:
        """A driver has come."""
        if self._running:
            self._look_at_all()
        elif self._drivers.all():
            self._running = True
            self._tasks.start(self._run(), name="run")

    async def close(self) -> None:
        self._queue.shutdown()
        await self._tasks.close()
        if self._running:
            await self._informers.stop()
            await self._events.stop()

    async def _run(self) -> None:
        desk = self._desk
        await self._events.start()
        await self._informers.start()
        await self._informers.wait_synced()
        for informer in (desk.claims, desk.volumes):
            informer.add_handler(Handler(on_add=self._seen, on_update=lambda _, new: self._seen(new)))
        desk.attachments.add_handler(
            Handler(on_add=self._seen, on_update=self._changed, on_delete=self._seen)
        )
        for others in (desk.classes, desk.csi_drivers, desk.csi_nodes):
            others.add_handler(Handler(on_add=self._look_at_all, on_update=self._look_at_all))
        for number in range(WORKERS):
            self._tasks.start(self._work(), name=f"worker {number}")

    def _seen(self, obj: Any) -> None:
        self._queue.add(Key(type(obj), obj.metadata.namespace or "", obj.metadata.name or ""))
        if isinstance(obj, storage_v1.VolumeAttachment):
            name = obj.spec.source.persistent_volume_name or ""
            self._queue.add(Key(core_v1.PersistentVolume, "", name))
        ref = obj.spec.claim_ref if isinstance(obj, core_v1.PersistentVolume) and obj.spec else None
        if ref is not None:
            self._queue.add(Key(core_v1.PersistentVolumeClaim, ref.namespace or "", ref.name or ""))

    def _changed(self, old: storage_v1.VolumeAttachment, new: storage_v1.VolumeAttachment) -> None:
        """What this service itself writes down of a failure must not have it try again at once."""
        if _wish(old) != _wish(new):
            self._seen(new)

    def _look_at_all(self, *_: Any) -> None:
        for informer in (self._desk.claims, self._desk.volumes, self._desk.attachments):
            for obj in informer.list():
                self._seen(obj)

    async def _work(self) -> None:
        while True:
            try:
                key = await self._queue.get()
            except Shutdown:
                return
            try:
                await self._one(key)
            except (VolumeFault, ApiError, ClientError) as fault:
                log.info("%s %s: %s", key.kind.__name__, key.name, fault)
                self._queue.add_rate_limited(key)
            else:
                self._queue.forget(key)
            finally:
                self._queue.done(key)

    async def _one(self, key: Key) -> None:
        if key.kind is core_v1.PersistentVolumeClaim:
            await self._provisioner.claim(key.namespace, key.name)
            await self._resizer.claim(key.namespace, key.name)
        elif key.kind is core_v1.PersistentVolume:
            await self._provisioner.volume(key.name)
        else:
            await self._attacher.attachment(key.name)


def _wish(attachment: storage_v1.VolumeAttachment) -> tuple[bool, bool]:
    attached = attachment.status is not None and attachment.status.attached
    return attached, attachment.metadata.deletion_timestamp is not None
