"""Defaults of Pods and of Pod templates.

`pod_spec` is what both share; `pod` adds what upstream materialises only in a Pod itself (requests from limits,
enableServiceLinks, host ports), so that templates of controllers stay as their authors wrote them.
"""

from __future__ import annotations

import re

from podling.api import pod as pods
from podling.api.types import core_v1

DIGEST_SEPARATOR = "@"
FILE_MODE = 0o644
GRACE_SECONDS = 30
TOKEN_SECONDS = 3600
CERTIFICATE_SECONDS = 24 * 3600
_TAG = re.compile(r":([\w][\w.-]{0,127})$")


def pod(body: core_v1.Pod) -> None:
    """Complete a Pod."""
    spec = body.spec
    if spec is None:
        spec = body.spec = core_v1.PodSpec()
    pod_spec(spec)
    for container in (*spec.containers, *(spec.init_containers or ())):
        _requests_from_limits(container.resources)
        if spec.host_network:
            _host_ports(container)
    _requests_of_the_whole(spec)
    if spec.enable_service_links is None:
        spec.enable_service_links = True


def template(body: core_v1.PodTemplateSpec | None) -> None:
    """Complete the Pod template of a controller; its spec is there even when nothing was said of it, as upstream."""
    if body is not None:
        if body.spec is None:
            body.spec = core_v1.PodSpec()
        pod_spec(body.spec)


def pod_spec(spec: core_v1.PodSpec) -> None:
    """Complete what Pods and templates have in common."""
    spec.dns_policy = spec.dns_policy or "ClusterFirst"
    spec.restart_policy = spec.restart_policy or "Always"
    spec.scheduler_name = spec.scheduler_name or "default-scheduler"
    if spec.security_context is None:
        spec.security_context = core_v1.PodSecurityContext()
    if spec.termination_grace_period_seconds is None:
        spec.termination_grace_period_seconds = GRACE_SECONDS
    account = spec.service_account_name or spec.service_account
    if account:
        spec.service_account_name = spec.service_account = account
    for volume in spec.volumes or ():
        _volume(volume)
    for container in (*spec.containers, *(spec.init_containers or ()), *(spec.ephemeral_containers or ())):
        _container(container)


def pull_policy(image: str | None) -> str:
    """Always for an image without tag or with `latest`, IfNotPresent for every other tag and for digests."""
    if not image or DIGEST_SEPARATOR in image:
        return "IfNotPresent" if image else "Always"
    tag = _TAG.search(image)
    return "Always" if tag is None or tag[1] == "latest" else "IfNotPresent"


def _container(container: core_v1.Container | core_v1.EphemeralContainer) -> None:
    container.image_pull_policy = container.image_pull_policy or pull_policy(container.image)
    container.termination_message_path = container.termination_message_path or "/dev/termination-log"
    container.termination_message_policy = container.termination_message_policy or "File"
    if container.resources is None:  # upstream's type cannot be without it, and templates are compared
        container.resources = core_v1.ResourceRequirements()
    for port in container.ports or ():
        port.protocol = port.protocol or "TCP"
    for variable in container.env or ():
        source = variable.value_from
        if source is not None and source.field_ref is not None:
            source.field_ref.api_version = source.field_ref.api_version or "v1"
    for probe in (container.liveness_probe, container.readiness_probe, container.startup_probe):
        if probe is not None:
            _probe(probe)
    if container.lifecycle is not None:
        for handler in (container.lifecycle.post_start, container.lifecycle.pre_stop):
            if handler is not None and handler.http_get is not None:
                _http_get(handler.http_get)


def _probe(probe: core_v1.Probe) -> None:
    probe.timeout_seconds = probe.timeout_seconds or 1
    probe.period_seconds = probe.period_seconds or 10
    probe.success_threshold = probe.success_threshold or 1
    probe.failure_threshold = probe.failure_threshold or 3
    if probe.http_get is not None:
        _http_get(probe.http_get)
    if probe.grpc is not None and probe.grpc.service is None:
        probe.grpc.service = ""


