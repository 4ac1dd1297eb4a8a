"""Where a cluster keeps its things on disk: pure path arithmetic.

<data-dir>/
  images/                 one store for all clusters of the machine
  clusters/<name>/
    cluster.json          the settings it was made with (0600)
    lock                  held by the process that runs the cluster
    pki/                  certificate authority, certificates, keys (0700)
    admin.kubeconfig      the administrator's way in (0600)
    handed-over           the users' kubeconfig files that carry the context, one a line
    store.db              every API object
    podling.log           what the background process said
    nodes/<node>/         one agent's state: sandboxes, containers, volumes, Pod logs
    hosts/<node>          the network namespace of a further node (a mount)
    control               the socket of ``podling node``
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

SYSTEM_DATA_DIR = Path("/var/lib/podling")


def default_data_dir(*, root: bool, home: Path, environ: dict[str, str] | os._Environ[str]) -> Path:
    """The data folder used when none is named: PODLING_DATA_DIR, /var/lib/podling for root, else the XDG data home."""
    if named := environ.get("PODLING_DATA_DIR"):
        return Path(named)
    if root:
        return SYSTEM_DATA_DIR
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "podling"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one cluster."""

    data_dir: Path
    name: str

    @property
    def identity(self) -> str:
        """Names the cluster among all of the machine: interfaces, rules and cgroups are called after it.

        The plain name in the system's data folder; elsewhere with a digest of the folder, so that two data folders
        may hold clusters of the same name.
        """
        if self.data_dir == SYSTEM_DATA_DIR:
            return self.name
        return f"{self.name}.{hashlib.blake2s(str(self.data_dir).encode(), digest_size=3).hexdigest()}"

    @property
    def images(self) -> Path:
        return self.data_dir / "images"

    @property
    def cluster(self) -> Path:
        return self.data_dir / "clusters" / self.name

    @property
    def config(self) -> Path:
        return self.cluster / "cluster.json"

    @property
    def lock(self) -> Path:
        return self.cluster / "lock"

    @property
    def pki(self) -> Path:
        return self.cluster / "pki"

    @property
    def kubeconfig(self) -> Path:
        return self.cluster / "admin.kubeconfig"

    @property
    def handed_over(self) -> Path:
        return self.cluster / "handed-over"

    @property
    def store(self) -> Path:
        return self.cluster / "store.db"

    @property
    def log(self) -> Path:
        return self.cluster / "podling.log"

    @property
    def hosts(self) -> Path:
        return self.cluster / "hosts"

    @property
    def control(self) -> Path:
        return self.cluster / "control"

    def node(self, name: str) -> Path:
        return self.cluster / "nodes" / name


def cluster_names(data_dir: Path) -> list[str]:
    """The clusters that have settings under ``data_dir``, by name."""
    folder = data_dir / "clusters"
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if (entry / "cluster.json").is_file())
