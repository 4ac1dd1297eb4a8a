"""Options that several commands share, and how they name a cluster."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from podling.cluster.config import DEFAULT_NAME, ClusterConfig
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
    """The paths of the cluster that the user means.  Raises ``BadConfig`` for a name that no cluster can have."""
    ClusterConfig(name=name).validate()
    return Layout(data_folder(data_dir), name)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Writes commands that the user can copy: by the path that finds this program, with the flags that find the cluster."""

    name: str
    data_dir: Path | None

    @classmethod
    def of(cls, layout: Layout) -> Speaker:
        return cls(layout.name, None if layout.data_dir == data_folder(None) else layout.data_dir)

    def command(self, *words: str) -> str:
        named = () if self.name == DEFAULT_NAME else ("--name", self.name)
        placed = () if self.data_dir is None else ("--data-dir", str(self.data_dir))
        return shlex.join((_program(), *words, *named, *placed))


def _program() -> str:
    """``podling`` where the shell finds this very program by it, else its path."""
    own = Path(sys.argv[0]).absolute()
    found = shutil.which("podling")
    if own.name != "podling" or (found and Path(found).resolve() == own.resolve()):
        return "podling"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)
