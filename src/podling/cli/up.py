"""``podling up``: make the cluster if it is not there, start it if it is not up, say what to type next."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from podling.cluster import config as settings
from podling.cluster.claim import Holder, holder
from podling.cluster.errors import AlreadyRunning
from podling.cluster.layout import Layout, cluster_names

from . import options, screen
from .kubeconfig import hand_over


def command(
    name: options.Name = options.NAME,
    data_dir: options.DataDir = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the API server on loopback; 0 = any free one [6443 if free].")
    ] = None,
    cluster_cidr: Annotated[str | None, typer.Option(help="Range of Pod addresses [10.42.0.0/16].")] = None,
    service_cidr: Annotated[
        str | None, typer.Option(help="Range of Service addresses [10.43.0.0/16].")
    ] = None,
    runtime: Annotated[
        str | None, typer.Option(help="oci, process, simulated or auto = the best that works here [auto].")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Write the context to this file only [KUBECONFIG, or ~/.kube/config].")
    ] = None,
    switch: Annotated[bool, typer.Option("--switch/--no-switch", help="Make it the current context.")] = True,
    foreground: Annotated[
        bool, typer.Option(help="Stay in the foreground; Ctrl-C is 'podling down'.")
    ] = False,
) -> None:
    """Start a cluster and return when its node is Ready."""
    watch = screen.Stopwatch()
    layout = options.layout(name, data_dir)
    config = _settle(layout, name, port, cluster_cidr, service_cidr, runtime)
    found = holder(layout)
    if found is not None and found.phase == "ready":
        hand_over(layout, kubeconfig, switch=switch)
        _say_next(layout, config, found, f"cluster {name!r} is up already", kubeconfig)
        return
    if found is not None:
        raise AlreadyRunning(f"cannot start cluster {name!r}: process {found.pid} has it ({found.phase})")
    if foreground:
        _run_here(layout, config, kubeconfig, watch, switch=switch)
        return
    from podling.cluster import background

    background.launch(layout, screen.step)
    hand_over(layout, kubeconfig, switch=switch)
    ready = holder(layout) or Holder(0)
    _say_next(layout, config, ready, f"cluster {name!r} is up after {watch.seconds:.2f} s", kubeconfig)


def _settle(
    layout: Layout,
    name: str,
    port: int | None,
    cluster_cidr: str | None,
    service_cidr: str | None,
    runtime: str | None,
) -> settings.ClusterConfig:
    """The settings: those of the existing cluster with what the user changed, or new ones; saved."""
    given = {"port": port, "cluster_cidr": cluster_cidr, "service_cidr": service_cidr, "runtime": runtime}
    known = settings.load(layout)
    if known is not None:
        config = known.amended(**given)
    else:
        config = settings.ClusterConfig.new(name=name, **given)
        if cluster_cidr is None and service_cidr is None:
            config = config.beside(_others(layout))
    if config != known:
        settings.save(layout, config)
    return config


def _others(layout: Layout) -> list[settings.ClusterConfig]:
    others = (settings.load(Layout(layout.data_dir, name)) for name in cluster_names(layout.data_dir))
    return [config for config in others if config is not None]


def _run_here(
    layout: Layout,
    config: settings.ClusterConfig,
    kubeconfig: Path | None,
    watch: screen.Stopwatch,
    *,
    switch: bool,
) -> None:
    from podling.cluster import process
    from podling.cluster.progress import Outcome, Step

    def report(item: Step | Outcome) -> None:
        if isinstance(item, Step):
            screen.step(item)
        elif not item.error:
            hand_over(layout, kubeconfig, switch=switch)
            ready = holder(layout) or Holder(0)
            _say_next(
                layout,
                config,
                ready,
                f"cluster {config.name!r} is up after {watch.seconds:.2f} s",
                kubeconfig,
            )

    process.run(layout, report)


def _say_next(
    layout: Layout, config: settings.ClusterConfig, found: Holder, headline: str, kubeconfig: Path | None
) -> None:
    typer.echo()
    screen.heading(f"{headline}: {found.server}  (runtime {found.runtime}, up since {_clock(found.since)})")
    if found.runtime_note:
        screen.warn(found.runtime_note)
    flag = f" --kubeconfig {kubeconfig}" if kubeconfig else ""
    named = "" if config.name == settings.DEFAULT_NAME else f" --name {config.name}"
    typer.echo(f"   kubectl{flag} --context {config.context} get nodes")
    typer.echo(f"   kubectl{flag} run hello --image=busybox -- sleep 3600")
    typer.echo(f"   podling status{named}        podling down{named}        podling delete{named}")


def _clock(epoch: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(epoch))
