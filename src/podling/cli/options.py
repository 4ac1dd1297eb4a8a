"""Options that several commands share, and how they name a cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from podling.cluster.config import DEFAULT_NAME
from podling.cluster.layout import Layout, default_data_dir

Name = Annotated[str, typer.Option("--name", help="The cluster's name.", envvar="PODLING_NAME")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Where clusters and images live [/var/lib/podling, or ~/.local/share/podling]."
    ),
]
Output = Annotated[str, typer.Option("--output", "-o", help="Form of the output: text or json.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="The namespace.")]

NAME = DEFAULT_NAME


def data_folder(data_dir: Path | None) -> Path:
    """The data folder that the user named, or the default one of this user."""
    if data_dir is not None:
        return data_dir.expanduser().absolute()
    return default_data_dir(root=os.geteuid() == 0, home=Path.home(), environ=os.environ)


def layout(name: str, data_dir: Path | None) -> Layout:
    """The paths of the cluster that the user means."""
    return Layout(data_folder(data_dir), name)


def naming(name: str, data_dir: Path | None) -> str:
    """The flags by which a command that is shown to the user finds the same cluster; "" for the usual one."""
    named = "" if name == DEFAULT_NAME else f" --name {name}"
    return named if data_dir is None else f"{named} --data-dir {data_dir}"
