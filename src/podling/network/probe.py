"""What this machine lacks for a Pod network of its own, found by trying: for ``podling doctor`` and for choosing a runtime.

Everything is tried for real in a network namespace that lives as long as the probe, so nothing of the machine
is touched and nothing is guessed from version numbers or capability bits.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from podling.aio import spawn

from . import rules
from .errors import NetworkFault
from .host import Host, new_netns, open_netlink
from .naming import Names
from .segment import Plan, Segment

_SECONDS = 10.0
_NAMES = Names("probe", "probe")
_PODS, _CLUSTER, _SERVICES = "10.42.0.0/24", "10.42.0.0/16", "10.43.0.0/16"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a Pod network needs; where not ``ok``: why, what it costs, how to get it.

    ``required``: without it there is no Pod network at all.
    """

    name: str
    ok: bool
    required: bool
    detail: str = ""
    cost: str = ""
    remedy: str = ""


async def probe(host: Host) -> tuple[Finding, ...]:
    """Try namespaces, bridge and packet rules, and look for what would drop Pods' packets on ``host``."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="podling-probe") as thread:
        try:
            await loop.run_in_executor(thread, new_netns)
        except NetworkFault as error:
            return (_namespaces(str(error)),)
        bridge = _bridge(await loop.run_in_executor(thread, _try_bridge))
        packet_rules = _rules(await _try_rules(thread))
    return (_namespaces(""), bridge, packet_rules, _forwarding(await _who_drops_forwards(host)))


def _namespaces(fault: str) -> Finding:
    return Finding(
        name="network namespaces",
        ok=not fault,
        required=True,
        detail=fault,
        cost="Pods have no address space of their own; only the process runtime works",
        remedy="run as root with CAP_SYS_ADMIN and CAP_NET_ADMIN (docker: --privileged)",
    )


def _bridge(fault: str) -> Finding:
    return Finding(
        name="bridge and veth interfaces",
        ok=not fault,
        required=True,
        detail=fault,
        cost="Pods cannot be connected; only the process runtime works",
        remedy="modprobe bridge veth",
    )


def _rules(fault: str) -> Finding:
    return Finding(
        name="packet rules (nftables)",
        ok=not fault,
        required=True,
        detail=fault,
        cost="no way to the outside for Pods, no hostPorts, no Services",
        remedy="apt-get install nftables; modprobe nf_tables nft_chain_nat nft_masq nft_fib_ipv4",
    )


def _forwarding(droppers: list[str]) -> Finding:
    return Finding(
        name="forwarding between interfaces",
        ok=not droppers,
        required=False,
        detail=f"dropped by default in {', '.join(droppers)}" if droppers else "",
        cost="Pods do not reach the outside, nor the outside their hostPorts",
        remedy="accept interfaces pb-* in that chain (iptables -I FORWARD -i pb-+ -j ACCEPT, and -o)",
    )


def _try_bridge() -> str:
    try:
        segment = Segment(Plan(_NAMES, "10.42.0.1", 24, (_CLUSTER, _SERVICES)), open_netlink())
        try:
            segment.set_up()
            segment.try_veth()
        finally:
            segment.close()
    except OSError as error:
        return str(error)
    return ""


async def _try_rules(thread: Executor) -> str:
    script = rules.table(_NAMES.table, bridge=_NAMES.bridge, pods=_PODS, cluster=_CLUSTER)
    try:
        done = await spawn.run(
            ["nft", "-f", "-"], input=script.encode(), limit_seconds=_SECONDS, thread=thread
        )
    except spawn.SpawnFault as error:
        return str(error)
    return "" if done.returncode == 0 else done.error_text


async def _who_drops_forwards(host: Host) -> list[str]:
    """Chains of others with policy drop; no rule of ours can overrule them."""
    with host.executor() as thread:
        try:
            done = await spawn.run(["nft", "-j", "list", "chains"], limit_seconds=_SECONDS, thread=thread)
        except spawn.SpawnFault:
            return []
    if done.returncode != 0:
        return []
    chains = [entry["chain"] for entry in json.loads(done.stdout)["nftables"] if "chain" in entry]
    return [
        f"{chain['family']} {chain['table']} {chain['name']}"
        for chain in chains
        if chain.get("hook") == "forward" and chain.get("policy") == "drop"
    ]
