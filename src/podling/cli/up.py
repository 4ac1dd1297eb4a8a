"""``podling up``: make the cluster if it is not there, start it if it is not up, say what to type next."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from podling.cluster import config as settings
from podling.cluster import routes
from podling.cluster.claim import Holder, holder
from podling.cluster.errors import AlreadyRunning, BadConfig
from podling.cluster.layout import Layout, cluster_names

from . import options, screen
from .kubeconfig import hand_over


def _absolute(given: str | None) -> str | None:
    """Paths mean the same wherever the cluster's process is."""
    return str(Path(given).absolute()) if given else given


Port = Annotated[
    int | None, typer.Option(help="Port of the API server on loopback; 0 = any free one [6443 if free].")
]
ClusterCidr = Annotated[str | None, typer.Option(help="Range of Pod addresses [10.42.0.0/16].")]
ServiceCidr = Annotated[str | None, typer.Option(help="Range of Service addresses [10.43.0.0/16].")]
RuntimeName = Annotated[
    str | None, typer.Option(help="oci, process, cri, simulated or auto = the best that works here [auto].")
]
Endpoint = Annotated[
    str | None,
    typer.Option(help="Socket of the runtime that cri uses: unix:///run/containerd/containerd.sock [none]."),
]
Release = Annotated[
    str | None,
    typer.Option("--kubernetes-version", help="Release whose API is served: 1.25 to 1.37 [1.37]."),
]
RuntimeConfig = Annotated[
    str | None,
    typer.Option(help="Alpha and beta versions to serve, as upstream's flag: 'api/beta=true' [none]."),
]
EventTtl = Annotated[str | None, typer.Option(help="How long Events are kept after their last write [1h].")]
AccessLog = Annotated[
    bool | None,
    typer.Option("--access-log/--no-access-log", help="Log every request [only slow and failed ones]."),
]
AuditPolicy = Annotated[
    str | None,
    typer.Option(
        help="Policy of an audit log, a file of audit.k8s.io/v1 [no audit log].", callback=_absolute
    ),
]
AuditLog = Annotated[
    str | None, typer.Option(help="The audit log [audit.log in the cluster's folder].", callback=_absolute)
]
AuditSize = Annotated[int | None, typer.Option(help="Megabytes after which it is put away [100].")]
AuditBackups = Annotated[int | None, typer.Option(help="Logs put away that are kept; 0 = all [0].")]
AuditAge = Annotated[int | None, typer.Option(help="For how many days; 0 = for ever [0].")]
RequestTimeout = Annotated[str | None, typer.Option(help="After which a request is given up [1m].")]
MaxReads = Annotated[int | None, typer.Option(help="Reads at once; more get 429, 0 = no limit [400].")]
MaxWrites = Annotated[int | None, typer.Option(help="Writes at once; more get 429, 0 = no limit [200].")]
Nodes = Annotated[int | None, typer.Option(help="Nodes, each a host of its own on this machine [1].")]
NodeCpus = Annotated[int | None, typer.Option(help="CPUs that each node has; 0 = all [0].")]
NodeMemory = Annotated[
    str | None, typer.Option(help="Memory that each node has, like 2Gi [all of the machine's].")
]
Manifests = Annotated[
    str | None,
    typer.Option(
        help="Folder of static Pods, which every node runs [none].",
        callback=_absolute,
    ),
]
Sysctls = Annotated[
    str | None,
    typer.Option(
        help="Sysctls that Pods may set besides the safe ones: 'kernel.msg*,net.core.somaxconn' [none]."
    ),
]
GcHigh = Annotated[
    int | None,
    typer.Option(help="Percent of the disk from which on images that no Pod needs are removed [85]."),
]
GcLow = Annotated[int | None, typer.Option(help="Percent of the disk down to which they are [80].")]
Pulls = Annotated[int | None, typer.Option(help="Images that each node pulls at once [3].")]
MaxPids = Annotated[int | None, typer.Option(help="Processes that a Pod may have; 0 = no bound [0].")]
KubeReserved = Annotated[
    str | None, typer.Option(help="What each node keeps from Pods: 'cpu=500m,memory=1Gi' [none].")
]
SystemReserved = Annotated[str | None, typer.Option(help="The same, for the machine's own [none].")]
EvictionHard = Annotated[
    str | None,
    typer.Option(
        help="What little must be left on a node, as the kubelet's flag [memory.available<100Mi,...]."
    ),
]
EvictionSoft = Annotated[str | None, typer.Option(help="The same, borne for a while [none].")]
EvictionGrace = Annotated[str | None, typer.Option(help="For how long: 'memory.available=1m30s' [none].")]
EvictionReclaim = Annotated[
    str | None, typer.Option(help="What is won back on top: 'memory.available=100Mi' [none].")
]
Grace = Annotated[str | None, typer.Option(help="Silence after which a node counts as lost [50s].")]
NotReady = Annotated[
    int | None, typer.Option(help="Seconds that Pods stay on a node that is not ready [300].")
]
Unreachable = Annotated[int | None, typer.Option(help="Seconds that Pods stay on a node that is lost [300].")]
Controllers = Annotated[
    str | None,
    typer.Option(help="Controllers that run, as upstream's flag: '*,-cronjob' is all but that one [*]."),
]
Kubeconfig = Annotated[
    Path | None, typer.Option(help="Write the context to this file only [KUBECONFIG, or ~/.kube/config].")
]
Switch = Annotated[bool, typer.Option("--switch/--no-switch", help="Make it the current context.")]
Foreground = Annotated[bool, typer.Option(help="Stay in the foreground; Ctrl-C is 'podling down'.")]


