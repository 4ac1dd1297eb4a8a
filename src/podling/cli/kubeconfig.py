"""``podling kubeconfig``: print a cluster's kubeconfig, or merge it into a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from podling.cluster import config as settings
from podling.cluster.errors import NotRunning
from podling.cluster.layout import Layout

from . import options, screen


def command(
    name: options.Name = options.NAME,
    data_dir: options.DataDir = None,
    into: Annotated[
        Path | None, typer.Option(help="Merge the context into this file instead of printing.")
    ] = None,
    switch: Annotated[
        bool, typer.Option("--switch/--no-switch", help="Make it the current context there.")
    ] = True,
) -> None:
    """Print a cluster's kubeconfig, or merge it into a file."""
    layout = options.layout(name, data_dir)
    if not layout.kubeconfig.exists():
        start = options.Speaker.of(layout).command("up")
        raise NotRunning(f"cluster {name!r} has never been up in {layout.data_dir}; '{start}' starts it")
    if into is None:
        typer.echo(layout.kubeconfig.read_text(), nl=False)
        return
    hand_over(layout, into, switch=switch)
    screen.tick(f"context merged into {into}")


def hand_over(layout: Layout, file: Path | None, *, switch: bool) -> None:
    """Put the administrator's context into ``file``, or where the user's kubectl looks, and renew it where it was put before."""
    from podling.client import kubeconfig, kubeconfig_edit
    from podling.cluster import access

    config = settings.load(layout)
    if config is None:
        raise NotRunning(f"there is no cluster {layout.name!r} in {layout.data_dir}; 'podling up' makes it")
    entry = access.administrator(layout, config, server=access.address(layout).url)
    explicit = file.expanduser() if file else None
    paths = kubeconfig.search_paths(os.environ, Path.home(), explicit=explicit)
    written = kubeconfig_edit.merge(entry, paths=paths, switch=switch).absolute()
    for other in access.handed_over(layout):
        if other != written and other.exists():
            kubeconfig_edit.merge(entry, paths=kubeconfig.Paths((other,), explicit=True), switch=False)
    access.remember_handed_over(layout, written)
