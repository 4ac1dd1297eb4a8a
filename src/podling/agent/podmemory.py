"""What the agent remembers of one Pod between two plans; all of it may be lost with the process without harm."""

from __future__ import annotations

from dataclasses import dataclass, field

from podling.aio.backoff import Backoff, Streak
from podling.api import pod as pods
from podling.api.types import core_v1
from podling.runtime.interface import Image

from .podstate import Failure, Verdict
from .resize import allocation
from .resize.allocation import Allocation, Resizing

PULL = Backoff(first=10, cap=300)
MOUNT = Backoff(first=0.5, cap=122)
SANDBOX = Backoff(first=1, cap=10)
OTHER = Backoff(first=0.2, cap=10)
CONFIG_SECONDS = 10.0
"""Between tries to make a container that cannot be made as things are (kubelet's backOffPeriod)."""


@dataclass(slots=True)
class Memory:
    """``failures`` by container name, and "sandbox"; ``images`` found for containers about to start.

    ``volume_images``: what image volumes show, by the volume's name.
    """

    pod: core_v1.Pod
    status: core_v1.PodStatus
    failures: dict[str, Failure] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)
    volume_images: dict[str, Image] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    noted: dict[str, None] = field(default_factory=dict)
    hooked: dict[str, None] = field(default_factory=dict)
    """Containers whose end has been announced and whose preStop hook has been begun."""
    static: bool = False
    """It comes from a file of the node: the API has only a mirror of it, which is no reason to end it."""
    mirror: core_v1.Pod | None = None
    verdict: Verdict | None = None
    ending_at: float | None = None
    volumes_ready: bool = False
    volumes_retry_at: float = 0.0
    volumes_wanted_at: float | None = None
    changes: int = 0
    """How often something that the Pod refers to has changed."""
    removed: bool = False
    deleted: bool = False
    shutdown: bool = False
    resizing: Resizing = field(default_factory=Resizing)
    wanted: core_v1.Pod = field(init=False)
    """The object as the API has it; ``pod`` is the same with the resources that this node has granted."""
    allocation: Allocation = field(init=False)
    _streaks: dict[str, Streak] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.allocation = allocation.recovered(self.pod)
        self.resizing.actuated = allocation.actuated(self.pod)
        self.resizing.whole = in_force = allocation.in_force(self.pod)
        whole = in_force.spec.resources if in_force.spec else None
        self.resizing.bounds = dict.fromkeys(self.resizing.actuated, whole)
        self.learn(self.pod)

    def learn(self, pod: core_v1.Pod) -> None:
        """The API has a newer object."""
        self.wanted, self.pod = pod, allocation.applied(pod, self.allocation)

    def grant(self, granted: Allocation) -> None:
        """The node gives the Pod these resources from now on."""
        self.allocation = granted
        self.learn(self.wanted)

    @property
    def uid(self) -> str:
        return self.pod.metadata.uid or ""

    @property
    def namespace(self) -> str:
        return self.pod.metadata.namespace or ""

    @property
    def name(self) -> str:
        return self.pod.metadata.name or ""

    def container(self, name: str) -> core_v1.Container | None:
        """The spec of a container, init container or ephemeral container."""
        spec = self.pod.spec or core_v1.PodSpec()
        found = next((container for container in pods.all_containers(spec) if container.name == name), None)
        return pods.as_container(found) if isinstance(found, core_v1.EphemeralContainer) else found

    def fail(self, what: str, rule: Backoff, now: float) -> float:
        """Count a failure of ``what``; returns when to try again."""
        streak = self._streaks.get(what)
        if streak is None:
            streak = self._streaks[what] = Streak(rule)
        return now + streak.fail(now)

    def succeed(self, what: str) -> None:
        self._streaks.pop(what, None)
        self.failures.pop(what, None)

    def things_changed(self) -> None:
        """Something that this Pod refers to has changed: what failed for want of it is tried again at once."""
        self.changes += 1
        self.volumes_retry_at = 0.0
        for name in [
            name for name, known in self.failures.items() if known.reason == "CreateContainerConfigError"
        ]:
            del self.failures[name]
