"""One attempt of a container as the runtime interface takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podling.agent import labels, paths
from podling.api import expansion
from podling.api.types import core_v1
from podling.runtime.interface import ContainerConfig, Device, Mount, Resources, SecurityContext

from .sandbox import grace

DEFAULT_MESSAGE_PATH = "/dev/termination-log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What has been worked out for one attempt: image id, environment, mounts, limits, security.

    ``image`` and ``image_ref`` are what its status calls the image and its content.
    """

    image_id: str
    attempt: int
    crashes: int
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    resources: Resources
    security: SecurityContext
    message_file: str
    devices: tuple[Device, ...] = ()
    pid_target: str = ""
    image: str = ""
    image_ref: str = ""


def config(pod: core_v1.Pod, container: core_v1.Container, parts: Parts) -> ContainerConfig:
    """What `Runtime.create_container` is to make."""
    environment = parts.environment
    return ContainerConfig(
        name=container.name,
        image=parts.image_id,
        attempt=parts.attempt,
        command=[expansion.expand(word, environment) for word in container.command or []],
        args=[expansion.expand(word, environment) for word in container.args or []],
        working_dir=container.working_dir or "",
        env=tuple(environment.items()),
        mounts=parts.mounts,
        devices=parts.devices,
        labels=labels.of_container(pod, container.name),
        annotations=_annotations(pod, container, parts),
        log_path=paths.log_name(container.name, parts.attempt),
        stdin=bool(container.stdin),
        stdin_once=bool(container.stdin_once),
        tty=bool(container.tty),
        stop_signal=(container.lifecycle.stop_signal if container.lifecycle else None) or "",
        resources=parts.resources,
        security=parts.security,
        pid_target=parts.pid_target,
    )


def message_path(container: core_v1.Container) -> str:
    """Where in the container its last words are written."""
    return container.termination_message_path or DEFAULT_MESSAGE_PATH


def _annotations(pod: core_v1.Pod, container: core_v1.Container, parts: Parts) -> dict[str, str]:
    return {
        labels.HASH: labels.container_hash(container),
        labels.RESTART_COUNT: str(parts.attempt),
        labels.CRASHES: str(parts.crashes),
        labels.POD_GRACE: str(grace(pod.spec or core_v1.PodSpec())),
        labels.MESSAGE_PATH: message_path(container),
        labels.MESSAGE_POLICY: container.termination_message_policy or "File",
        labels.MESSAGE_FILE: parts.message_file,
        labels.IMAGE: parts.image,
        labels.IMAGE_REF: parts.image_ref,
    }
