"""Volumes are attached to this node, and detached, as VolumeAttachments ask for (external-attacher)."""

from __future__ import annotations

import contextlib
from typing import Any

from podling.agent.csi import provisioning
from podling.agent.csi.drivers import SINGLE_WRITER, Driver
from podling.agent.errors import VolumeFault
from podling.aio.clock import Clock
from podling.api import times
from podling.api.errors import ApiError, NotFound
from podling.api.types import core_v1, storage_v1
from podling.client.errors import ClientError

from .desk import Desk

PUBLISH = "PUBLISH_UNPUBLISH_VOLUME"

Attachment = storage_v1.VolumeAttachment


def finalizer(driver: str) -> str:
    """What keeps an attachment of the driver until its volume is detached."""
    return f"external-attacher/{driver.replace('.', '-')}"


class Attacher:
    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        self._writes = desk.client.resource(Attachment)

    async def attachment(self, name: str) -> None:
        """Do what one asks for.  Raises ``VolumeFault``, ApiError and ClientError."""
        attachment = self._desk.attachments.get("", name)
        if attachment is None or attachment.spec.node_name != self._desk.node:
            return
        driver = self._desk.driver(attachment.spec.attacher)
        if driver is None:
            return
        try:
            if attachment.metadata.deletion_timestamp is not None:
                await self._detach(attachment, driver)
            elif attachment.status is None or not attachment.status.attached:
                await self._attach(attachment, driver)
        except (VolumeFault, ApiError, ClientError) as fault:
            leaving = attachment.metadata.deletion_timestamp is not None
            error = {"message": str(fault), "time": times.rfc3339(self._clock.now())}
            await self._tell(attachment, {"detachError" if leaving else "attachError": error})
            raise

    async def _attach(self, attachment: Attachment, driver: Driver) -> None:
        volume = self._volume(attachment)
        if volume is None or volume.spec is None or volume.spec.csi is None:
            name = attachment.spec.source.persistent_volume_name
            raise VolumeFault(f'persistentvolume "{name}" not found')
        known = attachment.metadata.finalizers or []
        wanted = finalizer(driver.name)
        if wanted not in known:
            await self._writes.patch(
                attachment.metadata.name or "", {"metadata": {"finalizers": [*known, wanted]}}
            )
        metadata: dict[str, str] = {}
        can = await driver.controls()
        if PUBLISH in can:
            source = volume.spec.csi
            told = await driver.control(
                "ControllerPublishVolume",
                volume_id=source.volume_handle,
                node_id=driver.node_id,
                volume_capability=provisioning.capability_of(volume, apart=SINGLE_WRITER in can),
                readonly=bool(source.read_only) and "PUBLISH_READONLY" in can,
                secrets=await self._desk.secret(source.controller_publish_secret_ref),
                volume_context=source.volume_attributes or {},
            )
            metadata = told["publish_context"]
        await self._tell(
            attachment, {"attached": True, "attachmentMetadata": metadata or None, "attachError": None}
        )

    async def _detach(self, attachment: Attachment, driver: Driver) -> None:
        left = [each for each in attachment.metadata.finalizers or () if each != finalizer(driver.name)]
        if len(left) == len(attachment.metadata.finalizers or ()):
            return
        volume = self._volume(attachment)
        source = volume.spec.csi if volume and volume.spec else None
        if source is not None and PUBLISH in await driver.controls():
            await driver.control(
                "ControllerUnpublishVolume",
                volume_id=source.volume_handle,
                node_id=driver.node_id,
                secrets=await self._desk.secret(source.controller_publish_secret_ref),
            )
        with contextlib.suppress(NotFound):
            await self._writes.patch(attachment.metadata.name or "", {"metadata": {"finalizers": left}})

    def _volume(self, attachment: Attachment) -> core_v1.PersistentVolume | None:
        return self._desk.volumes.get("", attachment.spec.source.persistent_volume_name or "")

    async def _tell(self, attachment: Attachment, status: dict[str, Any]) -> None:
        patch = {"status": {"attached": False, **status}}
        with contextlib.suppress(NotFound):
            await self._writes.patch(attachment.metadata.name or "", patch, subresource="status")
