"""What every part that works for a Pod is given: the node's mechanisms in one frozen record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from podling.aio.clock import Clock
from podling.aio.tasks import Tasks
from podling.api.types import core_v1
from podling.client.client import Client
from podling.client.events import EventRecorder
from podling.runtime.interface import Runtime, RuntimeInfo

from .config import AgentConfig
from .eviction.pressure import Pressure
from .hooks import Hooks
from .imagepull.puller import ImagePuller
from .observed import Observed
from .paths import Paths
from .permits import Permits
from .podspec.fields import Facts
from .probes.manager import ProbeManager
from .references import References
from .tokens import Tokens
from .volumes.manager import VolumeManager


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What Pods can see of their node: addresses, what is allocatable, bytes of memory, the host's resolver file.

    ``group`` is the control group of its Pods, "" where there is none.  ``is_machine``: it is the whole machine and its
    only node, so that what the machine uses is what it uses.
    """

    host_ips: tuple[str, ...]
    allocatable: dict[str, str]
    memory: int
    resolv_conf: str
    is_machine: bool = False
    group: str = ""

    def of_pod(self, pod_ips: Sequence[str] = ()) -> Facts:
        return Facts(pod_ips=pod_ips, host_ips=self.host_ips, allocatable=self.allocatable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    config: AgentConfig
    paths: Paths
    node: NodeFacts
    permits: Permits
    client: Client
    runtime: Runtime
    info: RuntimeInfo
    observed: Observed
    images: ImagePuller
    volumes: VolumeManager
    references: References
    tokens: Tokens
    probes: ProbeManager
    hooks: Hooks
    recorder: EventRecorder
    services: Callable[[], Sequence[core_v1.Service]]
    clock: Clock
    random: Random
    tasks: Tasks
    pressure: Pressure

    def tell(self, pod: core_v1.Pod, type: str, reason: str, message: str, *, container: str = "") -> None:
        """An Event about the Pod or one of its containers."""
        self.recorder.event(
            pod,
            "Warning" if type == "Warning" else "Normal",
            reason,
            message,
            field_path=field_path(pod, container) if container else "",
        )

    def tell_node(self, node: core_v1.Node, type: str, reason: str, message: str) -> None:
        """An Event about the node; upstream uses its name as UID there."""
        about = core_v1.ObjectReference(kind="Node", name=node.metadata.name, uid=node.metadata.name)
        self.recorder.event(about, "Warning" if type == "Warning" else "Normal", reason, message)


def field_path(pod: core_v1.Pod, container: str) -> str:
    """``spec.containers{name}``, as Events name a part of a Pod."""
    spec = pod.spec or core_v1.PodSpec()
    sorts = {"initContainers": spec.init_containers, "ephemeralContainers": spec.ephemeral_containers}
    for field, known in sorts.items():
        if any(one.name == container for one in known or []):
            return f"spec.{field}{{{container}}}"
    return f"spec.containers{{{container}}}"
