"""What a node agent asks of a container runtime: CRI v1's verbs with CRI's meaning, as Python data.

Why it exists: the agent decides (``agent/podstate.py``) and somebody else carries out.  ``oci`` (conmon + crun/runc),
``cri`` (containerd, CRI-O), ``process`` and ``simulated`` are interchangeable behind ``Runtime`` and pass one
conformance suite (``podling.testing.runtime_suite``).

The contract, beyond the signatures:

* **Identity.** Ids are opaque, unique on the node and never reused.  A *sandbox* is one attempt of one Pod; its
  ``(namespace, name, uid, attempt)`` is unique.  A container belongs to exactly one sandbox.
* **Idempotence.** ``stop_*`` and ``remove_*`` succeed on what is already stopped or gone, including unknown ids.
  ``remove_sandbox`` removes its containers by force.  ``create_*`` and ``start_container`` are not idempotent.
* **Durability.** Sandboxes and containers outlive the process that made them.  A new ``Runtime`` over the same
  state folder lists them with the same ids and reports every exit that happened in between.
* **Cancellation.** A cancelled ``run_sandbox`` or ``create_container`` leaves nothing behind; a cancelled
  ``stop_container`` may leave the container running, with a signal already sent.
* **Events.** ``events()`` yields every change of a container's state once, in order per container.  Subscribe
  first, then list: what happens between is in both, and nothing is in neither.
* **Errors.** Everything raised is a ``RuntimeFault`` (see the tree below); messages read "cannot <verb> <what>: <why>".
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


# RuntimeFault
# ├── NotFound            the sandbox, container or image does not exist
# ├── Unsupported         this runtime cannot honour what was asked; `what` names the field
# ├── ImageFault          an image cannot be had or used; `reason` is the container status reason
# ├── CreateFault         the container could not be made (status reason CreateContainerError)
# ├── StartFault          the container was made but its process could not run (RunContainerError), `exit_code` 127/128
# ├── Timeout             an exec did not end in time
# └── Unavailable         the runtime itself cannot be reached
class RuntimeFault(Exception):
    """A runtime could not do what it was asked."""


class NotFound(RuntimeFault):
    """The sandbox, container or image does not exist."""


class Unsupported(RuntimeFault):
    """The runtime cannot honour a field of the request and refuses it by name."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"cannot honour {what}: {why}")
        self.what = what


class ImageFault(RuntimeFault):
    """An image cannot be pulled, read or used.

    ``reason`` is what the container status shows while waiting: ``ErrImagePull``, ``InvalidImageName``,
    ``ErrImageNeverPull``, ``RegistryUnavailable`` or ``SignatureValidationFailed``.
    """

    def __init__(self, message: str, *, reason: str = "ErrImagePull") -> None:
        super().__init__(message)
        self.reason = reason


class CreateFault(RuntimeFault):
    """A container could not be created."""


class StartFault(RuntimeFault):
    """A created container's process could not be started; it counts as exited with ``exit_code``."""

    def __init__(self, message: str, *, exit_code: int = 128) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Timeout(RuntimeFault):
    """A command run in a container did not end within its time."""


class Unavailable(RuntimeFault):
    """The runtime cannot be reached or is broken as a whole."""


class NamespaceMode(enum.Enum):
    """Who shares a Linux namespace: CRI ``NamespaceMode``."""

    POD = "pod"
    CONTAINER = "container"
    NODE = "node"


class SandboxState(enum.Enum):
    READY = "ready"
    NOT_READY = "notready"


