"""Every Pod runs as a ServiceAccount and, unless told not to, gets its token, the cluster's CA and its namespace.

The volume and its mount are named and filled as upstream does it, so that tools which look for them find them.
"""

from __future__ import annotations

from podling.api import kinds
from podling.api.types import core_v1

from .review import Review, World

DEFAULT = "default"
MIRROR = "kubernetes.io/config.mirror"
VOLUME_PREFIX = "kube-api-access-"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
CA_CONFIG_MAP = "kube-root-ca.crt"
FILE_MODE = 0o644
WAIT_SECONDS = 2.0
"""A new namespace's `default` account is made by a controller; a Pod created right after the namespace waits for it."""


async def admit(review: Review, world: World) -> None:
    assert review.obj is not None
    pod: core_v1.Pod = review.obj.body
    spec = pod.spec or core_v1.PodSpec()
    if MIRROR in (pod.metadata.annotations or {}):
        if spec.service_account_name:
            raise review.forbid("a mirror pod may not reference service accounts")
        return
    name = spec.service_account_name or DEFAULT
    spec.service_account_name = spec.service_account = name
    account = world.read(kinds.SERVICE_ACCOUNT, review.namespace, name)
    if account is None and name == DEFAULT:
        account = await world.wait_read(kinds.SERVICE_ACCOUNT, review.namespace, name, seconds=WAIT_SECONDS)
    if account is None:
        why = f'error looking up service account {review.namespace}/{name}: serviceaccount "{name}" not found'
        raise review.forbid(why)
    if _wants_token(spec, account):
        _mount_token(spec, world)
    if not spec.image_pull_secrets and account.image_pull_secrets:
        spec.image_pull_secrets = [
            core_v1.LocalObjectReference(name=s.name) for s in account.image_pull_secrets
        ]


def _wants_token(spec: core_v1.PodSpec, account: core_v1.ServiceAccount) -> bool:
    """The Pod's own word outranks its account's; silence means yes."""
    if spec.automount_service_account_token is not None:
        return spec.automount_service_account_token
    return account.automount_service_account_token is not False


def _mount_token(spec: core_v1.PodSpec, world: World) -> None:
    existing = next((v.name for v in spec.volumes or () if v.name.startswith(VOLUME_PREFIX)), "")
    name = existing or world.generate_name(VOLUME_PREFIX)
    needed = False
    for container in (*(spec.init_containers or ()), *spec.containers):
        mounts = container.volume_mounts or []
        if all(mount.mount_path != MOUNT_PATH for mount in mounts):
            mount = core_v1.VolumeMount(name=name, read_only=True, mount_path=MOUNT_PATH)
            container.volume_mounts = [*mounts, mount]
            needed = True
    if needed and not existing:
        spec.volumes = [*(spec.volumes or ()), _volume(name, world.service_account_token_seconds)]


def _volume(name: str, seconds: int) -> core_v1.Volume:
    token = core_v1.ServiceAccountTokenProjection(path="token", expiration_seconds=seconds)
    certificate = core_v1.KeyToPath(key="ca.crt", path="ca.crt")
    field = core_v1.ObjectFieldSelector(api_version="v1", field_path="metadata.namespace")
    namespace = core_v1.DownwardAPIVolumeFile(path="namespace", field_ref=field)
    sources = [
        core_v1.VolumeProjection(service_account_token=token),
        core_v1.VolumeProjection(
            config_map=core_v1.ConfigMapProjection(name=CA_CONFIG_MAP, items=[certificate])
        ),
        core_v1.VolumeProjection(downward_api=core_v1.DownwardAPIProjection(items=[namespace])),
    ]
    return core_v1.Volume(
        name=name, projected=core_v1.ProjectedVolumeSource(sources=sources, default_mode=FILE_MODE)
    )
