"""Which runtime a cluster gets on this machine, and what one node of it is made of.

``RUNTIMES`` is the table: how to find out whether a runtime works here, and how to make it.  ``auto`` takes the first
row that works; a runtime that was asked for by name and does not work is an error, never a fallback.  What a runtime
does not keep apart is part of the choice, so that it can be told before the first Pod runs.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podling.aio.clock import SystemClock
from podling.network.host import Host
from podling.network.naming import Names
from podling.network.segment import INTERFACE, Uplink
from podling.network.transit import Transit
from podling.runtime.interface import Runtime

from .config import ClusterConfig
from .errors import Unprivileged
from .layout import Layout
from .nodes import NodePlan, plans

if TYPE_CHECKING:
    from podling.network.bridge import NodeNetwork


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a runtime needs: whether it is there, what is wrong, what its absence costs, how to get it."""

    name: str
    ok: bool
    required: bool
    detail: str = ""
    cost: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeParts:
    """The mechanisms of one node.

    ``address`` is where the node is reached; ``network`` has ``destroy``; ``caps``: its Pods' control group can be limited.
    """

    host: Host
    network: Any
    runtime: Runtime
    images: Any
    address: str
    pod_cidr: str
    caps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeRow:
    """A runtime: ``probe`` says what is missing (everything that is required must be there), ``make`` builds a node.

    ``shared`` says what it does not keep apart here; ``ran`` whether a node of its may have left something; ``note`` what
    else who asks for it should know.  ``elsewhere``: a process that is not ours keeps its Pods.
    """

    probe: Callable[[Host, ClusterConfig], Coroutine[Any, Any, list[Finding]]]
    make: Callable[[Layout, ClusterConfig, NodePlan], NodeParts]
    shared: Callable[[], Coroutine[Any, Any, tuple[str, ...]]]
    ran: Callable[[Host], bool]
    note: str = ""
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The runtime taken, why no better one ("" if it is the best), and what it does not keep apart."""

    runtime: str
    note: str = ""
    not_isolated: tuple[str, ...] = ()


def host_of(layout: Layout, plan: NodePlan) -> Host:
    """Where a node lives: a cgroup and folder of its own; the first in the machine's own network namespace.

    A further node's Pods have a subgroup, beside that of its agent: both freeze and end with the node.
    """
    group = group_of(layout, plan)
    if plan.first:
        return Host("", group, layout.node(plan.name))
    return Host(str(layout.hosts / plan.name), f"{group}/pods", layout.node(plan.name))


def group_of(layout: Layout, plan: NodePlan) -> str:
    """The control group of all that a node is."""
    return f"podling/{layout.identity}/{plan.name}"


def transit_of(layout: Layout, config: ClusterConfig) -> Transit:
    """The links between the cluster's nodes."""
    first = plans(config)[0]
    return Transit(host_of(layout, first), layout.identity, gateway=first.address)


def _uplink(layout: Layout, config: ClusterConfig, plan: NodePlan) -> Uplink:
    interface = transit_of(layout, config).interface if plan.first else INTERFACE
    peers = tuple((one.pod_cidr, one.address) for one in plans(config) if one.name != plan.name)
    return Uplink(interface, peers)


_AS_ROOT = "run as root with CAP_SYS_ADMIN (docker: --privileged)"


async def _probe_oci(host: Host, config: ClusterConfig) -> list[Finding]:
    from podling.network import probe as network
    from podling.runtime.interface import Unavailable
    from podling.runtime.oci import probe as oci
    from podling.runtime.oci.config import OciConfig, find_tools

    try:
        tools = find_tools(OciConfig(state_dir=host.state_dir, cgroup_root=host.cgroup))
        fault, detail = "", f"{tools.conmon}, {tools.runtime}"
    except Unavailable as error:
        fault = detail = str(error)
    groups = await asyncio.to_thread(oci.groups_fault)
    overlay = await asyncio.to_thread(oci.overlay_fault, host.state_dir)
    plain = "Pods run as plain processes"
    return [
        Finding("container tools", not fault, True, detail, plain, "apt-get install crun conmon"),
        Finding("control groups", not groups, True, groups, f"{plain}, without limits", _AS_ROOT),
        Finding(
            "overlay file system", not overlay, True, overlay, plain, f"{_AS_ROOT}, or another --data-dir"
        ),
        *(Finding(*dataclasses.astuple(one)) for one in await network.probe(host)),
        *_less(host),
    ]


