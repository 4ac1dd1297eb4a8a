"""Which size of huge pages an ``emptyDir`` is made of: the one that its medium names, or the only one that the Pod asks for.

(Source: tasks/manage-hugepages/scheduling-hugepages; kubelet `pkg/volume/emptydir`.)
"""

from __future__ import annotations

from collections.abc import Iterator

from podling.agent.errors import VolumeFault
from podling.api import quantity
from podling.api.types import core_v1

MEDIUM = "HugePages"
_RESOURCE = "hugepages-"


def is_medium(medium: str) -> bool:
    return medium == MEDIUM or medium.startswith(f"{MEDIUM}-")


def mount_option(medium: str, pod: core_v1.Pod) -> str:
    """The option of a hugetlbfs mount.  Raises ``VolumeFault`` if the Pod does not ask for such pages, or for several sizes."""
    asked = [*dict.fromkeys(_asked(pod.spec or core_v1.PodSpec()))]
    if medium != MEDIUM:
        wanted = quantity.parse(medium.removeprefix(f"{MEDIUM}-"))
        asked = [size for size in asked if quantity.parse(size) == wanted]
    elif len(asked) > 1:
        raise VolumeFault(f"medium: {medium} can't be used if container requests multiple huge page sizes")
    if not asked:
        why = "hugePages storage requested, but there is no resource request for huge pages"
        raise VolumeFault(f"medium {medium}: {why}")
    return f"pagesize={asked[0]}"


def _asked(spec: core_v1.PodSpec) -> Iterator[str]:
    """Sizes of the pages that the Pod or any container requests."""
    holders = [spec.resources, *(c.resources for c in [*spec.containers, *(spec.init_containers or [])])]
    for resources in holders:
        for name in (resources.requests if resources else None) or {}:
            if name.startswith(_RESOURCE):
                yield name.removeprefix(_RESOURCE)