GUARDS = (
    *("eviction_hard", "eviction_soft", "eviction_soft_grace_period", "eviction_minimum_reclaim"),
    *("kube_reserved", "system_reserved"),
)


def command(
    context: typer.Context,
    name: options.Name = options.NAME,
    data_dir: options.DataDir = None,
    port: Port = None,
    cluster_cidr: ClusterCidr = None,
    service_cidr: ServiceCidr = None,
    runtime: RuntimeName = None,
    runtime_endpoint: Endpoint = None,
    kubernetes_version: Release = None,
    runtime_config: RuntimeConfig = None,
    event_ttl: EventTtl = None,
    access_log: AccessLog = None,
    audit_policy_file: AuditPolicy = None,
    audit_log_path: AuditLog = None,
    audit_log_maxsize: AuditSize = None,
    audit_log_maxbackup: AuditBackups = None,
    audit_log_maxage: AuditAge = None,
    request_timeout: RequestTimeout = None,
    max_requests_inflight: MaxReads = None,
    max_mutating_requests_inflight: MaxWrites = None,
    nodes: Nodes = None,
    node_cpus: NodeCpus = None,
    node_memory: NodeMemory = None,
    pod_manifest_path: Manifests = None,
    allowed_unsafe_sysctls: Sysctls = None,
    pod_max_pids: MaxPids = None,
    kube_reserved: KubeReserved = None,
    system_reserved: SystemReserved = None,
    eviction_hard: EvictionHard = None,
    eviction_soft: EvictionSoft = None,
    eviction_soft_grace_period: EvictionGrace = None,
    eviction_minimum_reclaim: EvictionReclaim = None,
    image_gc_high_threshold: GcHigh = None,
    image_gc_low_threshold: GcLow = None,
    max_parallel_image_pulls: Pulls = None,
    node_monitor_grace_period: Grace = None,
    default_not_ready_toleration_seconds: NotReady = None,
    default_unreachable_toleration_seconds: Unreachable = None,
    controllers: Controllers = None,
    kubeconfig: Kubeconfig = None,
    switch: Switch = True,
    foreground: Foreground = False,
) -> None:
    """Start a cluster and return when its nodes are Ready."""
    fields = {field.name for field in dataclasses.fields(settings.ClusterConfig)} - {"name"}
    given = {option: value for option, value in context.params.items() if option in fields}
    start(name, data_dir, given, kubeconfig=kubeconfig, switch=switch, foreground=foreground)


def start(
    name: str,
    data_dir: Path | None,
    given: Mapping[str, Any],
    *,
    kubeconfig: Path | None = None,
    switch: bool = True,
    foreground: bool = False,
) -> None:
    """Bring the cluster up, with the settings that are ``given`` by field of `ClusterConfig` (None: as it is)."""
    watch = screen.Stopwatch()
    layout = options.layout(name, data_dir)
    before = settings.load(layout)
    _check(given)
    config = _settle(layout, name, given)
    welcome = Welcome(layout, config, kubeconfig, switch, options.Speaker(name, data_dir))
    _bring_up(welcome, watch, before, foreground=foreground)


def _check(given: Mapping[str, Any]) -> None:
    """Raise ``BadConfig`` for names that only the parts themselves know; they are loaded where such are given."""
    if given.get("controllers"):
        from podling.cluster import switches

        switches.rows(given["controllers"])
    if given.get("runtime_config"):
        from podling.cluster import runtimeconfig

        runtimeconfig.pairs(given["runtime_config"])
    if given.get("audit_policy_file"):
        from podling.cluster import auditing

        auditing.policy(given["audit_policy_file"])
    if any(given.get(name) for name in GUARDS):
        from podling.cluster import guard

        guard.check(given)
    if given.get("allowed_unsafe_sysctls"):
        from podling.agent import permits

        try:
            permits.check(given["allowed_unsafe_sysctls"].split(","))
        except permits.BadSysctl as error:
            raise BadConfig(f"cannot use --allowed-unsafe-sysctls: {error}") from error


