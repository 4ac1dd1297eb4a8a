"""``csi``: a volume that a driver makes for one Pod (inline, ephemeral), by NodePublishVolume and NodeUnpublishVolume.

What was published is noted beside the volume before the driver is asked, so that it is unpublished whenever the agent was killed;
publishing twice is the same to a driver.  The volume goes when the driver says so: a driver that has gone away keeps its Pods.
(Source: CSI specification; kubelet `pkg/volume/csi`.)
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from podling.agent.csi.drivers import MOUNT_GROUP, Driver, DriverFault, Drivers
from podling.agent.errors import VolumeFault
from podling.api import times
from podling.api.types import core_v1, storage_v1

from . import ownership
from .context import Context, Plugin

NAME = "kubernetes.io~csi"
EPHEMERAL = "Ephemeral"
_NOTE = "vol_data.json"
_CONTEXT = "csi.storage.k8s.io/"


async def _set_up(ctx: Context) -> Path:
    source = ctx.volume.csi or core_v1.CSIVolumeSource()
    target = ctx.path / "mount"
    known = await ctx.objects.csi_driver(source.driver)
    if target.is_mount() and not (known and known.spec.requires_republish):
        return target
    spec = _allowed(known, source.driver)
    driver = _registered(ctx, source.driver)
    ctx.path.mkdir(mode=0o750, exist_ok=True)
    handle = volume_handle(ctx.pod.metadata.uid or "", ctx.volume.name)
    note = {"driverName": driver.name, "volumeHandle": handle, "volumeLifecycleMode": EPHEMERAL}
    group = ownership.fs_group(ctx.pod)
    by_driver = group is not None and await driver.can(MOUNT_GROUP)
    mount = {"fs_type": source.fs_type or "", "volume_mount_group": str(group) if by_driver else ""}
    request = {
        "volume_id": handle,
        "target_path": str(target),
        "volume_capability": {"mount": mount, "access_mode": {"mode": "SINGLE_NODE_WRITER"}},
        "readonly": bool(source.read_only),
        "secrets": await _secrets(ctx, source),
        "volume_context": {**(source.volume_attributes or {}), **await _told(ctx, spec)},
    }
    (ctx.path / _NOTE).write_text(json.dumps(note))
    try:
        await driver.call("NodePublishVolume", **request)
    except DriverFault as fault:
        if fault.is_final and not target.is_mount():
            (ctx.path / _NOTE).unlink()
        raise
    if not by_driver and gives_group(spec.fs_group_policy, source):
        ownership.give(target, ctx.pod)
    return target


async def tear_down(pod: Path, drivers: Drivers) -> None:
    """Have everything unpublished that was published for a Pod with the volumes' folder ``pod``.  Raises ``VolumeFault``."""
    for note in [*(pod / NAME).glob(f"*/{_NOTE}")]:
        told = json.loads(note.read_text())
        target = note.parent / "mount"
        driver = drivers.get(told["driverName"])
        await driver.call("NodeUnpublishVolume", volume_id=told["volumeHandle"], target_path=str(target))
        note.unlink()


def volume_handle(uid: str, name: str) -> str:
    """What a driver knows the Pod's volume by."""
    return f"csi-{hashlib.sha256(f'{uid}{name}'.encode()).hexdigest()}"


def gives_group(policy: str | None, source: core_v1.CSIVolumeSource) -> bool:
    """Whether the node gives the volume to the Pod's group: by default only file systems that it is told the type of."""
    if policy == "None" or source.read_only:
        return False
    return policy == "File" or bool(source.fs_type)


def _allowed(found: storage_v1.CSIDriver | None, name: str) -> storage_v1.CSIDriverSpec:
    """Raises ``VolumeFault`` if the cluster does not say that the driver makes such volumes."""
    refused = f'volume mode "{EPHEMERAL}" not supported by driver {name}'
    if found is None:
        raise VolumeFault(f"{refused} (no CSIDriver object)", stage="NewMounter initialization")
    modes = found.spec.volume_lifecycle_modes or ["Persistent"]
    if EPHEMERAL not in modes:
        known = " ".join(f'"{mode}"' for mode in modes)
        raise VolumeFault(f"{refused} (only supports [{known}])", stage="NewMounter initialization")
    return found.spec


def _registered(ctx: Context, name: str) -> Driver:
    try:
        return ctx.objects.csi_drivers().get(name)
    except VolumeFault as fault:
        raise VolumeFault(f"kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: {fault}") from fault


async def _secrets(ctx: Context, source: core_v1.CSIVolumeSource) -> dict[str, str]:
    name = source.node_publish_secret_ref.name if source.node_publish_secret_ref else None
    if not name:
        return {}
    found = await ctx.objects.secret(ctx.namespace, name)
    if found is None:
        why = f'secret "{name}" not found'
        raise VolumeFault(f"fetching NodePublishSecretRef {ctx.namespace}/{name} failed: {why}")
    return {key: base64.b64decode(text).decode() for key, text in (found.data or {}).items()}


async def _told(ctx: Context, spec: storage_v1.CSIDriverSpec) -> dict[str, str]:
    """What the driver wants to know of the Pod, and tokens of its service account."""
    told: dict[str, str] = {}
    meta = ctx.pod.metadata
    account = (ctx.pod.spec.service_account_name if ctx.pod.spec else None) or "default"
    if spec.pod_info_on_mount:
        told = {
            f"{_CONTEXT}pod.name": meta.name or "",
            f"{_CONTEXT}pod.namespace": ctx.namespace,
            f"{_CONTEXT}pod.uid": meta.uid or "",
            f"{_CONTEXT}serviceAccount.name": account,
            f"{_CONTEXT}ephemeral": "true",
        }
    if spec.token_requests:
        tokens = {one.audience: await _token(ctx, one) for one in spec.token_requests}
        told[f"{_CONTEXT}serviceAccount.tokens"] = json.dumps(tokens, separators=(",", ":"))
    return told


async def _token(ctx: Context, wanted: storage_v1.TokenRequest) -> dict[str, Any]:
    source = core_v1.ServiceAccountTokenProjection(
        audience=wanted.audience, expiration_seconds=wanted.expiration_seconds
    )
    token = await ctx.objects.token(ctx.pod, source)
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {"token": token, "expirationTimestamp": times.rfc3339(claims["exp"])}


PLUGIN = Plugin(NAME, "csi", _set_up, live=True)
