"""``podling down``: stop the cluster's process; objects and images stay."""

from __future__ import annotations

from typing import Annotated

import typer

from podling.cluster import config as settings
from podling.cluster.errors import NotRunning

from . import options, screen


def command(
    name: options.Name = options.NAME,
    data_dir: options.DataDir = None,
    keep_pods: Annotated[
        bool, typer.Option("--keep-pods", help="Leave the Pods' processes running.")
    ] = False,
    limit: Annotated[float, typer.Option("--timeout", help="Seconds to wait for Pods to end.")] = 60.0,
) -> None:
    """Stop a cluster: Pods end with their grace, objects and images are kept."""
    from podling.cluster import background

    layout = options.layout(name, data_dir)
    if settings.load(layout) is None:
        raise NotRunning(f"there is no cluster {name!r} in {layout.data_dir}")
    watch = screen.Stopwatch()
    patience = f"waiting for Pods to end within their grace, {limit:.0f} s at most; Ctrl-C waits no longer"
    if not background.stop(
        layout, keep_pods=keep_pods, limit=limit, on_wait=lambda: typer.echo(f"   {patience}")
    ):
        typer.echo(f"cluster {name!r} is not up")
        return
    rest = "its Pods go on" if keep_pods else "its Pods have ended; the next 'podling up' starts them anew"
    screen.tick(f"cluster {name!r} is down; {rest}", seconds=watch.seconds)
