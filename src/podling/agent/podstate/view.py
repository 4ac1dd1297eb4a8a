"""What a decision about one Pod is made from: the whole world as plain, frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

from podling.agent.resize.allocation import Resizing
from podling.api import pod as pods
from podling.api.types import core_v1
from podling.runtime.interface import Container, Sandbox

from .actions import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What the probes of one running container say; a probe that the container lacks counts as passed."""

    started: bool = True
    startup_failed: bool = False
    ready: bool = True
    alive: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the next step towards a running container cannot be taken: what its status shows while waiting.

    ``at`` and ``retry_at`` in seconds since the epoch; ``image`` is what could not be had, if it was an image.
    """

    reason: str
    message: str
    _: KW_ONLY
    at: float
    retry_at: float
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """``ready``: all are mounted.  ``present``: something is on the node that must be taken down in the end.

    ``recursive_readonly``: the runtime can make what is mounted inside a volume read-only, too.
    """

    ready: bool = False
    present: bool = False
    retry_at: float = 0.0
    recursive_readonly: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The agent's own reason to end a Pod as Failed: refused at admission, evicted.  ``grace`` in seconds.

    ``disrupts``: the Pod has done nothing to deserve it, which a condition tells its controller; ``explanation`` is that
    condition's message, if it is not ``message``.
    """

    reason: str
    message: str
    grace: int | None = None
    refused: bool = False
    disrupts: bool = False
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One Pod and everything that bears on it.

    pod         the object as the API last told it.
    status      the status that this agent computed last (at start: the object's own).
    now         seconds since the epoch.
    sandboxes   every attempt that the runtime knows, newest first.
    containers  every container of the Pod that the runtime knows, newest attempt of a name first.
    messages    termination messages by container id.
    probed      probe results by container id; absent = no result yet.
    images      containers whose image is on the node, by container name -> image id.
    failures    what went wrong at the latest try: by container name, and "sandbox".
    busy        operations under way, by their key.
    written     ``status`` has reached the API.
    static      the Pod comes from a file of the node: no object of the API bears on it.
    removed     the object is gone from the API, or the file from the node.
    deleted     its deletion has been asked for by us; finalizers may keep it for a while.
    shutdown    the agent stops and takes its Pods down with it; their objects stay.
    ending_at   when the Pod began to end; None before.
    resizing    how far a change of the Pod's resources is; ``pod`` has those that it has been granted.
    """

    pod: core_v1.Pod
    status: core_v1.PodStatus
    now: float
    runtime: str = "oci"
    host_ips: tuple[str, ...] = ()
    sandboxes: tuple[Sandbox, ...] = ()
    containers: tuple[Container, ...] = ()
    messages: Mapping[str, str] = field(default_factory=dict)
    probed: Mapping[str, Probed] = field(default_factory=dict)
    volumes: Volumes = Volumes()
    images: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    busy: Mapping[str, Action] = field(default_factory=dict)
    verdict: Verdict | None = None
    written: bool = False
    static: bool = False
    removed: bool = False
    deleted: bool = False
    shutdown: bool = False
    ending_at: float | None = None
    resizing: Resizing = field(default_factory=Resizing)

    @property
    def spec(self) -> core_v1.PodSpec:
        return self.pod.spec or core_v1.PodSpec()

    @property
    def inits(self) -> list[core_v1.Container]:
        return self.spec.init_containers or []

    @property
    def ephemerals(self) -> list[core_v1.Container]:
        return [pods.as_container(one) for one in self.spec.ephemeral_containers or []]

    def newest(self, name: str) -> Container | None:
        """The latest attempt of the container ``name`` in any sandbox."""
        return next((c for c in self.containers if c.name == name), None)

    def known_status(self, name: str) -> core_v1.ContainerStatus | None:
        """What the last computed status says of the container ``name``."""
        return pods.container_status(core_v1.Pod(status=self.status), name)

    def attempts(self, name: str) -> list[Container]:
        """Every attempt of the container ``name``, latest first."""
        return [c for c in self.containers if c.name == name]


def probed(view: View, container: core_v1.Container, container_id: str) -> Probed:
    """The probe results of a running container; before the first ones, what upstream assumes."""
    known = view.probed.get(container_id)
    if known is not None:
        return known
    return Probed(started=container.startup_probe is None, ready=container.readiness_probe is None)
