"""What a runtime is asked for: sandboxes, containers and what belongs to them, as frozen data."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class NamespaceMode(enum.Enum):
    """Who shares a Linux namespace: CRI ``NamespaceMode``."""

    POD = "pod"
    CONTAINER = "container"
    NODE = "node"


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
    """A bind mount of ``host_path`` on ``container_path``; both absolute.  ``image`` mounts an image instead,
    by its id: read-only, and nothing on it can be executed (``image_sub_path``: a part of it).
    """

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
    sandbox's ``log_directory``.  ``pid_target`` is the id of a running container of the same sandbox whose PID namespace it
    joins (CRI ``TARGET``); a runtime that keeps no PID namespaces apart need not look at it.
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
    pid_target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a registry asks for: user and password, or a bearer ``token``."""

    username: str = ""
    password: str = ""
    token: str = ""
