"""What is mounted into one container: its volume mounts, the managed hosts file, the file for its last words."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from podling.api import expansion
from podling.api.types import core_v1
from podling.runtime.interface import Device, Image, Mount, MountPropagation

from .errors import ConfigFault
from .paths import Paths
from .podspec import names
from .podspec.container import message_path
from .volumes import subpath

log = logging.getLogger(__name__)

HOSTS = "/etc/hosts"
_PROPAGATION = {
    "HostToContainer": MountPropagation.HOST_TO_CONTAINER,
    "Bidirectional": MountPropagation.BIDIRECTIONAL,
}
_REFERENCE = re.compile(r"\$\(([^)]*)\)")


def of_container(
    pod: core_v1.Pod,
    container: core_v1.Container,
    *,
    volumes: Mapping[str, Path],
    images: Mapping[str, Image],
    environment: Mapping[str, str],
    paths: Paths,
    recursive_readonly: bool,
) -> tuple[Mount, ...]:
    """The volume mounts, with parts of volumes bound where the runtime can reach them.  Raises ``ConfigFault``.

    ``images``: what is mounted of image volumes, which the runtime does by itself.
    ``recursive_readonly``: whether it can make read-only what is mounted inside a volume, too.
    """
    made = []
    fixed = _readonly_claims(pod)
    for index, wanted in enumerate(container.volume_mounts or []):
        source = volumes.get(wanted.name)
        if source is None:
            raise ConfigFault(
                f'cannot find volume "{wanted.name}" to mount into container "{container.name}"'
            )
        part = wanted.sub_path or ""
        if wanted.sub_path_expr:
            part = expand(wanted.sub_path_expr, environment)
        if wanted.name in images:
            made.append(_image_mount(wanted, images[wanted.name], part))
            continue
        if part:
            target = paths.subpaths(pod.metadata.uid or "") / container.name / str(index)
            source = _part(
                source, part, target, f'volumeMount "{wanted.name}" of container "{container.name}"'
            )
        recursive = is_recursive(wanted, supported=recursive_readonly)
        readonly = bool(wanted.read_only) or wanted.name in fixed
        made.append(_mount(wanted, source, readonly=readonly, recursive=recursive))
    return tuple(made)


def devices(
    pod: core_v1.Pod, container: core_v1.Container, *, volumes: Mapping[str, Path]
) -> tuple[Device, ...]:
    """The raw blocks that the container uses.  Raises ``ConfigFault``."""
    made, fixed = [], _readonly_claims(pod)
    for wanted in container.volume_devices or []:
        source = volumes.get(wanted.name)
        if source is None:
            raise ConfigFault(f'cannot find volume "{wanted.name}" to pass into container "{container.name}"')
        permissions = "r" if wanted.name in fixed else "mrw"
        made.append(Device(container_path=wanted.device_path, host_path=str(source), permissions=permissions))
    return tuple(made)


def _readonly_claims(pod: core_v1.Pod) -> set[str]:
    """The volumes that are claims which the Pod says it will not write to."""
    volumes = (pod.spec.volumes if pod.spec else None) or ()
    return {
        each.name
        for each in volumes
        if each.persistent_volume_claim is not None and each.persistent_volume_claim.read_only
    }


def _part(volume: Path, part: str, target: Path, of: str) -> Path:
    """What is told to users says nothing of the node's files."""
    subpath.check(part)
    try:
        subpath.make(volume, part)
    except FileExistsError as error:
        log.warning("cannot create %s of %s: %s", part, of, error)
        raise ConfigFault(f"failed to create subPath directory for {of}") from error
    except OSError as error:
        log.warning("cannot look for %s of %s: %s", part, of, error)
        raise ConfigFault(f"failed to prepare subPath for {of}") from error
    try:
        return subpath.bind(volume, part, target)
    except OSError as error:
        log.warning("cannot bind %s of %s: %s", part, of, error)
        raise ConfigFault(f"failed to prepare subPath for {of}") from error


def is_recursive(mount: core_v1.VolumeMount, *, supported: bool) -> bool:
    """Whether what is mounted inside is to be read-only too.  Raises ``ConfigFault`` if it must and cannot."""
    wanted = mount.recursive_read_only or "Disabled"
    if wanted == "Disabled":
        return False
    asked = f'volume "{mount.name}" requested recursive read-only mode, but it is not'
    if not mount.read_only:
        raise ConfigFault(f"{asked} read-only")
    if (mount.mount_propagation or "None") != "None":
        raise ConfigFault(f'{asked} compatible with propagation "{mount.mount_propagation}"')
    if wanted == "Enabled" and not supported:
        raise ConfigFault(f"{asked} supported by the runtime")
    return supported


def hosts_file(
    pod: core_v1.Pod,
    container: core_v1.Container,
    *,
    pod_ips: Sequence[str],
    cluster_domain: str,
    paths: Paths,
) -> tuple[Mount, ...]:
    """The managed ``/etc/hosts``, written for each start; none if the container mounts one of its own."""
    if any(mount.mount_path == HOSTS for mount in container.volume_mounts or []):
        return ()
    on_host = bool(pod.spec and pod.spec.host_network)
    host = Path(HOSTS).read_text() if on_host and Path(HOSTS).exists() else ""
    path = paths.hosts_file(pod.metadata.uid or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(names.hosts_file(pod, pod_ips, cluster_domain, host))
    path.chmod(0o644)
    return (Mount(container_path=HOSTS, host_path=str(path)),)


def message_file(
    pod: core_v1.Pod, container: core_v1.Container, *, attempt: int, paths: Paths
) -> tuple[Mount, Path]:
    """An empty file that anybody in the container may write its last words to."""
    path = paths.message_file(pod.metadata.uid or "", container.name, attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    path.chmod(0o666)
    return Mount(container_path=message_path(container), host_path=str(path)), path


def _mount(wanted: core_v1.VolumeMount, source: Path, *, readonly: bool, recursive: bool) -> Mount:
    return Mount(
        container_path=_absolute(wanted.mount_path),
        host_path=str(source),
        readonly=readonly,
        recursive_readonly=recursive,
        propagation=_PROPAGATION.get(wanted.mount_propagation or "", MountPropagation.PRIVATE),
    )


def _image_mount(wanted: core_v1.VolumeMount, image: Image, part: str) -> Mount:
    if part:
        subpath.check(part)
    path = _absolute(wanted.mount_path)
    return Mount(container_path=path, readonly=True, image=image.id, image_sub_path=part)


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def expand(text: str, environment: Mapping[str, str]) -> str:
    """``subPathExpr``: unlike in commands, a variable that is missing or empty is an error.  Raises ``ConfigFault``."""
    unset = {name for name in _REFERENCE.findall(text.replace("$$", "")) if not environment.get(name)}
    if unset:
        raise ConfigFault(f"missing value for {', '.join(sorted(unset))}")
    return expansion.expand(text, environment)
