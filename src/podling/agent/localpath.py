"""The provisioner of local volumes: makes their folders on this node and removes them, and the volumes' objects with them.

To the rest of the cluster it is one of the provisioners outside of the binder, with a part on every node
(`api/storage/localpath` says which claims and volumes are this node's). A folder is there before its volume's object and gone before that;
what was interrupted is found in the objects again, as names and places follow from the claim.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from podling.aio.backoff import Backoff
from podling.aio.clock import Clock
from podling.aio.service import Service
from podling.aio.workqueue import Shutdown, WorkQueue
from podling.api import codec
from podling.api.errors import AlreadyExists, ApiError, NotFound
from podling.api.storage import claims, localpath, marks
from podling.api.types import core_v1, storage_v1
from podling.client.client import Client
from podling.client.errors import ClientError
from podling.client.events import EventRecorder
from podling.client.informer import Handler
from podling.client.informers import Informers
from podling.runtime import removal

from .volumes import loop

FOLDER_MODE = 0o777
"""Whoever a container runs as may write, as with every provisioner of this sort; the folder above lets only root in."""
NAME_MAX = 255
"""Bytes that the name of a file may have."""
RETRY = Backoff(first=0.2, cap=60.0)


class Key(NamedTuple):
    """A claim, or with an empty namespace a volume."""

    namespace: str
    name: str


class LocalPath(Service):
    """``folder`` holds the volumes; ``hostname`` is what the node's label says once it is registered."""

    def __init__(
        self,
        client: Client,
        *,
        node: str,
        hostname: Callable[[], str],
        folder: Path,
        clock: Clock,
        random: Random,
    ) -> None:
        super().__init__(f"local-path-{node}")
        self._node = node
        self._hostname = hostname
        self._folder = folder
        self._informers = Informers(client, random=random)
        self._claims = self._informers.get(core_v1.PersistentVolumeClaim)
        self._volumes = self._informers.get(core_v1.PersistentVolume)
        self._classes = self._informers.get(storage_v1.StorageClass)
        self._claim_writes = client.resource(core_v1.PersistentVolumeClaim)
        self._volume_writes = client.resource(core_v1.PersistentVolume)
        self._events = EventRecorder(client, component=localpath.PROVISIONER, instance=node, clock=clock)
        self._queue: WorkQueue[Key] = WorkQueue("local-path", backoff=RETRY, random=random)

    async def _start(self) -> None:
        for informer in (self._claims, self._volumes, self._classes):
            informer.add_handler(Handler(on_add=self._seen, on_update=lambda _, new: self._seen(new)))
        await self._events.start()
        await self._informers.start()
        self.tasks.start(self._work(), name="work")

    async def _close(self) -> None:
        self._queue.shutdown()
        await self._informers.stop()
        await self._events.stop()

    def _seen(self, obj: Any) -> None:
        if isinstance(obj, storage_v1.StorageClass):
            for claim in self._claims.list():
                self._seen(claim)
        else:
            self._queue.add(Key(obj.metadata.namespace or "", obj.metadata.name or ""))

    async def _work(self) -> None:
        while True:
            try:
                key = await self._queue.get()
            except Shutdown:
                return
            try:
                await self._one(key)
            except (ApiError, ClientError, OSError):
                self._queue.add_rate_limited(key)
            else:
                self._queue.forget(key)
            finally:
                self._queue.done(key)

    async def _one(self, key: Key) -> None:
        if not key.namespace:
            await self._volume(self._volumes.get("", key.name))
            return
        claim = self._claims.get(key.namespace, key.name)
        if claim is None:
            return
        if localpath.wanted_here(claim, self._node):
            await self._provision(claim)
            return
        volume = self._volumes.get("", claims.volume_name(claim))
        if volume is not None and self._is_mine(volume) and localpath.grows(claim, volume):
            await self._grow(claim, volume)

    def _is_mine(self, volume: core_v1.PersistentVolume) -> bool:
        return localpath.is_on(volume, self._hostname())

    async def _provision(self, claim: core_v1.PersistentVolumeClaim) -> None:
        found = self._classes.get("", claims.class_of(claim))
        if found is None or self._volumes.get("", localpath.name_of(claim)) is not None:
            return
        refusal = localpath.refusal(claim, found)
        if refusal:
            self._failed(claim, found, refusal)
            return
        name = f"{claim.metadata.namespace}/{claim.metadata.name}"
        message = f'External provisioner is provisioning volume for claim "{name}"'
        self._events.event(claim, "Normal", "Provisioning", message)
        try:
            path = await asyncio.to_thread(self._make, claim)
        except OSError as error:
            why = error.strerror or str(error)
            self._failed(claim, found, why[:1].lower() + why[1:])
            await self._send_elsewhere(claim)
            return
        volume = localpath.volume_of(claim, found, hostname=self._hostname(), path=str(path))
        try:
            made = await self._volume_writes.create(volume)
        except AlreadyExists:
            await self._someone_was_faster(claim, path)
            return
        message = f"Successfully provisioned volume {made.metadata.name}"
        self._events.event(claim, "Normal", "ProvisioningSucceeded", message)

    def _failed(self, claim: core_v1.PersistentVolumeClaim, found: storage_v1.StorageClass, why: str) -> None:
        message = f'failed to provision volume with StorageClass "{found.metadata.name}": {why}'
        self._events.event(claim, "Warning", "ProvisioningFailed", message)

    def _make(self, claim: core_v1.PersistentVolumeClaim) -> Path:
        """The folder, or the file behind a raw block.  Blocks."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        asked = claims.asked(claim).value()
        if asked > shutil.disk_usage(self._folder).total:
            raise OSError(28, f"the node's disk is smaller than {claims.asked(claim)}")
        path = self._place(claim)
        if claims.is_block(claim):
            loop.make_file(path, asked)
        else:
            path.mkdir(exist_ok=True)
            path.chmod(FOLDER_MODE)
        return path

    def _place(self, claim: core_v1.PersistentVolumeClaim) -> Path:
        """Told apart by the volume's name; the rest is for those who look for a claim's files."""
        meta = claim.metadata
        return self._folder / f"{localpath.name_of(claim)}_{meta.namespace}_{meta.name}"[:NAME_MAX]

    async def _send_elsewhere(self, claim: core_v1.PersistentVolumeClaim) -> None:
        """Tell the scheduler that it cannot be here."""
        if marks.SELECTED_NODE in (claim.metadata.annotations or {}):
            changed = codec.struct_clone(claim)
            assert changed.metadata.annotations is not None
            del changed.metadata.annotations[marks.SELECTED_NODE]
            await self._claim_writes.update(changed)

    async def _someone_was_faster(self, claim: core_v1.PersistentVolumeClaim, path: Path) -> None:
        """Another node made the volume, as any would do; or this one did, before it was interrupted."""
        there = await self._volume_writes.get(localpath.name_of(claim))
        if not self._is_mine(there):
            await asyncio.to_thread(_remove, path)

    async def _volume(self, volume: core_v1.PersistentVolume | None) -> None:
        if volume is None or not self._is_mine(volume):
            return
        if localpath.is_to_be_removed(volume):
            assert volume.spec is not None and volume.spec.local is not None
            path = Path(volume.spec.local.path)
            if path.parent == self._folder and path.name != "..":
                await asyncio.to_thread(_remove, path)
            await self._let_go(volume)
            if volume.metadata.deletion_timestamp is None:
                with contextlib.suppress(NotFound):
                    await self._volume_writes.delete(volume.metadata.name or "", uid=volume.metadata.uid)
        elif localpath.is_let_go(volume):
            await self._let_go(volume)
        else:
            ref = volume.spec.claim_ref if volume.spec else None
            if ref is not None:
                self._queue.add(Key(ref.namespace or "", ref.name or ""))

    async def _let_go(self, volume: core_v1.PersistentVolume) -> None:
        left = [each for each in volume.metadata.finalizers or () if each != localpath.FINALIZER]
        if len(left) == len(volume.metadata.finalizers or ()):
            return
        patch = {"metadata": {"finalizers": left, "resourceVersion": volume.metadata.resource_version}}
        with contextlib.suppress(NotFound):
            await self._volume_writes.patch(volume.metadata.name or "", patch)

    async def _grow(self, claim: core_v1.PersistentVolumeClaim, volume: core_v1.PersistentVolume) -> None:
        """A folder has room as it is; a raw block gets more, at once also for who uses it."""
        name = volume.metadata.name or ""
        size = {marks.STORAGE: str(claims.asked(claim))}
        if claims.capacity(volume) < claims.asked(claim):
            self._events.event(claim, "Normal", "Resizing", f"External resizer is resizing volume {name}")
            if claims.is_block(volume) and volume.spec is not None and volume.spec.local is not None:
                path, wanted = Path(volume.spec.local.path), claims.asked(claim).value()
                await asyncio.to_thread(loop.grow, path, wanted)
            await self._volume_writes.patch(name, {"spec": {"capacity": size}})
        changed = codec.struct_clone(claim)
        changed.status = changed.status or core_v1.PersistentVolumeClaimStatus()
        changed.status.capacity = size
        await self._claim_writes.update(changed, subresource="status")
        self._events.event(claim, "Normal", "VolumeResizeSuccessful", "Resize volume succeeded")


def _remove(path: Path) -> None:
    """A folder with all that is in it, or a file and the device that it is behind.  Blocks."""
    if path.is_dir():
        removal.remove(path)
    elif path.exists():
        loop.detach(path)
        path.unlink()
