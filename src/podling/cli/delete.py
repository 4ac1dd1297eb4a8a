"""``podling delete``: remove a cluster and everything it made on this machine."""

from __future__ import annotations

import typer

from podling.cluster import config as settings

from . import options, screen


def command(name: options.Name = options.NAME, data_dir: options.DataDir = None) -> None:
    """Remove a cluster: its processes, mounts, network, cgroups and files; images are kept.  Safe to repeat."""
    layout = options.layout(name, data_dir)
    if not layout.cluster.exists():
        typer.echo(f"there is no cluster {name!r} in {layout.data_dir}")
        return
    watch = screen.Stopwatch()
    from podling.client import kubeconfig, kubeconfig_edit
    from podling.cluster import access, background, destroy

    background.end(layout, limit=5)
    context = settings.ClusterConfig(name=name).context
    paths = kubeconfig.Paths(access.handed_over(layout))
    kubeconfig_edit.remove(context, paths=paths, ca=access.authority(layout))
    destroy.run(layout)
    screen.tick(f"cluster {name!r} is gone", seconds=watch.seconds)
