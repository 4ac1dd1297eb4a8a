"""The rules of containers: regular, init and ephemeral."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from . import environment, probes, resize_policies, resources, restarts, security
from .metadata import each

_PULL = ("Always", "IfNotPresent", "Never")
_MESSAGE = ("File", "FallbackToLogsOnError")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_PROPAGATION = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")
_NOT_EPHEMERAL = {
    "ports": "ports",
    "liveness_probe": "livenessProbe",
    "readiness_probe": "readinessProbe",
    "startup_probe": "startupProbe",
    "lifecycle": "lifecycle",
    "resources": "resources",
    "resize_policy": "resizePolicy",
}

AnyContainer: TypeAlias = core_v1.Container | core_v1.EphemeralContainer
Volumes = Mapping[str, core_v1.Volume]


def faults(spec: core_v1.PodSpec, path: Path, *, volumes: Volumes, is_pod: bool) -> Iterator[FieldError]:
    """Faults of all containers of a Pod and of what they are to each other."""
    grace = spec.termination_grace_period_seconds
    yield from _regular(spec.containers, path / "containers", volumes=volumes, grace=grace, is_pod=is_pod)
    yield from _init(spec, path / "initContainers", volumes=volumes, is_pod=is_pod)
    yield from _ephemeral(spec, path / "ephemeralContainers", volumes=volumes)
    yield from resize_policies.faults(spec, path)


def _regular(
    containers: list[core_v1.Container], path: Path, *, volumes: Volumes, grace: int | None, is_pod: bool
) -> Iterator[FieldError]:
    if not containers:
        yield field.required(path)
        return
    seen = set()
    for index, container in enumerate(containers):
        here = path / index
        yield from _common(container, here, volumes=volumes, is_pod=is_pod)
        if container.name in seen:
            yield field.duplicate(here / "name", container.name)
        seen.add(container.name)
        yield from restarts.faults(container, here)
        yield from _hooks(container, here, grace=grace)
    yield from _host_ports(containers, path)


def _init(spec: core_v1.PodSpec, path: Path, *, volumes: Volumes, is_pod: bool) -> Iterator[FieldError]:
    seen = {container.name for container in spec.containers}
    for index, container in enumerate(spec.init_containers or ()):
        here = path / index
        yield from _common(container, here, volumes=volumes, is_pod=is_pod)
        yield from restarts.faults(container, here)
        if container.name in seen:
            yield field.duplicate(here / "name", container.name)
        elif container.name:
            seen.add(container.name)
        yield from _host_ports([container], path)
        if container.restart_policy == "Always":
            yield from _hooks(container, here, grace=spec.termination_grace_period_seconds)
            continue
        why = "may not be set for init containers without restartPolicy=Always"
        for value, name in (
            (container.lifecycle, "lifecycle"),
            (container.liveness_probe, "livenessProbe"),
            (container.readiness_probe, "readinessProbe"),
            (container.startup_probe, "startupProbe"),
        ):
            if value is not None:
                yield field.forbidden(here / name, why)


def _ephemeral(spec: core_v1.PodSpec, path: Path, *, volumes: Volumes) -> Iterator[FieldError]:
    others = {container.name for container in (*spec.containers, *(spec.init_containers or ()))}
    seen = set(others)
    for index, container in enumerate(spec.ephemeral_containers or ()):
        here = path / index
        yield from _common(container, here, volumes=volumes, is_pod=True)
        if container.name in seen:
            yield field.duplicate(here / "name", container.name)
        seen.add(container.name)
        if container.target_container_name and container.target_container_name not in others:
            yield field.not_found(here / "targetContainerName", container.target_container_name)
        why = "cannot be set for an Ephemeral Container"
        for attribute, name in _NOT_EPHEMERAL.items():
            value = getattr(container, attribute)
            if value is not None and not codec.semantic_equal(value, type(value)()):
                yield field.forbidden(here / name, why)
        for at, mount in enumerate(container.volume_mounts or ()):
            if mount.sub_path:
                yield field.forbidden(here / "volumeMounts" / at / "subPath", why)
            if mount.sub_path_expr:
                yield field.forbidden(here / "volumeMounts" / at / "subPathExpr", why)


def _common(container: AnyContainer, path: Path, *, volumes: Volumes, is_pod: bool) -> Iterator[FieldError]:
    if not container.name:
        yield field.required(path / "name")
    else:
        yield from each(names.dns1123_label, container.name, path / "name")
    image = container.image or ""
    if not image:
        yield field.required(path / "image")
    elif is_pod and image != image.strip():
        yield field.invalid(path / "image", image, "must not have leading or trailing whitespace")
    yield from _supported(container.termination_message_policy, path / "terminationMessagePolicy", _MESSAGE)
    yield from _ports(container.ports or [], path / "ports")
    yield from environment.variables(container.env or [], path / "env")
    yield from environment.sources(container.env_from or [], path / "envFrom")
    yield from _mounts(container, path / "volumeMounts", volumes)
    yield from _devices(container, path / "volumeDevices", volumes)
    yield from _supported(container.image_pull_policy, path / "imagePullPolicy", _PULL)
    if container.resources is not None:
        yield from resources.requirements(container.resources, path / "resources")
    if container.security_context is not None:
        yield from security.container(container.security_context, path / "securityContext")


def _supported(value: str | None, path: Path, supported: tuple[str, ...]) -> Iterator[FieldError]:
    if not value:
        yield field.required(path)
    elif value not in supported:
        yield field.not_supported(path, value, supported)


def _hooks(container: core_v1.Container, path: Path, *, grace: int | None) -> Iterator[FieldError]:
    if container.lifecycle is not None:
        yield from probes.lifecycle(container.lifecycle, path / "lifecycle", grace=grace)
    yield from probes.liveness(container.liveness_probe, path / "livenessProbe")
    yield from probes.readiness(container.readiness_probe, path / "readinessProbe")
    yield from probes.liveness(container.startup_probe, path / "startupProbe")


def _ports(ports: list[core_v1.ContainerPort], path: Path) -> Iterator[FieldError]:
    seen = set()
    for index, port in enumerate(ports):
        here = path / index
        if port.name:
            wrong = names.port_name(port.name)
            for why in wrong:
                yield field.invalid(here / "name", port.name, why)
            if not wrong and port.name in seen:
                yield field.duplicate(here / "name", port.name)
            seen.add(port.name)
        if not port.container_port:
            yield field.required(here / "containerPort")
        else:
            for why in names.port_number(port.container_port):
                yield field.invalid(here / "containerPort", port.container_port, why)
        if port.host_port:
            for why in names.port_number(port.host_port):
                yield field.invalid(here / "hostPort", port.host_port, why)
        yield from _supported(port.protocol, here / "protocol", _PROTOCOLS)


def _host_ports(containers: list[core_v1.Container], path: Path) -> Iterator[FieldError]:
    seen = set()
    for index, container in enumerate(containers):
        for at, port in enumerate(container.ports or ()):
            if port.host_port:
                claim = f"{port.protocol}/{port.host_ip or ''}/{port.host_port}"
                if claim in seen:
                    yield field.duplicate(path / index / "ports" / at / "hostPort", claim)
                seen.add(claim)


def _mounts(container: AnyContainer, path: Path, volumes: Volumes) -> Iterator[FieldError]:
    devices = {device.name: device.device_path for device in container.volume_devices or ()}
    seen = set()
    for index, mount in enumerate(container.volume_mounts or ()):
        here = path / index
        if not mount.name:
            yield field.required(here / "name")
        if mount.name not in volumes:
            yield field.not_found(here / "name", mount.name)
        if not mount.mount_path:
            yield field.required(here / "mountPath")
        if mount.mount_path in seen:
            yield field.invalid(here / "mountPath", mount.mount_path, "must be unique")
        seen.add(mount.mount_path)
        if mount.name in devices:
            yield field.invalid(here / "name", mount.name, "must not already exist in volumeDevices")
        if mount.mount_path in devices.values():
            why = "must not already exist as a path in volumeDevices"
            yield field.invalid(here / "mountPath", mount.mount_path, why)
        yield from _sub_path(mount, here)
        yield from _propagation(mount, container, here)


def _sub_path(mount: core_v1.VolumeMount, path: Path) -> Iterator[FieldError]:
    if mount.sub_path:
        yield from resources.descending(mount.sub_path, path / "subPath")
    if mount.sub_path_expr:
        if mount.sub_path:
            why = "subPathExpr and subPath are mutually exclusive"
            yield field.invalid(path / "subPathExpr", mount.sub_path_expr, why)
        yield from resources.descending(mount.sub_path_expr, path / "subPathExpr")


def _propagation(mount: core_v1.VolumeMount, container: AnyContainer, path: Path) -> Iterator[FieldError]:
    mode = mount.mount_propagation
    if mode is not None and mode not in _PROPAGATION:
        yield field.not_supported(path / "mountPropagation", mode, _PROPAGATION)
    context = container.security_context
    if mode == "Bidirectional" and not (context is not None and context.privileged):
        why = "Bidirectional mount propagation is available only to privileged containers"
        yield field.forbidden(path / "mountPropagation", why)
    recursive = mount.recursive_read_only
    if recursive is None or recursive == "Disabled":
        return
    if recursive not in _RECURSIVE:
        yield field.not_supported(path / "recursiveReadOnly", recursive, _RECURSIVE)
    elif not mount.read_only:
        yield field.forbidden(path / "recursiveReadOnly", "may only be specified when readOnly is true")
    elif mode not in (None, "None"):
        why = "may only be specified when mountPropagation is None or not specified"
        yield field.forbidden(path / "recursiveReadOnly", why)


def _devices(container: AnyContainer, path: Path, volumes: Volumes) -> Iterator[FieldError]:
    mounts = {mount.name: mount.mount_path for mount in container.volume_mounts or ()}
    seen_names: set[str] = set()
    seen_paths: set[str] = set()
    for index, device in enumerate(container.volume_devices or ()):
        here = path / index
        volume = volumes.get(device.name)
        if not device.name:
            yield field.required(here / "name")
        if device.name in seen_names:
            yield field.invalid(here / "name", device.name, "must be unique")
        if volume is None:
            yield field.not_found(here / "name", device.name)
        elif volume.persistent_volume_claim is None and volume.ephemeral is None:
            why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            yield field.invalid(here / "name", device.name, why)
        if not device.device_path:
            yield field.required(here / "devicePath")
        elif ".." in device.device_path.split("/"):
            yield field.invalid(here / "devicePath", device.device_path, "can not contain backsteps ('..')")
        if device.device_path in seen_paths:
            yield field.invalid(here / "devicePath", device.device_path, "must be unique")
        if device.name in mounts:
            yield field.invalid(here / "name", device.name, "must not already exist in volumeMounts")
        if device.device_path in mounts.values():
            why = "must not already exist as a path in volumeMounts"
            yield field.invalid(here / "devicePath", device.device_path, why)
        seen_names.add(device.name)
        seen_paths.add(device.device_path)
