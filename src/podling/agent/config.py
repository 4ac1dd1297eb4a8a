"""The agent's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .eviction.settings import EvictionSettings
from .imagegc.decision import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """What one node is to be.

    node_name        name of the Node object; also the agent's user is ``system:node:<node_name>``.
    address          the node's InternalIP; "" = the one it would speak to the outside with.
    kubelet_version  what nodeInfo says; the API level that this agent follows.
    cluster_domain   DNS suffix of the cluster.
    cluster_dns      addresses of the cluster's DNS; empty until there is one: then Pods get the node's resolv.conf.
    pod_cidrs        ranges from which this node's Pods get addresses; written into a Node that has none.
    labels           further labels of the Node.
    annotations      further annotations of the Node.
    cpus             CPUs to offer; None = all of the machine.
    memory           bytes of memory to offer; None = all of the machine.
    max_pods         Pods to offer (kubelet's default).
    hold_seconds     how long a status that shows only passing steps is held back, so that a quick start is one write.
    resync_seconds   how often the runtime is listed again in case an event was lost.
    log_bytes        size at which a container's log is rotated (kubelet's containerLogMaxSize).
    log_files        how many files of a log are kept, the current one included (containerLogMaxFiles).
    lease_seconds    what the node's lease is made for (nodeLeaseDurationSeconds); it is renewed four times meanwhile.
    allowed_unsafe_sysctls  sysctls, or beginnings of their names with a *, that Pods may set besides the safe ones (kubelet's).
    image_records    folder of who may use which image, shared by nodes that share an image store; None = the node's own.
    parallel_pulls   images that are pulled at once (maxParallelImagePulls; 1 = serializeImagePulls).
    reserved         what is kept from Pods, as quantities by resource, each part by itself (kube-reserved, system-reserved).
    pod_pids         processes that a Pod may have; None = no bound (podPidsLimit).
    image_garbage    when images that no Pod needs are removed.
    eviction         when and how Pods are evicted (see ``EvictionSettings``).
    image_garbage    when images that no Pod needs are removed.
    status_seconds   how often the Node's status is written though nothing changed (nodeStatusReportFrequency).
    """

    node_name: str
    address: str = ""
    kubelet_version: str = "v1.37.0"
    cluster_domain: str = "cluster.local"
    cluster_dns: tuple[str, ...] = ()
    pod_cidrs: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    cpus: int | None = None
    memory: int | None = None
    max_pods: int = 110
    hold_seconds: float = 0.1
    resync_seconds: float = 300.0
    log_bytes: int = 10 << 20
    log_files: int = 5
    lease_seconds: int = 40
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    image_records: Path | None = None
    parallel_pulls: int = 3
    reserved: tuple[Mapping[str, str], ...] = ()
    pod_pids: int | None = None
    image_garbage: Policy = field(default_factory=Policy)
    eviction: EvictionSettings = field(default_factory=EvictionSettings)
    status_seconds: float = 300.0
