"""Volumes grow with their claims: at the driver's controller (external-resizer), and on the node that uses them (kubelet).

    claim asks for more -> ControllerExpandVolume -> the volume's capacity -> done, or
        condition FileSystemResizePending -> NodeExpandVolume where a Pod has it -> the claim's capacity

The second half is a node's own business, whoever did the first.
"""

from __future__ import annotations

from typing import Any

from podling.agent.csi import provisioning, publication
from podling.agent.csi.drivers import EXPANSION, SINGLE_WRITER, Driver
from podling.agent.errors import VolumeFault
from podling.api import codec
from podling.api.errors import ApiError
from podling.api.storage import claims, localpath, marks
from podling.api.types import core_v1
from podling.client.errors import ClientError

from .desk import Desk

PENDING = "FileSystemResizePending"
_PENDING = "Waiting for user to (re-)start a pod to finish file system resize of volume on node."

Claim = core_v1.PersistentVolumeClaim
Volume = core_v1.PersistentVolume


class Resizer:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._claims = desk.client.resource(Claim)
        self._volumes = desk.client.resource(Volume)

    async def claim(self, namespace: str, name: str) -> None:
        """Have a claim's volume grow.  Raises ``VolumeFault``, ApiError and ClientError."""
        claim = self._desk.claims.get(namespace, name)
        volume = self._desk.volumes.get("", claims.volume_name(claim)) if claim else None
        source = volume.spec.csi if volume and volume.spec else None
        if claim is None or volume is None or source is None or not localpath.grows(claim, volume):
            return
        if claims.capacity(volume) < claims.asked(claim):
            driver = self._desk.keeps(volume)
            if driver is not None:
                await self._at_controller(claim, volume, source, driver)
        elif is_pending(claim):
            driver = self._desk.registered(source.driver)
            notes = [note for note in publication.notes(self._desk.pods) if _is_of(note, source)]
            if driver is not None and notes:
                await self._on_node(claim, volume, driver, notes[0])

    async def _at_controller(
        self, claim: Claim, volume: Volume, source: core_v1.CSIPersistentVolumeSource, driver: Driver
    ) -> None:
        name, can = volume.metadata.name or "", await driver.controls()
        pending = True
        if EXPANSION in can:
            message = f"External resizer is resizing volume {name}"
            self._desk.events.event(claim, "Normal", "Resizing", message)
            try:
                told = await driver.control(
                    "ControllerExpandVolume",
                    volume_id=source.volume_handle,
                    capacity_range={"required_bytes": claims.asked(claim).value()},
                    secrets=await self._desk.secret(source.controller_expand_secret_ref),
                    volume_capability=provisioning.capability_of(volume, apart=SINGLE_WRITER in can),
                )
            except (VolumeFault, ApiError, ClientError) as fault:
                why = f'resize volume "{name}" by resizer "{driver.name}" failed: {fault}'
                self._desk.events.event(claim, "Warning", "VolumeResizeFailed", why)
                raise
            pending = told["node_expansion_required"]
        elif not await driver.can(EXPANSION):
            return
        size = {marks.STORAGE: str(claims.asked(claim))}
        if pending:
            condition = core_v1.PersistentVolumeClaimCondition(type=PENDING, status="True", message=_PENDING)
            await self._write(claim, conditions=[condition])
            message = "Require file system resize of volume on node"
            self._desk.events.event(claim, "Normal", "FileSystemResizeRequired", message)
        await self._volumes.patch(name, {"spec": {"capacity": size}})
        if not pending:
            await self._write(claim, capacity=size, conditions=None)
            self._desk.events.event(claim, "Normal", "VolumeResizeSuccessful", "Resize volume succeeded")

    async def _on_node(self, claim: Claim, volume: Volume, driver: Driver, note: dict[str, str]) -> None:
        name, source = volume.metadata.name, volume.spec.csi if volume.spec else None
        apart = await driver.can(SINGLE_WRITER)
        if await driver.can(EXPANSION):
            async with driver.locks[note["volumeHandle"]]:
                await driver.call(
                    "NodeExpandVolume",
                    volume_id=note["volumeHandle"],
                    volume_path=note["target"],
                    capacity_range={"required_bytes": claims.capacity(volume).value()},
                    staging_target_path=note["staging"],
                    volume_capability=provisioning.capability_of(volume, apart=apart),
                    secrets=await self._desk.secret(source.node_expand_secret_ref if source else None),
                )
        await self._write(claim, capacity={marks.STORAGE: str(claims.capacity(volume))}, conditions=None)
        message = f'MountVolume.NodeExpandVolume succeeded for volume "{name}" {self._desk.node}'
        self._desk.events.event(claim, "Normal", "FileSystemResizeSuccessful", message)

    async def _write(self, claim: Claim, **status: Any) -> None:
        changed = codec.struct_clone(claim)
        changed.status = changed.status or core_v1.PersistentVolumeClaimStatus()
        for field, value in status.items():
            setattr(changed.status, field, value)
        await self._claims.update(changed, subresource="status")


def is_pending(claim: Claim) -> bool:
    """Whether the volume has grown at its controller, and is still to grow where it is used."""
    conditions = (claim.status.conditions if claim.status else None) or ()
    return any(each.type == PENDING and each.status == "True" for each in conditions)


def _is_of(note: dict[str, str], source: core_v1.CSIPersistentVolumeSource) -> bool:
    return (note["driverName"], note["volumeHandle"]) == (source.driver, source.volume_handle)