def _bring_up(
    welcome: Welcome, watch: screen.Stopwatch, before: settings.ClusterConfig | None, *, foreground: bool
) -> None:
    """Start the cluster unless it is up; ``before`` are the settings that it had, None if it is new."""
    name, found = welcome.config.name, holder(welcome.layout)
    if found is not None and found.phase == "ready":
        welcome.tell(f"cluster {name!r} is up already")
        if welcome.config != before:
            screen.warn("what was changed holds from the next 'podling up' after 'podling down'")
    elif found is not None:
        raise AlreadyRunning(f"cannot start cluster {name!r}: process {found.pid} has it ({found.phase})")
    elif foreground:
        _run_here(welcome, watch)
    else:
        _launch(welcome, watch, is_new=before is None)


def _launch(welcome: Welcome, watch: screen.Stopwatch, *, is_new: bool) -> None:
    """In the background; a new cluster that nothing came of leaves nothing."""
    from podling.cluster import background, destroy

    name = welcome.config.name
    try:
        background.launch(welcome.layout, screen.step)
    except (background.Refused, KeyboardInterrupt) as end:
        if is_new:
            destroy.run(welcome.layout)
        if isinstance(end, KeyboardInterrupt):
            screen.warn(f"interrupted: cluster {name!r} was not started")
        raise
    welcome.tell(f"cluster {name!r} is up after {watch.seconds:.2f} s")


@dataclass(frozen=True, slots=True)
class Welcome:
    """What is written and said once the cluster is up.  ``speaker`` writes the commands that find it."""

    layout: Layout
    config: settings.ClusterConfig
    kubeconfig: Path | None
    switch: bool
    speaker: options.Speaker

    def tell(self, headline: str) -> None:
        """Put the context where kubectl finds it, and say what to type next."""
        kubeconfig = self._hand_over()
        found = holder(self.layout) or Holder(0)
        typer.echo()
        since = time.strftime("%H:%M:%S", time.localtime(found.since))
        screen.heading(f"{headline}: {found.server}  (runtime {found.runtime}, up since {since})")
        if found.runtime_note:
            screen.warn(found.runtime_note)
        flag = f" --kubeconfig {kubeconfig}" if kubeconfig else ""
        if not self.switch:
            flag += f" --context {self.config.context}"
        typer.echo(f"   kubectl{flag} get nodes")
        typer.echo(f"   kubectl{flag} run hello --image=busybox -- sleep 3600")
        for verb in ("status", "down", "delete"):
            typer.echo(f"   {self.speaker.command(verb)}")

    def _hand_over(self) -> Path | None:
        """The file that kubectl must be told of; a kubeconfig that cannot be written does not end the cluster."""
        from podling.client.errors import ConfigFault

        try:
            hand_over(self.layout, self.kubeconfig, switch=self.switch)
        except ConfigFault as error:
            screen.warn(f"{error}; the cluster is up all the same")
            return self.layout.kubeconfig
        return self.kubeconfig


def _settle(layout: Layout, name: str, given: Mapping[str, Any]) -> settings.ClusterConfig:
    """The settings: those of the existing cluster with what was given (None: nothing), or new ones; saved."""
    known = settings.load(layout)
    if known is not None:
        config = known.amended(**given)
    else:
        ranges = {field: given.get(field) for field in settings.FIXED}
        others = {field: value for field, value in given.items() if field not in ranges}
        config = settings.ClusterConfig.new(name=name, **others)
        taken = [*routes.taken(), *(one for other in _others(layout) for one in other.ranges)]
        config = config.beside(taken, pods=ranges["cluster_cidr"], services=ranges["service_cidr"])
    if config != known:
        settings.save(layout, config)
    return config


def _others(layout: Layout) -> list[settings.ClusterConfig]:
    """The settings of the folder's other clusters, as far as they can be read."""
    found = []
    for name in cluster_names(layout.data_dir):
        with contextlib.suppress(BadConfig):
            if (config := settings.load(Layout(layout.data_dir, name))) is not None:
                found.append(config)
    return found


def _run_here(welcome: Welcome, watch: screen.Stopwatch) -> None:
    from podling.cluster import process
    from podling.cluster.progress import Outcome, Step

    def report(item: Step | Outcome) -> None:
        if isinstance(item, Step):
            screen.step(item)
        elif not item.error:
            welcome.tell(f"cluster {welcome.config.name!r} is up after {watch.seconds:.2f} s")

    process.run(welcome.layout, report)
