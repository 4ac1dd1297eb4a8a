"""A cluster's settings: frozen, validated once, kept in ``cluster.json``.

Each field says its unit, its default and the reason for it.  What a later ``up`` may change is changed with
``amended``; ranges stay as they were when the cluster was made, because running Pods carry addresses of them.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podling.api import quantity, times

from .errors import BadConfig
from .layout import Layout

DEFAULT_NAME = "podling"
DEFAULT_PORT = 6443
RELEASE = "1.37"
VERSION_PATTERN = re.compile(r"v?1\.(\d{2})(?:\.\d+)?")
NAME_PATTERN = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")

# What `--runtime` may name.  `auto` takes the first that this machine allows, in this order.
RUNTIMES = ("oci", "process", "cri", "simulated")
_LEAST_MEMORY = 32 << 20
FIXED = ("cluster_cidr", "service_cidr")
NOT_NEGATIVE = (
    "default_not_ready_toleration_seconds",
    "default_unreachable_toleration_seconds",
    "max_requests_inflight",
    "max_mutating_requests_inflight",
    "audit_log_maxsize",
    "audit_log_maxbackup",
    "audit_log_maxage",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig:
    """What a cluster is made of.

    name           DNS label of at most 40 characters; it ends up in names of interfaces, cgroups and contexts.
    port           TCP port of the API server on loopback; 0 = the last one or 6443 if free, otherwise any free one.
    last_port      the port that it had last, 0 = none yet.
    cluster_cidr   IPv4 range of Pod addresses; the node takes its part of it.  Private by default (k3s' choice).
    service_cidr   IPv4 range of Service addresses.
    cluster_domain DNS suffix of the cluster.
    runtime        oci, process, cri, simulated, or auto = the first that this machine allows (never cri).
    runtime_endpoint  the socket of the runtime that `cri` uses, as kubelet's flag takes it: unix:///path.
    node_name      name of the node that lives in the main process; the cluster's own name unless set.
    nodes          how many nodes, each a host of its own; the further ones are agent processes.
    controllers    which controllers run, as `kube-controller-manager --controllers` takes it: all but `-these`.
    node_cpus      CPUs that each node has; 0 = all of the machine's.
    node_memory    memory that each node has, as a quantity (`2Gi`); "" = all of the machine's.
    pod_manifest_path  folder of static Pods, an absolute path; each node runs them all.  "" = none, as the kubelet's flag.
    allowed_unsafe_sysctls  further sysctls that Pods may set, with commas between, as the kubelet's flag.
    pod_max_pids   processes that a Pod may have; 0 = as many as it likes.
    image_gc_high_threshold   percent of the disk from which on images that no Pod needs are removed, 100 = never,
    image_gc_low_threshold    and down to which, as the kubelet's flags.
    max_parallel_image_pulls  images that each node pulls at once, as the kubelet's setting.
    kubernetes_version  release whose groups, versions, fields and features are served, like `1.33`.
    runtime_config which alpha and beta versions are served too, as `kube-apiserver --runtime-config` takes it.
    event_ttl      how long Events are kept after their last write, as Go writes durations; upstream's default.

    access_log     whether the API server logs every request, not only those that fail or take over a second.

    The audit log, as kube-apiserver's flags of these names, its defaults:
    audit_policy_file                       absolute path of the policy (audit.k8s.io/v1); "" = there is no audit log.
    audit_log_path                          file that is written; "" = `audit.log` in the cluster's folder.
    audit_log_maxsize                       megabytes after which it is put away under its date.
    audit_log_maxbackup, audit_log_maxage   how many of those are kept and for how many days; 0 = all.

    What the API server bears, as upstream's flags of these names, its defaults:
    request_timeout                         after which a request gets 504, as Go writes durations.
    max_requests_inflight                   reads at once; more get 429, 0 = no limit.
    max_mutating_requests_inflight          the same for writes.

    About nodes that run short, as the kubelet's flags of these names:
    kube_reserved, system_reserved          what is kept from Pods: `cpu=500m,memory=1Gi`.
    eviction_hard, eviction_soft            what little must be left: `memory.available<100Mi`; see `EvictionSettings`.
    eviction_soft_grace_period              how long a soft shortage is borne: `memory.available=1m30s`.
    eviction_minimum_reclaim                what is won back on top: `memory.available=100Mi`.

    About lost nodes, as upstream's flags of these names, its defaults:
    node_monitor_grace_period               silence after which a node counts as lost, as Go writes durations.
    default_not_ready_toleration_seconds    how long Pods that do not say so stay on a node that is not ready.
    default_unreachable_toleration_seconds  the same for a node that is lost.
    """

    name: str = DEFAULT_NAME
    port: int = 0
    last_port: int = 0
    cluster_cidr: str = "10.42.0.0/16"
    service_cidr: str = "10.43.0.0/16"
    cluster_domain: str = "cluster.local"
    runtime: str = "auto"
    runtime_endpoint: str = ""
    node_name: str = ""
    nodes: int = 1
    node_cpus: int = 0
    node_memory: str = ""
    pod_manifest_path: str = ""
    allowed_unsafe_sysctls: str = ""
    pod_max_pids: int = 0
    kube_reserved: str = ""
    system_reserved: str = ""
    eviction_hard: str = ""
    eviction_soft: str = ""
    eviction_soft_grace_period: str = ""
    eviction_minimum_reclaim: str = ""
    image_gc_high_threshold: int = 85
    image_gc_low_threshold: int = 80
    max_parallel_image_pulls: int = 3
    controllers: str = "*"
    kubernetes_version: str = RELEASE
    runtime_config: str = ""
    event_ttl: str = "1h"
    access_log: bool = False
    audit_policy_file: str = ""
    audit_log_path: str = ""
    audit_log_maxsize: int = 100
    audit_log_maxbackup: int = 0
    audit_log_maxage: int = 0
    request_timeout: str = "1m"
    max_requests_inflight: int = 400
    max_mutating_requests_inflight: int = 200
    node_monitor_grace_period: str = "50s"
    default_not_ready_toleration_seconds: int = 300
    default_unreachable_toleration_seconds: int = 300

    @property
    def node(self) -> str:
        return self.node_name or self.name

    @property
    def minor(self) -> int:
        """Of ``kubernetes_version``; raises ``BadConfig``."""
        from podling.api.levels import NEWEST, OLDEST

        match = VERSION_PATTERN.fullmatch(self.kubernetes_version)
        if match is None or not OLDEST <= int(match[1]) <= NEWEST:
            known = f"known are 1.{OLDEST} to 1.{NEWEST}"
            raise BadConfig(f"cannot use --kubernetes-version {self.kubernetes_version!r}: {known}")
        return int(match[1])

    @property
    def event_ttl_seconds(self) -> float:
        return times.parse_duration(self.event_ttl)

    @property
    def request_seconds(self) -> float:
        """Of ``request_timeout``."""
        return times.parse_duration(self.request_timeout)

    @property
    def node_memory_bytes(self) -> int:
        """Of ``node_memory``; 0 = all of the machine's."""
        return quantity.parse(self.node_memory).value() if self.node_memory else 0

    @property
    def sysctls(self) -> tuple[str, ...]:
        """Of ``allowed_unsafe_sysctls``."""
        return tuple(part for part in self.allowed_unsafe_sysctls.split(",") if part)

    @property
    def grace_seconds(self) -> float:
        """Of ``node_monitor_grace_period``."""
        return times.parse_duration(self.node_monitor_grace_period)

    @property
    def monitor_seconds(self) -> float:
        """From finding a node lost to giving it up: a tenth of the grace, as with upstream's defaults, and never more."""
        return min(5.0, self.grace_seconds / 10)

    @property
    def lease_seconds(self) -> int:
        """What a node's lease is made for, which is renewed four times meanwhile: less than the grace, kubelet's at most."""
        return min(40, int(self.grace_seconds * 0.8))

    @property
    def context(self) -> str:
        """The kubeconfig context: ``podling`` or ``podling-NAME``."""
        return DEFAULT_NAME if self.name == DEFAULT_NAME else f"{DEFAULT_NAME}-{self.name}"

    def validate(self) -> ClusterConfig:
        """Return self, or raise ``BadConfig`` with the first setting that cannot be used."""
        if not NAME_PATTERN.fullmatch(self.name):
            raise BadConfig(
                f"cannot use --name {self.name!r}: lower-case letters, digits and '-' only, at most 40 characters"
            )
        if not 0 <= self.port <= 65535:
            raise BadConfig(f"cannot use --port {self.port}: it must be between 0 and 65535")
        if self.runtime not in ("auto", *RUNTIMES):
            raise BadConfig(f"cannot use --runtime {self.runtime!r}: it must be auto, {', '.join(RUNTIMES)}")
        if self.runtime == "cri" and not self.runtime_endpoint:
            raise BadConfig(
                "cannot use --runtime cri: name its socket with --runtime-endpoint, like "
                "unix:///run/containerd/containerd.sock"
            )
        if self.kubernetes_version != RELEASE:
            _ = self.minor
        _check_duration("--event-ttl", self.event_ttl, least=1)
        _check_duration("--node-monitor-grace-period", self.node_monitor_grace_period, least=2)
        _check_duration("--request-timeout", self.request_timeout, least=1)
        if self.pod_manifest_path and not Path(self.pod_manifest_path).is_absolute():
            raise BadConfig(
                f"cannot use --pod-manifest-path {self.pod_manifest_path!r}: it must be an absolute path"
            )
        self._validate_counts()
        self._validate_images()
        pods = _network("--cluster-cidr", self.cluster_cidr, longest=24)
        services = _network("--service-cidr", self.service_cidr, longest=28)
        self._validate_nodes(pods)
        if pods.overlaps(services):
            raise BadConfig(f"cannot use --service-cidr {services}: it overlaps --cluster-cidr {pods}")
        return self

    def _validate_counts(self) -> None:
        for name in NOT_NEGATIVE:
            if getattr(self, name) < 0:
                flag = "--" + name.replace("_", "-")
                raise BadConfig(f"cannot use {flag} {getattr(self, name)}: it must be 0 or more")

    def _validate_images(self) -> None:
        if self.max_parallel_image_pulls < 1:
            raise BadConfig(
                f"cannot use --max-parallel-image-pulls {self.max_parallel_image_pulls}: it must be 1 or more"
            )
        low, high = self.image_gc_low_threshold, self.image_gc_high_threshold
        if not 0 <= low <= high <= 100:
            raise BadConfig(
                f"cannot use --image-gc-low-threshold {low} with --image-gc-high-threshold {high}: both are percents, "
                "and the low one is not above the high one"
            )

    def _validate_nodes(self, pods: ipaddress.IPv4Network) -> None:
        room = 1 << (24 - pods.prefixlen)
        if self.nodes < 1:
            raise BadConfig(f"cannot use --nodes {self.nodes}: a cluster has at least one")
        if self.nodes > room:
            raise BadConfig(
                f"cannot use --nodes {self.nodes}: each takes 256 addresses, and {pods} has room for {room}"
            )
        if self.node_cpus < 0:
            raise BadConfig(f"cannot use --node-cpus {self.node_cpus}: it must be 1 or more, 0 = all")
        try:
            too_little = bool(self.node_memory) and self.node_memory_bytes < _LEAST_MEMORY
        except ValueError as error:
            raise BadConfig(f"cannot use --node-memory {self.node_memory!r}: {error}") from error
        if too_little:
            raise BadConfig(f"cannot use --node-memory {self.node_memory}: it must be 32Mi or more")
        if self.nodes > 1 and self.runtime not in ("auto", "oci"):
            raise BadConfig(
                f"cannot use --nodes {self.nodes} with --runtime {self.runtime}: only runtime oci gives each node "
                "a network and control groups of its own"
            )

    @classmethod
    def new(cls, **given: Any) -> ClusterConfig:
        """Settings of a cluster to be made; what is None keeps its default."""
        return cls(**{name: value for name, value in given.items() if value is not None}).validate()

    @property
    def ranges(self) -> tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]:
        """The ranges of Pods and of Services."""
        return ipaddress.IPv4Network(self.cluster_cidr), ipaddress.IPv4Network(self.service_cidr)

    def beside(
        self, taken: Collection[ipaddress.IPv4Network], *, pods: str | None, services: str | None
    ) -> ClusterConfig:
        """The settings with ranges of which those not given cut into none of those ``taken`` on this machine.

        A wider network around a range is no hindrance: the range's own route wins.
        """
        for second in range(42, 250, 2):
            ranges = pods or f"10.{second}.0.0/16", services or f"10.{second + 1}.0.0/16"
            ours = [
                _network("--cluster-cidr", ranges[0], longest=24),
                _network("--service-cidr", ranges[1], longest=28),
            ]
            chosen = [one for one, given in zip(ours, (pods, services), strict=True) if given is None]
            if ours[0].overlaps(ours[1]) and chosen:
                continue
            if not any(other.subnet_of(one) for one in chosen for other in taken):
                return dataclasses.replace(self, cluster_cidr=ranges[0], service_cidr=ranges[1]).validate()
        raise BadConfig(
            "cannot find a free range for Pods and Services: name them with --cluster-cidr and --service-cidr"
        )

    def amended(self, **changes: Any) -> ClusterConfig:
        """The settings with ``changes`` (None = unchanged); ``BadConfig`` where a fixed one would change."""
        given = {name: value for name, value in changes.items() if value is not None}
        for name in FIXED:
            if name in given and given[name] != getattr(self, name):
                flag = "--" + name.replace("_", "-")
                raise BadConfig(
                    f"cannot change {flag} of cluster {self.name!r} from {getattr(self, name)} to {given[name]}: "
                    f"Pods carry its addresses; 'podling delete --name {self.name}' first"
                )
        if given.get("nodes", self.nodes) < self.nodes:
            raise BadConfig(
                f"cannot change --nodes of cluster {self.name!r} from {self.nodes} to {given['nodes']}: what runs on "
                f"a node would be lost; 'podling delete --name {self.name}' first"
            )
        return dataclasses.replace(self, **given).validate()


