"""Claims get volumes of their driver, and give them back (external-provisioner)."""

from __future__ import annotations

import contextlib

from podling.agent.csi import provisioning
from podling.agent.csi.drivers import SINGLE_WRITER, Driver, DriverFault
from podling.agent.errors import VolumeFault
from podling.api import codec
from podling.api.errors import AlreadyExists, ApiError, NotFound
from podling.api.storage import claims, localpath, marks, sidecars
from podling.api.types import core_v1, storage_v1
from podling.client.errors import ClientError

from .desk import Desk


class Provisioner:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._claims = desk.client.resource(core_v1.PersistentVolumeClaim)
        self._volumes = desk.client.resource(core_v1.PersistentVolume)

    async def claim(self, namespace: str, name: str) -> None:
        """Have the volume made that a claim waits for.  Raises ``VolumeFault``, ApiError and ClientError."""
        desk = self._desk
        claim = desk.claims.get(namespace, name)
        driver = desk.driver(provisioning.wanted_from(claim)) if claim else None
        found = desk.classes.get("", claims.class_of(claim)) if claim else None
        if claim is None or driver is None or found is None or not self._is_ours(claim, driver):
            return
        if desk.volumes.get("", localpath.name_of(claim)) is not None:
            return
        refusal = provisioning.refusal(claim, found, driver.topology)
        if refusal:
            self._failed(claim, found, refusal)
            return
        whose = f"{namespace}/{name}"
        message = f'External provisioner is provisioning volume for claim "{whose}"'
        desk.events.event(claim, "Normal", "Provisioning", message)
        try:
            volume = await self._make(claim, found, driver)
        except (DriverFault, ApiError, ClientError) as fault:
            self._failed(claim, found, str(fault))
            if isinstance(fault, DriverFault) and fault.code == "ResourceExhausted":
                await self._send_elsewhere(claim)
            raise
        with contextlib.suppress(AlreadyExists):
            await self._volumes.create(volume)
        message = f"Successfully provisioned volume {volume.metadata.name}"
        desk.events.event(claim, "Normal", "ProvisioningSucceeded", message)

    def _is_ours(self, claim: core_v1.PersistentVolumeClaim, driver: Driver) -> bool:
        selected = (claim.metadata.annotations or {}).get(marks.SELECTED_NODE)
        return selected == self._desk.node if selected else self._desk.speaks_to(driver.name)

    async def _make(
        self, claim: core_v1.PersistentVolumeClaim, found: storage_v1.StorageClass, driver: Driver
    ) -> core_v1.PersistentVolume:
        constrained = "VOLUME_ACCESSIBILITY_CONSTRAINTS" in await driver.services()
        apart = SINGLE_WRITER in await driver.controls()
        topology = driver.topology if constrained else {}
        request = provisioning.create_request(claim, found, topology, apart=apart)
        secrets = await self._desk.secret(sidecars.secret_ref(claim, found, "provisioner"))
        made = await driver.control("CreateVolume", secrets=secrets, **request)
        return provisioning.volume_of(claim, found, made["volume"])

    def _failed(self, claim: core_v1.PersistentVolumeClaim, found: storage_v1.StorageClass, why: str) -> None:
        message = f'failed to provision volume with StorageClass "{found.metadata.name}": {why}'
        self._desk.events.event(claim, "Warning", "ProvisioningFailed", message)

    async def _send_elsewhere(self, claim: core_v1.PersistentVolumeClaim) -> None:
        """Tell the scheduler that there is no room for it here."""
        if marks.SELECTED_NODE in (claim.metadata.annotations or {}):
            changed = codec.struct_clone(claim)
            assert changed.metadata.annotations is not None
            del changed.metadata.annotations[marks.SELECTED_NODE]
            await self._claims.update(changed)

    async def volume(self, name: str) -> None:
        """Delete a volume that nobody has any more.  Raises ``VolumeFault``, ApiError and ClientError."""
        volume = self._desk.volumes.get("", name)
        driver = self._desk.keeps(volume) if volume else None
        if volume is None or volume.spec is None or volume.spec.csi is None or driver is None:
            return
        if (volume.metadata.annotations or {}).get(marks.PROVISIONED_BY) != driver.name:
            return
        phase = volume.status.phase if volume.status else None
        deleted = volume.metadata.deletion_timestamp is not None
        if localpath.is_to_be_removed(volume):
            await self._delete(volume, volume.spec.csi, driver)
            await self._let_go(volume)
            if not deleted:
                with contextlib.suppress(NotFound):
                    await self._volumes.delete(name, uid=volume.metadata.uid)
        elif deleted and phase != "Bound":
            await self._let_go(volume)

    async def _delete(
        self, volume: core_v1.PersistentVolume, source: core_v1.CSIPersistentVolumeSource, driver: Driver
    ) -> None:
        name = volume.metadata.name
        for each in self._desk.attachments.list():
            if each.spec.source.persistent_volume_name == name:
                why = f"persistentvolume {name} is still attached to node {each.spec.node_name}"
                raise VolumeFault(why)
        secrets = await self._desk.secret(provisioning.deletion_secret(volume))
        try:
            await driver.control("DeleteVolume", volume_id=source.volume_handle, secrets=secrets)
        except DriverFault as fault:
            self._desk.events.event(volume, "Warning", "VolumeFailedDelete", str(fault))
            raise

    async def _let_go(self, volume: core_v1.PersistentVolume) -> None:
        left = [each for each in volume.metadata.finalizers or () if each != provisioning.FINALIZER]
        if len(left) == len(volume.metadata.finalizers or ()):
            return
        patch = {"metadata": {"finalizers": left, "resourceVersion": volume.metadata.resource_version}}
        with contextlib.suppress(NotFound):
            await self._volumes.patch(volume.metadata.name or "", patch)
