"""Pods that use more storage than they may: of an emptyDir with a limit, of a container's, or of all together (pure).

(Source: kubelet `localStorageEviction`.)
"""

from __future__ import annotations

from podling.api import pod as pods
from podling.api import quantity
from podling.api.types import core_v1

from .signals import STORAGE
from .usage import Usage


def has_any(pod: core_v1.Pod) -> bool:
    """Whether there is a bound that the Pod could break."""
    spec = pod.spec or core_v1.PodSpec()
    return STORAGE in pods.limits(pod) or any(
        volume.empty_dir is not None and volume.empty_dir.size_limit for volume in spec.volumes or ()
    )


def broken(pod: core_v1.Pod, usage: Usage) -> str | None:
    """Which bound the Pod breaks, in upstream's words with their trailing space; None if none."""
    return _volume(pod, usage) or _whole(pod, usage) or _container(pod, usage)


def _volume(pod: core_v1.Pod, usage: Usage) -> str | None:
    for volume in (pod.spec.volumes if pod.spec else None) or ():
        limit = volume.empty_dir.size_limit if volume.empty_dir is not None else None
        if not limit or quantity.parse(limit).value() <= 0:
            continue
        if usage.volumes.get(volume.name, 0) > quantity.parse(limit).value():
            return f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{limit}". '
    return None


def _whole(pod: core_v1.Pod, usage: Usage) -> str | None:
    limit = pods.limits(pod).get(STORAGE)
    if limit is None or usage.total.get(STORAGE, 0) <= limit.value():
        return None
    return f"Pod ephemeral local storage usage exceeds the total limit of containers {limit}. "


def _container(pod: core_v1.Pod, usage: Usage) -> str | None:
    for container in pod.spec.containers if pod.spec else ():
        limits = (container.resources.limits if container.resources else None) or {}
        used = usage.containers.get(container.name, {}).get(STORAGE, 0)
        if STORAGE in limits and used > quantity.parse(limits[STORAGE]).value() > 0:
            return (
                f'Container {container.name} exceeded its local ephemeral storage limit "{limits[STORAGE]}". '
            )
    return None
