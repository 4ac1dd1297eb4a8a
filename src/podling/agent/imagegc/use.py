"""Which images Pods of a node need (pure): those that containers stand on, and those that specs name and may want next."""

from __future__ import annotations

from collections.abc import Iterable

from podling.api import pod as pods
from podling.api.types import core_v1
from podling.runtime.images import reference
from podling.runtime.interface import Container


def in_use(containers: Iterable[Container], wanted: Iterable[core_v1.Pod]) -> set[str]:
    """Names in full and ids."""
    standing = {name for one in containers for name in (one.image, one.image_id)}
    return standing | {_full(name) for pod in wanted for name in _named(pod.spec or core_v1.PodSpec())}


def _named(spec: core_v1.PodSpec) -> Iterable[str]:
    for container in pods.all_containers(spec):
        yield container.image or ""
    for volume in spec.volumes or []:
        if volume.image is not None:
            yield volume.image.reference or ""


def _full(name: str) -> str:
    try:
        return str(reference.parse(name))
    except reference.InvalidReference:
        return name