def _http_get(action: core_v1.HTTPGetAction) -> None:
    action.path = action.path or "/"
    action.scheme = action.scheme or "HTTP"


def _requests_from_limits(resources: core_v1.ResourceRequirements | None) -> None:
    if resources is not None and resources.limits:
        resources.requests = {**resources.limits, **(resources.requests or {})}


def _requests_of_the_whole(spec: core_v1.PodSpec) -> None:
    """A Pod whose limits are given asks for what its containers ask for, else for its limits (KEP-2837)."""
    given = spec.resources
    if given is None or not given.limits:
        return
    asked = {
        name: str(amount)
        for name, amount in pods.container_requests(spec).items()
        if name in ("cpu", "memory")
    }
    limits = {name: text for name, text in given.limits.items() if pods.is_pod_level(name)}
    given.requests = {**limits, **asked, **(given.requests or {})}


def _host_ports(container: core_v1.Container) -> None:
    for port in container.ports or ():
        port.host_port = port.host_port or port.container_port


_SOURCES = tuple(name for name in core_v1.Volume.__struct_fields__ if name != "name")


def _volume(volume: core_v1.Volume) -> None:
    if all(getattr(volume, source) is None for source in _SOURCES):
        volume.empty_dir = core_v1.EmptyDirVolumeSource()
    for source in (volume.config_map, volume.secret, volume.downward_api, volume.projected):
        if source is not None and source.default_mode is None:
            source.default_mode = FILE_MODE
    if volume.downward_api is not None:
        _downward_items(volume.downward_api.items)
    if volume.projected is not None:
        _projected(volume.projected)
    if volume.host_path is not None and volume.host_path.type is None:
        volume.host_path.type = ""
    if volume.image is not None:
        volume.image.pull_policy = volume.image.pull_policy or pull_policy(volume.image.reference)
    if volume.ephemeral is not None and volume.ephemeral.volume_claim_template is not None:
        claim = volume.ephemeral.volume_claim_template.spec
        claim.volume_mode = claim.volume_mode or "Filesystem"
    _remote_volume(volume)


def _projected(projected: core_v1.ProjectedVolumeSource) -> None:
    for source in projected.sources or ():
        if (
            source.service_account_token is not None
            and source.service_account_token.expiration_seconds is None
        ):
            source.service_account_token.expiration_seconds = TOKEN_SECONDS
        if source.pod_certificate is not None and source.pod_certificate.max_expiration_seconds is None:
            source.pod_certificate.max_expiration_seconds = CERTIFICATE_SECONDS
        if source.downward_api is not None:
            _downward_items(source.downward_api.items)


def _downward_items(items: list[core_v1.DownwardAPIVolumeFile] | None) -> None:
    for item in items or ():
        if item.field_ref is not None:
            item.field_ref.api_version = item.field_ref.api_version or "v1"


def _remote_volume(volume: core_v1.Volume) -> None:
    if volume.iscsi is not None:
        volume.iscsi.iscsi_interface = volume.iscsi.iscsi_interface or "default"
    if volume.rbd is not None:
        volume.rbd.pool = volume.rbd.pool or "rbd"
        volume.rbd.user = volume.rbd.user or "admin"
        volume.rbd.keyring = volume.rbd.keyring or "/etc/ceph/keyring"
    if volume.azure_disk is not None:
        disk = volume.azure_disk
        disk.caching_mode = disk.caching_mode or "ReadWrite"
        disk.fs_type = disk.fs_type or "ext4"
        disk.kind = disk.kind or "Shared"
        disk.read_only = bool(disk.read_only)
    if volume.scale_io is not None:
        volume.scale_io.storage_mode = volume.scale_io.storage_mode or "ThinProvisioned"
        volume.scale_io.fs_type = volume.scale_io.fs_type or "xfs"
