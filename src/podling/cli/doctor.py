"""``podling doctor``: what this machine offers, what is missing, what that costs and how to get it."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import asdict

import typer

from podling.cluster.config import ClusterConfig
from podling.cluster.machine import RUNTIMES, Finding, host_of

from . import options, screen


def command(
    name: options.Name = options.NAME, data_dir: options.DataDir = None, output: options.Output = "text"
) -> None:
    """Say what this machine offers; exit code 6 if something that real containers need is missing."""
    as_json = screen.wants_json(output)
    layout = options.layout(name, data_dir)
    host = host_of(layout, ClusterConfig(name=name))
    findings = asyncio.run(RUNTIMES["oci"].probe(host))
    kubectl = shutil.which("kubectl")
    findings.append(
        Finding(
            "kubectl",
            ok=kubectl is not None,
            required=False,
            detail=kubectl or "",
            cost="only 'podling get', 'apply' and 'logs' are at hand",
            remedy="install kubectl from your distribution or from kubernetes.io",
        )
    )
    if as_json:
        screen.print_json([asdict(one) for one in findings])
    else:
        _print(findings)
    if any(one.required and not one.ok for one in findings):
        raise typer.Exit(6)


def _print(findings: list[Finding]) -> None:
    for one in findings:
        if one.ok:
            screen.tick(f"{one.name}  {one.detail}".rstrip())
            continue
        (screen.cross if one.required else screen.warn)(f"{one.name}: {one.detail}")
        for label, text in (("costs", one.cost), ("remedy", one.remedy)):
            if text:
                typer.echo(f"      {label}: {text}")
