"""Settings of a node that runs its Pods on a CRI runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from podling.runtime.interface import Unavailable

SCHEME = "unix://"
WELL_KNOWN = ("unix:///run/containerd/containerd.sock", "unix:///run/crio/crio.sock")
"""Where the distributions' packages listen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CriConfig:
    """What a runtime is told.

    endpoint     the runtime's socket as kubelets are given it: ``unix:///path``.
    owner        names the node among all that use the endpoint; what others made there is neither seen nor touched.
    state_dir    the node's folder for this runtime; the network's plugin and its socket lie there.
    cgroup_root  the node's control group, relative to the hierarchies' roots.
    """

    endpoint: str
    owner: str
    state_dir: Path
    cgroup_root: str

    @property
    def cni(self) -> Path:
        """Where the network's plugin lies: the runtime's ``bin_dir`` and ``conf_dir`` if our network is wanted."""
        return self.state_dir / "cni"


def socket_of(endpoint: str) -> Path:
    """The path in an endpoint.  Raises ``Unavailable``."""
    path = endpoint.removeprefix(SCHEME)
    if not endpoint.startswith(SCHEME) or not path.startswith("/"):
        raise Unavailable(f"cannot use runtime endpoint {endpoint!r}: it must be unix:///path/of/a/socket")
    return Path(path)