class ContainerState(enum.Enum):
    """created -> running -> exited; ``UNKNOWN`` when its supervisor was lost (treat as exited, then remove)."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Linux resources of a container or Pod cgroup.  ``None`` leaves the kernel's default.

    ``cpu_shares`` is on cgroup v1's scale (2..262144; v2 weight is derived), ``cpu_quota``/``cpu_period`` in
    microseconds, memory in bytes, ``pids`` a count, ``hugepages`` bytes by page size ("2MB"), ``unified`` raw v2 files.
    """

    cpu_shares: int | None = None
    cpu_quota: int | None = None
    cpu_period: int | None = None
    cpuset_cpus: str | None = None
    cpuset_mems: str | None = None
    memory_limit: int | None = None
    memory_swap_limit: int | None = None
    oom_score_adj: int | None = None
    pids: int | None = None
    hugepages: Mapping[str, int] = field(default_factory=dict)
    unified: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdMapping:
    """One line of a user namespace's map: ``length`` ids from ``container`` appear as ``host``."""

    host: int
    container: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceOptions:
    """Which namespaces a Pod has of its own.  ``users`` is None where the host's user namespace is used."""

    network: NamespaceMode = NamespaceMode.POD
    pid: NamespaceMode = NamespaceMode.CONTAINER
    ipc: NamespaceMode = NamespaceMode.POD
    users: tuple[IdMapping, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeccompProfile:
    """``kind`` is RuntimeDefault, Unconfined or Localhost (then ``path`` is an absolute path on the node)."""

    kind: str = "RuntimeDefault"
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityContext:
    """A container's (or sandbox's) security settings, already merged from Pod and container level."""

    privileged: bool = False
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_username: str | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str = "Merge"
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    readonly_rootfs: bool = False
    no_new_privs: bool = False
    proc_mount: str = "Default"
    seccomp: SeccompProfile = SeccompProfile()
    apparmor_profile: str = ""
    selinux_options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsConfig:
    """Lines of the Pod's resolv.conf."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PortMapping:
    """A ``hostPort``: traffic to ``host_ip:host_port`` reaches the Pod's ``container_port``."""

    protocol: str = "TCP"
    container_port: int = 0
    host_port: int = 0
    host_ip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """One attempt of one Pod: everything its containers share.  ``cgroup_parent`` is relative to the cgroup root."""

    name: str
    namespace: str
    uid: str
    attempt: int = 0
    hostname: str = ""
    log_directory: str = ""
    dns: DnsConfig | None = None
    port_mappings: tuple[PortMapping, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    cgroup_parent: str = ""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    namespaces: NamespaceOptions = NamespaceOptions()
    security: SecurityContext = SecurityContext()
    resources: Resources = Resources()
    ingress_rate: int | None = None
    egress_rate: int | None = None


class MountPropagation(enum.Enum):
    PRIVATE = "rprivate"
    HOST_TO_CONTAINER = "rslave"
    BIDIRECTIONAL = "rshared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A bind mount of ``host_path`` on ``container_path``; both absolute.  ``image`` mounts an image instead."""

    container_path: str
    host_path: str = ""
    readonly: bool = False
    recursive_readonly: bool = False
    propagation: MountPropagation = MountPropagation.PRIVATE
    image: str = ""
    image_sub_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    container_path: str
    host_path: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerConfig:
    """One attempt of one container.  ``image`` is an image id of this runtime.

    ``command`` replaces the image's entrypoint, ``args`` its command; None or empty keeps the image's (an empty
    ``args`` with a given ``command`` drops the image's command, as the API defines).  ``log_path`` is relative to the
    sandbox's ``log_directory``.
    """

    name: str
    image: str
    attempt: int = 0
    command: Sequence[str] = ()
    args: Sequence[str] = ()
    working_dir: str = ""
    env: Sequence[tuple[str, str]] = ()
    mounts: tuple[Mount, ...] = ()
    devices: tuple[Device, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    stop_signal: str = ""
    resources: Resources = Resources()
    security: SecurityContext = SecurityContext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A sandbox as the runtime sees it.  Times are nanoseconds since the epoch.  ``ips``: the primary address first."""

    id: str
    name: str
    namespace: str
    uid: str
    attempt: int
    state: SandboxState
    created_at: int
    ips: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    netns: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container as the runtime sees it.  ``reason`` is Completed, Error, OOMKilled or ContainerCannotRun once exited.

    ``image`` is the name asked for where known, ``image_id`` the content's digest; times are nanoseconds, 0 = not yet.
    """

    id: str
    sandbox_id: str
    name: str
    attempt: int
    state: ContainerState
    image: str
    image_id: str
    created_at: int
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    pid: int = 0
    log_path: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerEvent:
    """A container's state changed; ``container`` is its status after the change (None once removed)."""

    container_id: str
    sandbox_id: str
    container: Container | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image in the node's store.  ``id`` is the config digest; ``size`` counts the layers in bytes."""

    id: str
    repo_tags: tuple[str, ...]
    repo_digests: tuple[str, ...]
    size: int
    user: str = ""
    architecture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a registry asks for: user and password, or a bearer ``token``."""

    username: str = ""
    password: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStats:
    """Usage of one container: CPU in cumulative nanoseconds, memory and disk in bytes, ``at`` in nanoseconds."""

    container_id: str
    at: int
    cpu_usage: int
    memory_usage: int
    memory_working_set: int
    memory_rss: int
    rootfs_used: int = 0
    rootfs_inodes: int = 0
    pids: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """Outcome of ``exec_sync``: both streams whole (bounded at 16 MiB together) and the exit code."""

    stdout: bytes
    stderr: bytes
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInfo:
    """Names the runtime (``containerRuntimeVersion`` is ``name://version``) and says what it does *not* isolate.

    ``isolation`` names the way that containers are kept apart, for a runtime that has several.
    """

    name: str
    version: str
    not_isolated: tuple[str, ...] = ()
    handlers: tuple[str, ...] = ("",)
    isolation: str = ""


class Stream(Protocol):
    """A live exec or attach.  Reading is pulled by the caller, so a slow client stalls the process, not memory.

    ``read`` yields ``(channel, data)`` with channel 1 = stdout, 2 = stderr until both ended; ``wait`` gives the exit
    code (attach: of the container).  Leaving the context manager that gave it kills an exec's process group.
    """

    def read(self) -> AsyncIterator[tuple[int, bytes]]: ...
    async def write(self, data: bytes) -> None: ...
    async def close_stdin(self) -> None: ...
    async def resize(self, width: int, height: int) -> None: ...
    async def wait(self) -> int: ...


class Runtime(Protocol):
    """Sandboxes and containers of one node.  See the module's text for the contract that the signatures cannot say."""

    async def start(self) -> None:
        """Make ready: adopt what runs already.  Raises ``Unavailable`` with what is missing."""
        ...

    async def close(self) -> None:
        """Let go without stopping any container."""
        ...

    def info(self) -> RuntimeInfo: ...

    async def run_sandbox(self, config: SandboxConfig, *, handler: str = "") -> Sandbox: ...
    async def stop_sandbox(self, sandbox_id: str) -> None: ...
    async def remove_sandbox(self, sandbox_id: str) -> None: ...
    async def sandbox(self, sandbox_id: str) -> Sandbox: ...
    async def list_sandboxes(self) -> list[Sandbox]: ...

    async def create_container(self, sandbox_id: str, config: ContainerConfig) -> str:
        """Make a container, not yet running, and return its id.  Raises ``CreateFault`` or ``ImageFault``."""
        ...

    async def start_container(self, container_id: str) -> None:
        """Run the created container's process.  Raises ``StartFault`` if the command cannot be executed."""
        ...

    async def stop_container(self, container_id: str, *, grace: float) -> None:
        """Send the stop signal, wait up to ``grace`` seconds, then SIGKILL; return when the container has exited."""
        ...

    async def signal_container(self, container_id: str, signal: int) -> None: ...
    async def remove_container(self, container_id: str) -> None: ...
    async def container(self, container_id: str) -> Container: ...
    async def list_containers(self, sandbox_id: str | None = None) -> list[Container]: ...
    async def update_resources(self, container_id: str, resources: Resources) -> None: ...
    async def reopen_log(self, container_id: str) -> None: ...
    async def stats(self, container_id: str | None = None) -> list[ContainerStats]: ...

    async def exec_sync(self, container_id: str, command: Sequence[str], *, limit: float) -> ExecResult:
        """Run ``command`` inside; ``limit`` in seconds (0 = none), past it the process is killed and ``Timeout`` raised."""
        ...

    def exec(
        self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool
    ) -> AbstractAsyncContextManager[Stream]: ...

    def attach(self, container_id: str, *, stdin: bool, tty: bool) -> AbstractAsyncContextManager[Stream]: ...

    def port_forward(self, sandbox_id: str, port: int) -> AbstractAsyncContextManager[Stream]:
        """A TCP connection to ``port`` on the sandbox's localhost; only channel 1 is used."""
        ...

    def events(self) -> AsyncIterator[ContainerEvent]:
        """Every later change of a container's state.  Subscribed from the call on, not from the first ``anext``."""
        ...


class Images(Protocol):
    """The images of one machine, shared by every node and cluster on it.

    References are normalised as Docker does (``busybox`` -> ``docker.io/library/busybox:latest``); ``resolve`` takes
    a name, a digest reference or an id.
    """

    async def list(self) -> list[Image]: ...
    async def resolve(self, reference: str) -> Image | None: ...

    async def pull(self, reference: str, *, credentials: Sequence[Credentials] = ()) -> Image:
        """Fetch from the registry or a mirror.  Raises ``ImageFault``; ``RegistryUnavailable`` = it did not answer."""
        ...

    async def remove(self, reference: str) -> None: ...
    async def used_bytes(self) -> int: ...


class SandboxNetwork(Protocol):
    """Connects a sandbox's network namespace; made by ``podling.network`` and handed to a runtime that needs one."""

    async def attach(self, sandbox_id: str, netns: str, config: SandboxConfig) -> tuple[str, ...]:
        """Give the namespace at path ``netns`` its interface and routes; return its addresses.  All or nothing."""
        ...

    async def detach(self, sandbox_id: str) -> None:
        """Take it back: interface, address, hostPorts.  Idempotent, works when the namespace is gone already."""
        ...

    async def addresses(self, sandbox_id: str) -> tuple[str, ...]:
        """The addresses given to the sandbox, also by an earlier process; () if none."""
        ...
