"""``podling doctor``: what this machine offers, what is missing, what that costs and how to get it."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import asdict
from typing import Annotated

import typer

from podling.cluster import machine
from podling.cluster.config import ClusterConfig
from podling.cluster.errors import Unprivileged
from podling.cluster.machine import Finding
from podling.cluster.nodes import plans
from podling.network.host import Host

from . import options, screen

Endpoint = Annotated[
    str | None,
    typer.Option(help="Socket to ask for a CRI runtime [those of containerd and CRI-O that are there]."),
]


def command(
    name: options.Name = options.NAME,
    data_dir: options.DataDir = None,
    runtime_endpoint: Endpoint = None,
    output: options.Output = "text",
) -> None:
    """Say what this machine offers; exit code 6 if something that real containers need is missing."""
    as_json = screen.wants_json(output)
    layout = options.layout(name, data_dir)
    config = ClusterConfig(name=name)
    host = machine.host_of(layout, plans(config)[0])
    findings = asyncio.run(_findings(host, config, runtime_endpoint))
    if as_json:
        screen.print_json([asdict(one) for one in findings])
    else:
        _print(findings)
    if any(one.required and not one.ok for one in findings):
        raise typer.Exit(6)


async def _findings(host: Host, config: ClusterConfig, endpoint: str | None) -> list[Finding]:
    return [
        *await machine.RUNTIMES["oci"].probe(host, config),
        await _busybox(),
        _tool("skopeo", "no image can be pulled; 'podling image load' works", "apt-get install skopeo"),
        _tool(
            "kubectl",
            "only 'podling get', 'apply' and 'logs' are at hand",
            "install kubectl from your distribution or from kubernetes.io",
        ),
        *await _endpoints(endpoint),
        await _runtime(host),
    ]


async def _endpoints(asked: str | None) -> list[Finding]:
    """Whether CRI runtimes answer: at the socket asked about, else at well-known ones that are there."""
    from podling.runtime.cri.config import WELL_KNOWN, socket_of

    if asked is not None:
        return [await machine.find_endpoint(asked, required=True)]
    there = [one for one in WELL_KNOWN if socket_of(one).exists()]
    return [await machine.find_endpoint(one, required=False) for one in there]


async def _busybox() -> Finding:
    from podling.runtime.images import builtin
    from podling.runtime.interface import ImageFault

    try:
        found, fault = str((await builtin.find()).path), ""
    except ImageFault as error:
        found, fault = "", str(error)
    return Finding(
        "static busybox",
        ok=not fault,
        required=False,
        detail=fault or found,
        cost="the image busybox is not built in: 'podling demo' needs a registry",
        remedy="apt-get install busybox-static",
    )


def _tool(name: str, cost: str, remedy: str) -> Finding:
    path = shutil.which(name)
    detail = path or "not installed"
    return Finding(name, ok=path is not None, required=False, detail=detail, cost=cost, remedy=remedy)


async def _runtime(host: Host) -> Finding:
    """What ``podling up`` would take."""
    try:
        choice = await machine.choose(ClusterConfig(), host)
    except Unprivileged as error:
        return Finding("Pods", ok=False, required=True, detail=str(error), cost="no Pod can run")
    shared = "; ".join(choice.not_isolated)
    return Finding(
        "Pods",
        ok=not choice.not_isolated,
        required=False,
        detail=f"run by runtime {choice.runtime}",
        cost=f"not isolated: {shared}",
        remedy="what is said above",
    )


def _print(findings: list[Finding]) -> None:
    for one in findings:
        if one.ok:
            screen.tick(f"{one.name}  {one.detail}".rstrip())
            continue
        (screen.cross if one.required else screen.warn)(f"{one.name}: {one.detail}")
        for label, text in (("costs", one.cost), ("remedy", one.remedy)):
            if text:
                typer.echo(f"      {label}: {text}")