def _less(host: Host) -> Iterator[Finding]:
    """What only some Pods ask for."""
    from podling.runtime.oci import limits, usernamespaces

    users, clamped = usernamespaces.fault(host.state_dir), limits.fault()
    cost = "Pods with hostUsers: false are refused"
    yield Finding("user namespaces", not users, False, users, cost, "another kernel, or another --data-dir")
    cost = "what Pods ask for beyond is cut down to that"
    yield Finding("scores and limits", not clamped, False, clamped, cost, "run with CAP_SYS_RESOURCE")


def _make_oci(layout: Layout, config: ClusterConfig, plan: NodePlan) -> NodeParts:
    from podling.runtime.images import ImageStore
    from podling.runtime.oci import OciConfig, OciRuntime

    host = host_of(layout, plan)
    network = _network(layout, config, plan)
    images = ImageStore(layout.images)
    settings = OciConfig(state_dir=host.state_dir / "runtime", cgroup_root=host.cgroup, host_netns=host.netns)
    runtime = OciRuntime(settings, images=images, network=network)
    return NodeParts(
        host=host,
        network=network,
        runtime=runtime,
        images=images,
        address=network.gateway,
        pod_cidr=plan.pod_cidr,
        caps=True,
    )


def _network(layout: Layout, config: ClusterConfig, plan: NodePlan) -> NodeNetwork:
    from podling.network.bridge import NodeNetwork, Ranges

    return NodeNetwork(
        host_of(layout, plan),
        Names(layout.identity, plan.name),
        ranges=Ranges(plan.pod_cidr, config.cluster_cidr, config.service_cidr),
        uplink=_uplink(layout, config, plan),
    )


async def _probe_cri(host: Host, config: ClusterConfig) -> list[Finding]:
    from podling.network import probe as network
    from podling.runtime.oci import probe as oci

    groups = await asyncio.to_thread(oci.groups_fault)
    return [
        await find_endpoint(config.runtime_endpoint, required=True),
        Finding("control groups", not groups, True, groups, "no Pod can run", _AS_ROOT),
        *(Finding(*dataclasses.astuple(one)) for one in await network.probe(host)),
    ]


async def find_endpoint(endpoint: str, *, required: bool) -> Finding:
    """Whether a runtime that speaks CRI answers at ``endpoint``, and who it is."""
    from podling.runtime.cri.probe import probe
    from podling.runtime.interface import Unavailable

    try:
        told = await probe(endpoint)
    except Unavailable as error:
        fault, detail = str(error), ""
    else:
        fault, detail = told.fault, f"{endpoint} is {told.name} {told.version}"
        detail += f"; its network is not ready: {told.network_fault}" if told.network_fault else ""
    return Finding(
        "CRI runtime",
        ok=not fault,
        required=required,
        detail=fault or detail,
        cost="'podling up --runtime cri' has nothing to run Pods",
        remedy="start containerd or CRI-O, and name its socket with --runtime-endpoint",
    )


def _make_cri(layout: Layout, config: ClusterConfig, plan: NodePlan) -> NodeParts:
    from podling.runtime.cri.config import CriConfig
    from podling.runtime.cri.images import CriImages
    from podling.runtime.cri.runtime import CriRuntime

    host = host_of(layout, plan)
    network = _network(layout, config, plan)
    settings = CriConfig(
        endpoint=config.runtime_endpoint,
        owner=f"{layout.identity}/{plan.name}",
        state_dir=_cri_folder(host),
        cgroup_root=host.cgroup,
    )
    return NodeParts(
        host=host,
        network=network,
        runtime=CriRuntime(settings, network=network),
        images=CriImages(config.runtime_endpoint),
        address=network.gateway,
        pod_cidr=plan.pod_cidr,
        caps=True,
    )


def _cri_folder(host: Host) -> Path:
    return host.state_dir / "cri"


async def _probe_process(host: Host, config: ClusterConfig) -> list[Finding]:
    from podling.runtime.interface import Unavailable
    from podling.runtime.process import probe

    try:
        found = await probe()
    except Unavailable as error:
        return [Finding("plain processes", ok=False, required=True, detail=str(error), cost="no Pod can run")]
    why = "; ".join(f"no {way}: {reason}" for way, reason in found.why_not_better.items())
    return [
        Finding(
            "plain processes",
            ok=True,
            required=True,
            detail=f"{found.mode.value} ({why})" if why else found.mode.value,
        )
    ]


