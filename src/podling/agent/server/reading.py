"""What a node and its Pods use at one moment: the plain data that every form of it is written from.

Sizes are bytes, CPU is cumulative nanoseconds, ``at`` and ``started`` are nanoseconds since the epoch (0: not known).
"""

from __future__ import annotations

from dataclasses import dataclass

from podling.runtime.interface import Container, ContainerStats


@dataclass(frozen=True, slots=True)
class Interface:
    """Counters of a network interface since it was made."""

    name: str
    rx_bytes: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Filesystem:
    """What a file system has, and what is left of it for those without privileges."""

    capacity: int = 0
    available: int = 0
    inodes: int = 0
    inodes_free: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeReading:
    """``claim``: the name of the PersistentVolumeClaim behind it, if there is one."""

    name: str
    used: int
    inodes_used: int
    filesystem: Filesystem
    claim: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerReading:
    """``nanocores``: what it used of late, in billionths of a core; ``log``: size of its log files."""

    container: Container
    stats: ContainerStats
    nanocores: int = 0
    log: int = 0

    @property
    def name(self) -> str:
        return self.container.name


@dataclass(frozen=True, slots=True, kw_only=True)
class PodReading:
    """A Pod with the containers of it that run; ``started`` as in its status."""

    namespace: str
    name: str
    uid: str
    started: str
    containers: tuple[ContainerReading, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    volumes: tuple[VolumeReading, ...] = ()

    @property
    def at(self) -> int:
        return max((one.stats.at for one in self.containers), default=0)

    @property
    def cpu(self) -> int:
        return sum(one.stats.cpu_usage for one in self.containers)

    @property
    def nanocores(self) -> int:
        return sum(one.nanocores for one in self.containers)

    @property
    def usage(self) -> int:
        return sum(one.stats.memory_usage for one in self.containers)

    @property
    def working_set(self) -> int:
        return sum(one.stats.memory_working_set for one in self.containers)

    @property
    def rss(self) -> int:
        return sum(one.stats.memory_rss for one in self.containers)

    @property
    def pids(self) -> int:
        return sum(one.stats.pids for one in self.containers)

    @property
    def stored(self) -> int:
        """Its ephemeral storage: what containers wrote beside volumes, their logs, and volumes that end with the Pod."""
        own = sum(one.stats.rootfs_used + one.log for one in self.containers)
        return own + sum(volume.used for volume in self.volumes if not volume.claim)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The node as a whole; ``memory`` is what it has."""

    cpu: int
    memory: int
    usage: int
    working_set: int
    rss: int
    nanocores: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything, at one moment."""

    node: str
    at: int
    totals: Totals
    pods: tuple[PodReading, ...]
    failed: bool = False
    """The runtime could not tell what containers use."""
    booted: int = 0
    filesystem: Filesystem = Filesystem()
    interfaces: tuple[Interface, ...] = ()
    pids: int = 0
    max_pids: int = 0
