"""``podling ls``: the clusters of this machine and whether they are up."""

from __future__ import annotations

import typer

from podling.cluster import config as settings
from podling.cluster.claim import holder
from podling.cluster.errors import BadConfig
from podling.cluster.layout import Layout, cluster_names

from . import options, screen

COLUMNS = {
    "name": "NAME",
    "state": "STATE",
    "pid": "PID",
    "nodes": "NODES",
    "server": "SERVER",
    "runtime": "RUNTIME",
    "clusterCIDR": "PODS",
    "serviceCIDR": "SERVICES",
}


def command(data_dir: options.DataDir = None, output: options.Output = "text") -> None:
    """List the clusters of this machine."""
    as_json = screen.wants_json(output)
    folder = options.data_folder(data_dir)
    rows = [_row(Layout(folder, name)) for name in cluster_names(folder)]
    if as_json:
        screen.print_json(rows)
    elif not rows:
        typer.echo(f"no clusters in {folder}; 'podling up' makes one")
    else:
        cells = [tuple(str(value or "") for value in row.values()) for row in rows]
        screen.table(tuple(COLUMNS.values()), cells)


def _row(layout: Layout) -> dict[str, str | int]:
    found = holder(layout)
    try:
        config = settings.load(layout) or settings.ClusterConfig(name=layout.name)
    except BadConfig:
        return {**dict.fromkeys(COLUMNS, ""), "name": layout.name, "state": "broken"}
    return {
        "name": layout.name,
        "state": found.phase if found else "down",
        "pid": found.pid if found else 0,
        "nodes": config.nodes,
        "server": found.server if found else "",
        "runtime": (found.runtime if found else "") or config.runtime,
        "clusterCIDR": config.cluster_cidr,
        "serviceCIDR": config.service_cidr,
    }
