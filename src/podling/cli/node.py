"""``podling node``: see the nodes, and make one fail and mend it.

``stop`` is a power failure: the agent, all Pods' processes and the host's network vanish at once, nothing is told to
anybody; what is on disk stays.  ``pause`` freezes a node, which to all others is lost, though it goes on later.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from podling.cluster import config as settings
from podling.cluster import control
from podling.cluster.claim import holder
from podling.cluster.errors import NotRunning
from podling.cluster.layout import Layout
from podling.cluster.nodes import plans

from . import options, screen
from .status import resident

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

NodeName = Annotated[str, typer.Argument(metavar="NODE", help="The node's name.")]
Patience = Annotated[float, typer.Option("--timeout", help="Seconds to wait for it.")]
_SECONDS = 60.0
_COLUMNS = ("NAME", "STATE", "ADDRESS", "PODS", "PID", "MEMORY")


@app.callback()
def _node() -> None:
    """List a cluster's nodes; make one fail and mend it."""


@app.command("ls")
def list_nodes(
    name: options.Name = options.NAME, data_dir: options.DataDir = None, output: options.Output = "text"
) -> None:
    """List the nodes and whether their agents run."""
    as_json = screen.wants_json(output)
    layout = options.layout(name, data_dir)
    states = [{**asdict(one), "residentBytes": resident(one.pid)} for one in _states(layout)]
    if as_json:
        screen.print_json(states)
        return
    rows: list[tuple[str, ...]] = [
        (
            one["name"],
            one["state"],
            one["address"],
            one["pod_cidr"],
            str(one["pid"] or ""),
            f"{one['residentBytes'] / 1e6:.0f} MB" if one["pid"] else "",
        )
        for one in states
    ]
    screen.table(_COLUMNS, rows)


def _add(verb: str, about: str, then: str) -> None:
    """The command ``verb``, which asks the cluster's process for it and says what the node is ``then``."""

    @app.command(verb, help=about)
    def change(
        node: NodeName,
        name: options.Name = options.NAME,
        data_dir: options.DataDir = None,
        limit: Patience = _SECONDS,
    ) -> None:
        watch = screen.Stopwatch()
        control.ask(options.layout(name, data_dir), verb, node, limit=limit)
        screen.tick(f"node {node} {then}", seconds=watch.seconds)


for _verb, _about, _then in (
    ("stop", "Cut a node's power: its agent, its Pods' processes and its network vanish at once.", "is off"),
    ("start", "Power a stopped node on and return when it is Ready.", "is Ready"),
    ("pause", "Freeze a node, agent and Pods: to the others it is lost.", "is frozen"),
    ("unpause", "Let a frozen node go on where it was.", "goes on"),
):
    _add(_verb, _about, _then)


def _states(layout: Layout) -> list[control.NodeState]:
    if holder(layout) is not None:
        return control.ask(layout, control.LIST, limit=_SECONDS)
    config = settings.load(layout)
    if config is None:
        raise NotRunning(f"there is no cluster {layout.name!r} in {layout.data_dir}")
    return [control.NodeState(plan.name, "down", plan.address, plan.pod_cidr, 0) for plan in plans(config)]
