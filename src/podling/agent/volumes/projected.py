"""``projected``: ConfigMaps, Secrets, fields of the Pod, tokens, certificates and trust bundles in one folder, following all of them."""

from __future__ import annotations

from pathlib import Path

from podling.agent.errors import VolumeFault
from podling.agent.podcertificates import Place
from podling.api.types import core_v1

from . import atomic, configmap, downward, ownership, secret, trustbundle
from .context import Context, Plugin
from .payload import DEFAULT_MODE, File, Payload

PRIVATE_MODE = 0o600
"""Of a file whose reader is known (upstream `pkg/volume/projected`)."""


async def _set_up(ctx: Context) -> Path:
    source = ctx.volume.projected or core_v1.ProjectedVolumeSource()
    found: Payload = {}
    for index, part in enumerate(source.sources or []):
        if part.pod_certificate is not None:
            found |= await _certificate(ctx, index, part.pod_certificate, source.default_mode)
        else:
            found |= await _files(ctx, part, source.default_mode)
    atomic.write(ctx.memory, found, ctx.give_files)
    return ctx.memory


async def _files(ctx: Context, part: core_v1.VolumeProjection, mode: int | None) -> Payload:
    if part.config_map is not None:
        return await configmap.files(ctx, part.config_map, mode)
    if part.secret is not None:
        return await secret.files(ctx, part.secret, mode)
    if part.downward_api is not None:
        return downward.files(ctx, part.downward_api.items or [], mode)
    if part.service_account_token is not None:
        token = await ctx.objects.token(ctx.pod, part.service_account_token)
        return {part.service_account_token.path: _private(ctx, token.encode(), mode)}
    if part.cluster_trust_bundle is not None:
        anchors = await trustbundle.anchors(ctx, part.cluster_trust_bundle)
        return {part.cluster_trust_bundle.path: _private(ctx, anchors, mode)}
    raise VolumeFault("projected volume source is not supported by this node")


async def _certificate(
    ctx: Context, index: int, source: core_v1.PodCertificateProjection, mode: int | None
) -> Payload:
    """Key and certificate in one file, or each in its own."""
    place = Place(ctx.pod.metadata.uid or "", ctx.volume.name, index)
    made = await ctx.objects.certificate(ctx.pod, place, source)
    shown = {
        source.credential_bundle_path: made.key + made.chain,
        source.key_path: made.key,
        source.certificate_chain_path: made.chain,
    }
    return {path: _private(ctx, text.encode(), mode) for path, text in shown.items() if path}


def _private(ctx: Context, data: bytes, mode: int | None) -> File:
    """For those who are known to read it, if they are known."""
    user = ownership.fs_user(ctx.pod)
    shown = DEFAULT_MODE if mode is None else mode
    if user is not None or ownership.fs_group(ctx.pod) is not None:
        shown = PRIVATE_MODE
    return File(data, shown, user)


PLUGIN = Plugin("kubernetes.io~projected", "projected", _set_up, live=True)