def _check_duration(flag: str, text: str, *, least: int) -> None:
    try:
        seconds = times.parse_duration(text)
    except ValueError as error:
        raise BadConfig(f"cannot use {flag} {text!r}: {error}") from error
    if seconds < least:
        wanted = "a second" if least == 1 else f"{least} seconds"
        raise BadConfig(f"cannot use {flag} {text}: it must be {wanted} or more")


def _network(flag: str, text: str, *, longest: int) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise BadConfig(f"cannot use {flag} {text!r}: {error}") from error
    if not 8 <= network.prefixlen <= longest:
        raise BadConfig(f"cannot use {flag} {text}: the prefix must be between /8 and /{longest}")
    if not network.is_private:
        raise BadConfig(
            f"cannot use {flag} {text}: it must be a private range, so that it never meets real hosts"
        )
    return network


def load(layout: Layout) -> ClusterConfig | None:
    """The settings of an existing cluster, None if there is none; ``BadConfig`` if the file is damaged."""
    try:
        text = layout.config.read_text()
    except FileNotFoundError:
        return None
    except (NotADirectoryError, PermissionError) as error:
        raise BadConfig(f"cannot read {layout.config}: {error.strerror}") from error
    try:
        return ClusterConfig(**json.loads(text)).validate()
    except (ValueError, TypeError) as error:
        raise BadConfig(f"cannot read {layout.config}: {error}") from error


def save(layout: Layout, config: ClusterConfig) -> None:
    """Write the settings atomically, readable by their owner only."""
    write_private(layout.config, json.dumps(dataclasses.asdict(config), indent=1).encode())


def remember_port(layout: Layout, config: ClusterConfig, port: int) -> ClusterConfig:
    """The settings with the port that the API server got, saved if that is news: clients find it there again."""
    if config.last_port == port:
        return config
    kept = dataclasses.replace(config, last_port=port)
    save(layout, kept)
    return kept


def write_private(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write ``data`` to a temporary name, sync it, rename it: readers see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
