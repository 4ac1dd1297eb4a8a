"""Labels and annotations that the agent writes on sandboxes and containers: the kubelet's names, so that tools know them.

They are the agent's only memory across restarts: which Pod a container belongs to, what spec it was made from, how often it
was restarted and how long its Pod may take to end even if the Pod's object is gone by then.
(Source of the names: kubernetes `pkg/kubelet/types/labels.go`, `pkg/kubelet/kuberuntime/labels.go`.)
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from podling.api.types import core_v1

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"

HASH = "io.kubernetes.container.hash"
RESTART_COUNT = "io.kubernetes.container.restartCount"
POD_GRACE = "io.kubernetes.pod.terminationGracePeriod"
MESSAGE_PATH = "io.kubernetes.container.terminationMessagePath"
MESSAGE_POLICY = "io.kubernetes.container.terminationMessagePolicy"
MESSAGE_FILE = "podling.io/container.terminationMessageFile"
CRASHES = "podling.io/container.crashes"
IMAGE = "podling.io/container.image"
IMAGE_REF = "podling.io/container.imageRef"

DEFAULT_GRACE = 30


def container_hash(container: core_v1.Container) -> str:
    """Changes exactly when a running container must be replaced: its name and image, as upstream's since v1.31."""
    return f"{zlib.crc32(f'{container.name} {container.image}'.encode()):08x}"


def of_pod(pod: core_v1.Pod) -> dict[str, str]:
    """Labels of a sandbox."""
    meta = pod.metadata
    return {POD_NAME: meta.name or "", POD_NAMESPACE: meta.namespace or "", POD_UID: meta.uid or ""}


def of_container(pod: core_v1.Pod, name: str) -> dict[str, str]:
    """Labels of a container."""
    return {**of_pod(pod), CONTAINER_NAME: name}


def pod_grace(annotations: Mapping[str, str]) -> int:
    """Seconds that a Pod may take to end, read back from a sandbox or container of it."""
    return number(annotations, POD_GRACE, default=DEFAULT_GRACE)


def number(annotations: Mapping[str, str], key: str, *, default: int = 0) -> int:
    """An annotation as an integer; ``default`` where it is absent or damaged."""
    text = annotations.get(key, "")
    return int(text) if text.isdecimal() else default
