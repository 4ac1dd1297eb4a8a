"""The administrator's way into a cluster, as a kubeconfig entry."""

from __future__ import annotations

from pathlib import Path

from podling.client.http import ServerAddress
from podling.client.kubeconfig import Paths, load
from podling.client.kubeconfig_edit import Entry

from .config import ClusterConfig, write_private
from .errors import NotRunning
from .layout import Layout


def administrator(layout: Layout, config: ClusterConfig, *, server: str) -> Entry:
    """Cluster, user and context for the certificate that ``pki`` made; ``server`` is the API server's URL."""
    return Entry(
        name=config.context,
        server=server,
        ca=(layout.pki / "ca.crt").read_bytes(),
        certificate=(layout.pki / "admin.crt").read_bytes(),
        key=(layout.pki / "admin.key").read_bytes(),
    )


def address(layout: Layout) -> ServerAddress:
    """Where the cluster's API server is and how its administrator proves to be that; ``NotRunning`` if never up."""
    if not layout.kubeconfig.exists():
        raise NotRunning(
            f"cluster {layout.name!r} has never been up in {layout.data_dir}; 'podling up' starts it"
        )
    return load(Paths((layout.kubeconfig,), explicit=True)).address


def authority(layout: Layout) -> bytes:
    """The certificate of the cluster's own authority, by which its entries are told from namesakes'; b"" before the first start."""
    file = layout.pki / "ca.crt"
    return file.read_bytes() if file.exists() else b""


def handed_over(layout: Layout) -> tuple[Path, ...]:
    """The users' kubeconfig files that the cluster's context was written to."""
    if not layout.handed_over.exists():
        return ()
    return tuple(Path(line) for line in layout.handed_over.read_text().splitlines())


def remember_handed_over(layout: Layout, file: Path) -> None:
    """Note that ``file`` carries the context, so that ``delete`` takes it out again."""
    known = handed_over(layout)
    if file not in known:
        write_private(layout.handed_over, "".join(f"{one}\n" for one in (*known, file)).encode())