def _make_process(layout: Layout, config: ClusterConfig, plan: NodePlan) -> NodeParts:
    from podling.agent.paths import Paths
    from podling.network.addresses import LoopbackNetwork, loopback_range
    from podling.runtime.images import ImageStore
    from podling.runtime.process import ProcessRuntime

    host = host_of(layout, plan)
    cidr = loopback_range(Names(layout.identity, plan.name))
    network = LoopbackNetwork(cidr, folder=_process_folder(host) / "addresses")
    images = ImageStore(layout.images)
    paths = Paths(host.state_dir)
    runtime = ProcessRuntime(
        _process_folder(host), images=images, network=network, owned=(paths.pods, paths.memory)
    )
    return NodeParts(
        host=host, network=network, runtime=runtime, images=images, address=network.gateway, pod_cidr=cidr
    )


def _process_folder(host: Host) -> Path:
    return host.state_dir / "process"


async def _shared_by_processes() -> tuple[str, ...]:
    from podling.runtime.process import probe

    return (await probe()).not_isolated


async def _nothing_missing(host: Host, config: ClusterConfig) -> list[Finding]:
    return []


async def _nothing_shared() -> tuple[str, ...]:
    return ()


def _make_simulated(layout: Layout, config: ClusterConfig, plan: NodePlan) -> NodeParts:
    from podling.network.addresses import AddressNetwork
    from podling.runtime.simulated import SimulatedImages, SimulatedRuntime, World

    network, images = AddressNetwork(plan.pod_cidr), SimulatedImages()
    runtime = SimulatedRuntime(
        World(clock=SystemClock(), random=random.Random()), network=network, images=images
    )
    return NodeParts(
        host=host_of(layout, plan),
        network=network,
        runtime=runtime,
        images=images,
        address="127.0.0.1",
        pod_cidr=plan.pod_cidr,
    )


RUNTIMES: dict[str, RuntimeRow] = {
    "oci": RuntimeRow(
        probe=_probe_oci,
        make=_make_oci,
        shared=_nothing_shared,
        ran=lambda host: host.state_dir.exists(),
    ),
    "process": RuntimeRow(
        probe=_probe_process,
        make=_make_process,
        shared=_shared_by_processes,
        ran=lambda host: _process_folder(host).exists(),
    ),
    "cri": RuntimeRow(
        probe=_probe_cri,
        make=_make_cri,
        shared=_nothing_shared,
        ran=lambda host: _cri_folder(host).exists(),
        note="images are the CRI runtime's own: 'podling image' does not reach them",
        elsewhere=True,
    ),
    "simulated": RuntimeRow(
        probe=_nothing_missing, make=_make_simulated, shared=_nothing_shared, ran=lambda host: False
    ),
}
AUTO = ("oci", "process")


async def choose(config: ClusterConfig, host: Host) -> Choice:
    """The runtime for this machine; ``Unprivileged`` if none works, or the one asked for does not."""
    if config.runtime != "auto":
        lacking = await _lacking(config.runtime, host, config)
        if lacking:
            raise Unprivileged(
                f"cannot use --runtime {config.runtime}: {lacking}; 'podling doctor' tells more"
            )
        row = RUNTIMES[config.runtime]
        return Choice(runtime=config.runtime, note=row.note, not_isolated=await row.shared())
    reasons: list[str] = []
    for name in AUTO if config.nodes == 1 else AUTO[:1]:
        lacking = await _lacking(name, host, config)
        if not lacking:
            note = f"runtime {name} instead of {'; '.join(reasons)}" if reasons else ""
            return Choice(runtime=name, note=note, not_isolated=await RUNTIMES[name].shared())
        reasons.append(f"{name}: {lacking}")
    what = "run Pods" if config.nodes == 1 else f"make {config.nodes} nodes"
    raise Unprivileged(f"cannot {what} here: no {'; no '.join(reasons)}; 'podling doctor' tells more")


async def _lacking(name: str, host: Host, config: ClusterConfig) -> str:
    findings = await RUNTIMES[name].probe(host, config)
    return "; ".join(one.detail or one.name for one in findings if one.required and not one.ok)
