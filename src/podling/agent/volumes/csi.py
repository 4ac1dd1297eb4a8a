"""``csi``: volumes of CSI drivers, made for one Pod (inline, ephemeral) or behind a claim, mounted by the driver.

Volumes that must be attached to the node first (``attachRequired``, the default) wait for that: `controllers/attachdetach` asks for it, the
driver's attacher does it, ``csi/attachments`` sees it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from podling.agent.csi import publication
from podling.agent.csi.access import access_mode
from podling.agent.csi.drivers import SINGLE_WRITER, Driver
from podling.agent.csi.publication import EPHEMERAL, PERSISTENT, Publication
from podling.agent.errors import VolumeFault
from podling.api import times
from podling.api.storage import attachments
from podling.api.types import core_v1, storage_v1

from . import ownership
from .context import Context, Plugin

_TOLD = "csi.storage.k8s.io/"


async def _set_up(ctx: Context) -> Path:
    source = ctx.volume.csi or core_v1.CSIVolumeSource()
    place = publication.target(ctx.path)
    known = await ctx.objects.csi_driver(source.driver)
    if _is_done(place, known):
        return place
    spec = _allowed(known, source.driver, EPHEMERAL)
    group = ownership.fs_group(ctx.pod)
    wanted = Publication(
        driver=_registered(ctx, source.driver),
        handle=volume_handle(ctx.pod.metadata.uid or "", ctx.volume.name),
        folder=ctx.path,
        mode=EPHEMERAL,
        fs_type=source.fs_type or "",
        access="SINGLE_NODE_WRITER",
        readonly=bool(source.read_only),
        group=group,
        secrets=await _secrets(ctx, source.node_publish_secret_ref),
        stage_secrets={},
        context=source.volume_attributes or {},
        told=await _told(ctx, spec, EPHEMERAL),
    )
    by_driver = await publication.publish(wanted, ctx.objects.csi_drivers().staging)
    gives = gives_group(spec.fs_group_policy, fs_type=source.fs_type, readonly=bool(source.read_only))
    if gives and not by_driver:
        ownership.give(place, ctx.pod)
    return place


async def set_up_persistent(ctx: Context, volume: core_v1.PersistentVolume) -> Path:
    """The volume behind a claim of the Pod.  Raises ``VolumeFault``."""
    spec = volume.spec or core_v1.PersistentVolumeSpec()
    source = spec.csi or core_v1.CSIPersistentVolumeSource()
    folder = ctx.path.parents[1] / publication.FOLDER / (volume.metadata.name or "")
    root = ctx.objects.csi_drivers().staging
    uid = ctx.pod.metadata.uid or ""
    block = publication.device(root, folder.name, uid) if spec.volume_mode == "Block" else None
    place = block or publication.target(folder)
    known = await ctx.objects.csi_driver(source.driver)
    if _is_done(place, known):
        return place
    told = _allowed(known, source.driver, PERSISTENT)
    attached = attachments.unique_name(source) if attachments.must_attach(known) else ""
    attachment = await ctx.objects.attachment(source) if attached else {}
    driver = _registered(ctx, source.driver)
    by_driver = await publication.publish(
        Publication(
            driver=driver,
            handle=source.volume_handle,
            folder=folder,
            mode=PERSISTENT,
            fs_type=source.fs_type or "",
            mount_flags=tuple(spec.mount_options or ()),
            access=access_mode(spec.access_modes or [], apart=await driver.can(SINGLE_WRITER)),
            readonly=bool(source.read_only),
            group=ownership.fs_group(ctx.pod),
            secrets=await _secrets(ctx, source.node_publish_secret_ref),
            stage_secrets=await _secrets(ctx, source.node_stage_secret_ref),
            context=source.volume_attributes or {},
            told=await _told(ctx, told, PERSISTENT),
            block=block,
            attached=attached,
            attachment=attachment,
        ),
        root,
    )
    ctx.objects.csi_drivers().on_published(volume)
    if block is not None:
        return place
    alone = not {"ReadWriteMany", "ReadOnlyMany"} & {*(spec.access_modes or [])}
    if (
        not by_driver
        and (told.fs_group_policy == "File" or alone)
        and gives_group(told.fs_group_policy, fs_type=source.fs_type, readonly=bool(source.read_only))
    ):
        ownership.give(place, ctx.pod)
    return place


def volume_handle(uid: str, name: str) -> str:
    """What a driver knows a Pod's own volume by."""
    return f"csi-{hashlib.sha256(f'{uid}{name}'.encode()).hexdigest()}"


