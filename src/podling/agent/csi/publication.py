"""Having a driver publish a volume into a Pod's folder, and unpublish it, whoever asked for the volume.

    staged once a node, where the driver wants that -> published for each Pod -> unpublished -> unstaged when no Pod here has it any more

What is about to be published is noted beside the volume before the driver is asked, so that it is unpublished whenever the agent was killed; asking
twice is the same to a driver.  A volume goes when its driver says so: a driver that has gone away keeps its Pods.
(Source: CSI specification; kubelet `pkg/volume/csi`.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .drivers import MOUNT_GROUP, STAGING, Driver, DriverFault, Drivers

FOLDER = "kubernetes.io~csi"
"""Below a Pod's volumes."""
EPHEMERAL, PERSISTENT = "Ephemeral", "Persistent"
_NOTE = "vol_data.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One volume for one Pod.

    folder    the volume's own in the Pod's folder: the note lies in it, and the volume is mounted in it.
    mode      Ephemeral or Persistent; only the latter are staged.
    block     a device at the target rather than a file system; the target lies outside of the Pod's folder then.
    attached  what a Node's status calls the volume, if it had to be attached; ``attachment`` is what attaching told.
    access    CSI's access mode.
    group     the Pod's fsGroup, for drivers that see to it themselves.
    """

    driver: Driver
    handle: str
    folder: Path
    mode: str
    fs_type: str
    mount_flags: tuple[str, ...] = ()
    access: str
    readonly: bool
    group: int | None
    secrets: Mapping[str, str]
    stage_secrets: Mapping[str, str]
    context: Mapping[str, str]
    told: Mapping[str, str]
    block: Path | None = None
    attached: str = ""
    attachment: Mapping[str, str] = field(default_factory=dict)


def target(folder: Path) -> Path:
    """Where the volume is mounted."""
    return folder / "mount"


def device(root: Path, volume: str, uid: str) -> Path:
    """Where a raw block appears for a Pod; ``root`` is where volumes are staged."""
    return root / "volumeDevices" / "publish" / volume / uid


def notes(pods: Path) -> Iterator[dict[str, str]]:
    """What is noted of every volume below the Pods' folders, with the Pod's UID as ``pod``."""
    for note in pods.glob(f"*/volumes/{FOLDER}/*/{_NOTE}"):
        yield {**json.loads(note.read_text()), "pod": note.relative_to(pods).parts[0]}


async def publish(wanted: Publication, staging_root: Path) -> bool:
    """Have it mounted at its target; whether the driver has seen to the Pod's group.  Raises ``DriverFault``."""
    driver, place = wanted.driver, wanted.block or target(wanted.folder)
    by_driver = wanted.group is not None and not wanted.block and await driver.can(MOUNT_GROUP)
    capability = _capability(wanted, str(wanted.group) if by_driver else "")
    stages = wanted.mode == PERSISTENT and await driver.can(STAGING)
    staging = str(_staging(staging_root, wanted)) if stages else ""
    note = _note(wanted, place, staging)
    try:
        async with driver.locks[wanted.handle]:
            if staging:
                await _stage(wanted, staging, capability)
            await driver.call(
                "NodePublishVolume",
                volume_id=wanted.handle,
                publish_context=wanted.attachment,
                staging_target_path=staging,
                target_path=str(place),
                volume_capability=capability,
                readonly=wanted.readonly,
                secrets=wanted.secrets,
                volume_context={**wanted.context, **wanted.told},
            )
    except DriverFault as fault:
        if fault.is_final and not staging and not place.is_mount() and not place.is_block_device():
            note.unlink()
        raise
    return by_driver


def _capability(wanted: Publication, group: str) -> dict[str, Any]:
    access = {"access_mode": {"mode": wanted.access}}
    if wanted.block:
        return {"block": {}, **access}
    mount = {
        "fs_type": wanted.fs_type,
        "mount_flags": [*wanted.mount_flags],
        "volume_mount_group": group,
    }
    return {"mount": mount, **access}


def _note(wanted: Publication, place: Path, staging: str) -> Path:
    """Write down what is about to be done."""
    place.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    wanted.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    told = {
        "driverName": wanted.driver.name,
        "volumeHandle": wanted.handle,
        "volumeLifecycleMode": wanted.mode,
        "staging": staging,
        "target": str(place),
        "attached": wanted.attached,
    }
    note = wanted.folder / _NOTE
    note.write_text(json.dumps(told))
    return note


async def _stage(wanted: Publication, staging: str, capability: Mapping[str, Any]) -> None:
    Path(staging).mkdir(mode=0o750, parents=True, exist_ok=True)
    await wanted.driver.call(
        "NodeStageVolume",
        volume_id=wanted.handle,
        publish_context=wanted.attachment,
        staging_target_path=staging,
        volume_capability=capability,
        secrets=wanted.stage_secrets,
        volume_context=wanted.context,
    )


async def tear_down(volumes: Path, drivers: Drivers) -> None:
    """Have everything unpublished that was published below a Pod's ``volumes``.  Raises ``VolumeFault``."""
    for note in [*(volumes / FOLDER).glob(f"*/{_NOTE}")]:
        told = json.loads(note.read_text())
        driver, handle = drivers.get(told["driverName"]), told["volumeHandle"]
        async with driver.locks[handle]:
            place = told.get("target") or str(target(note.parent))
            await driver.call("NodeUnpublishVolume", volume_id=handle, target_path=place)
            staging = told["staging"]
            if staging and not _others(note, volumes.parents[1], told):
                await driver.call("NodeUnstageVolume", volume_id=handle, staging_target_path=staging)
            note.unlink()


def _others(own: Path, pods: Path, told: Mapping[str, str]) -> bool:
    """Whether another Pod of the node has the same volume."""
    for note in pods.glob(f"*/volumes/{FOLDER}/*/{_NOTE}"):
        if note != own:
            other = json.loads(note.read_text())
            if (other["driverName"], other["staging"]) == (told["driverName"], told["staging"]):
                return True
    return False


def _staging(root: Path, wanted: Publication) -> Path:
    if wanted.block:
        return root / "volumeDevices" / "staging" / wanted.block.parent.name
    return root / wanted.driver.name / hashlib.sha256(wanted.handle.encode()).hexdigest() / "globalmount"
