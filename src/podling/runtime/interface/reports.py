"""What a runtime tells: states, statuses, events and usage, as frozen data."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from .requests import Resources


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
class ContainerUser:
    """Who a container's first process is, in numbers; ``groups`` holds ``gid``, too."""

    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container as the runtime sees it.  ``reason`` is Completed, Error, OOMKilled or ContainerCannotRun once exited.

    ``image`` is the name asked for where known, ``image_id`` the content's digest; times are nanoseconds, 0 = not yet.
    ``resources`` are the limits in force, as the kernel has them; None where the runtime enforces none.
    ``user`` is None where the runtime does not tell.
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
    resources: Resources | None = None
    user: ContainerUser | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerEvent:
    """A container's state changed; ``container`` is its status after the change (None once removed)."""

    container_id: str
    sandbox_id: str
    container: Container | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image in the node's store.  ``id`` is the config digest; ``size`` counts the layers in bytes.

    ``pinned``: it is no garbage, though nothing here may use it: no registry would give it back, or another node's
    container stands on it.
    """

    id: str
    repo_tags: tuple[str, ...]
    repo_digests: tuple[str, ...]
    size: int
    user: str = ""
    architecture: str = ""
    pinned: bool = False


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
    ``recursive_readonly``: what is mounted inside a volume can be made read-only with it.
    ``user_namespaces``: a Pod may have users of its own.  ``strict_groups``: the image's groups can be left out.
    """

    name: str
    version: str
    not_isolated: tuple[str, ...] = ()
    handlers: tuple[str, ...] = ("",)
    isolation: str = ""
    recursive_readonly: bool = False
    user_namespaces: bool = False
    strict_groups: bool = False