def gives_group(policy: str | None, *, fs_type: str | None, readonly: bool) -> bool:
    """Whether the node gives the volume to the Pod's group: by default only file systems that it is told the type of."""
    if policy == "None" or readonly:
        return False
    return policy == "File" or bool(fs_type)


def _is_done(place: Path, known: storage_v1.CSIDriver | None) -> bool:
    there = place.is_mount() or place.is_block_device()
    return there and not (known and known.spec.requires_republish)


def _allowed(found: storage_v1.CSIDriver | None, name: str, mode: str) -> storage_v1.CSIDriverSpec:
    """Raises ``VolumeFault`` if the cluster does not say that the driver makes such volumes."""
    refused = f'volume mode "{mode}" not supported by driver {name}'
    if found is None:
        if mode == PERSISTENT:
            return storage_v1.CSIDriverSpec()
        raise VolumeFault(f"{refused} (no CSIDriver object)", stage="NewMounter initialization")
    modes = found.spec.volume_lifecycle_modes or [PERSISTENT]
    if mode not in modes:
        known = " ".join(f'"{each}"' for each in modes)
        raise VolumeFault(f"{refused} (only supports [{known}])", stage="NewMounter initialization")
    return found.spec


def _registered(ctx: Context, name: str) -> Driver:
    try:
        return ctx.objects.csi_drivers().get(name)
    except VolumeFault as fault:
        raise VolumeFault(f"kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: {fault}") from fault


async def _secrets(
    ctx: Context, ref: core_v1.LocalObjectReference | core_v1.SecretReference | None
) -> dict[str, str]:
    if ref is None or not ref.name:
        return {}
    namespace = (ref.namespace if isinstance(ref, core_v1.SecretReference) else None) or ctx.namespace
    found = await ctx.objects.secret(namespace, ref.name)
    if found is None:
        why = f'secret "{ref.name}" not found'
        raise VolumeFault(f"fetching NodePublishSecretRef {namespace}/{ref.name} failed: {why}")
    return {key: base64.b64decode(text).decode() for key, text in (found.data or {}).items()}


async def _told(ctx: Context, spec: storage_v1.CSIDriverSpec, mode: str) -> dict[str, str]:
    """What the driver wants to know of the Pod, and tokens of its service account."""
    told: dict[str, str] = {}
    meta = ctx.pod.metadata
    account = (ctx.pod.spec.service_account_name if ctx.pod.spec else None) or "default"
    if spec.pod_info_on_mount:
        told = {
            f"{_TOLD}pod.name": meta.name or "",
            f"{_TOLD}pod.namespace": ctx.namespace,
            f"{_TOLD}pod.uid": meta.uid or "",
            f"{_TOLD}serviceAccount.name": account,
            f"{_TOLD}ephemeral": "true" if mode == EPHEMERAL else "false",
        }
    if spec.token_requests:
        tokens = {one.audience: await _token(ctx, one) for one in spec.token_requests}
        told[f"{_TOLD}serviceAccount.tokens"] = json.dumps(tokens, separators=(",", ":"))
    return told


async def _token(ctx: Context, wanted: storage_v1.TokenRequest) -> dict[str, Any]:
    source = core_v1.ServiceAccountTokenProjection(
        audience=wanted.audience, expiration_seconds=wanted.expiration_seconds
    )
    token = await ctx.objects.token(ctx.pod, source)
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {"token": token, "expirationTimestamp": times.rfc3339(claims["exp"])}


PLUGIN = Plugin(publication.FOLDER, "csi", _set_up, live=True)
