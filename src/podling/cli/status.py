"""``podling status``: how a cluster is, from outside (its process) and inside (its nodes and Pods)."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import typer

from podling.cluster import config as settings
from podling.cluster.claim import Holder, holder
from podling.cluster.errors import NotRunning
from podling.cluster.layout import Layout

from . import options, screen

_PATIENCE = 5.0  # seconds for an answer from the API server


def command(
    name: options.Name = options.NAME, data_dir: options.DataDir = None, output: options.Output = "text"
) -> None:
    """Show how a cluster is; exit code 4 if it is not up."""
    as_json = screen.wants_json(output)
    layout = options.layout(name, data_dir)
    config = settings.load(layout)
    if config is None:
        raise NotRunning(
            f"there is no cluster {name!r} in {layout.data_dir}; '{options.Speaker.of(layout).command('up')}' makes it"
        )
    facts = _facts(layout, config, holder(layout))
    if as_json:
        screen.print_json(facts)
    else:
        _print(facts, layout)
    if facts["state"] != "ready":
        raise typer.Exit(4)


def _facts(layout: Layout, config: settings.ClusterConfig, found: Holder | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": config.name,
        "state": found.phase if found else "down",
        "context": config.context,
        "kubeconfig": str(layout.kubeconfig),
        "dataDir": str(layout.data_dir),
        "clusterCIDR": config.cluster_cidr,
        "serviceCIDR": config.service_cidr,
    }
    if found is None or found.phase != "ready":
        return facts
    from . import session

    facts |= {
        "pid": found.pid,
        "server": found.server,
        "upSeconds": round(time.time() - found.since, 1),
        "residentBytes": resident(found.pid),
        "runtime": found.runtime,
        "runtimeNote": found.runtime_note,
        "notIsolated": list(found.not_isolated),
    }
    try:
        return facts | session.run(layout, _inside)
    except TimeoutError:
        return facts | {"state": "not answering"}


async def _inside(client: Any) -> dict[str, Any]:
    from podling.api.types import core_v1

    async with asyncio.timeout(_PATIENCE):
        version = await client.version()
        nodes = await client.resource(core_v1.Node).list()
        pods = await client.resource(core_v1.Pod).list()
    phases: dict[str, int] = {}
    for pod in pods.items:
        phase = (pod.status and pod.status.phase) or "Unknown"
        phases[phase] = phases.get(phase, 0) + 1
    return {
        "version": version.git_version,
        "nodes": {node.metadata.name: "Ready" if _ready(node) else "NotReady" for node in nodes.items},
        "podCIDRs": [cidr for node in nodes.items for cidr in node.spec.pod_cidrs or ()],
        "pods": phases,
    }


def _ready(node: Any) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in node.status.conditions or ())


def resident(pid: int) -> int:
    """Resident memory of a process in bytes; 0 if it has just gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _print(facts: dict[str, Any], layout: Layout) -> None:
    screen.heading(f"{facts['name']}: {facts['state']}")
    if facts["state"] != "ready":
        typer.echo(f"   '{options.Speaker.of(layout).command('up')}' starts it")
        return
    nodes = ", ".join(f"{name} {state}" for name, state in facts["nodes"].items())
    pods = ", ".join(f"{count} {phase}" for phase, count in sorted(facts["pods"].items())) or "none"
    rows = {
        "server": f"{facts['server']}  ({facts['version']})",
        "process": f"{facts['pid']}, up {_duration(facts['upSeconds'])}, {facts['residentBytes'] / 1e6:.0f} MB",
        "runtime": facts["runtime"],
        "nodes": nodes or "none",
        "pods": pods,
        "ranges": f"Pods {', '.join(facts['podCIDRs']) or 'none'}, Services {facts['serviceCIDR']}",
        "kubectl": f"--context {facts['context']}, or --kubeconfig {facts['kubeconfig']}",
    }
    for label, text in rows.items():
        typer.echo(f"   {label:9} {text}")
    if facts["runtimeNote"]:
        screen.warn(facts["runtimeNote"])
    for line in facts["notIsolated"]:
        screen.warn(f"not isolated: {line}")


def _duration(seconds: float) -> str:
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d{hours}h"
    return f"{hours}h{minutes}m" if hours else f"{minutes}m{whole % 60}s"
