"""Who may use the endpoints: by default the API server's own client certificate and administrators.

The TLS layer has verified the certificate against the cluster's authority; here only its subject is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

API_SERVER_NAMES = ("kube-apiserver-kubelet-client", "system:kube-apiserver")
ADMINISTRATORS = "system:masters"


@dataclass(frozen=True, slots=True)
class Peer:
    """The subject of the client's certificate; both empty without one."""

    name: str = ""
    groups: tuple[str, ...] = ()


Authorize = Callable[[Peer, str, str], bool]
"""Whether this peer may use this method on this path."""


def administrators_only(peer: Peer, method: str, path: str) -> bool:
    return peer.name in API_SERVER_NAMES or ADMINISTRATORS in peer.groups


def peer_of(certificate: Mapping[str, Any] | None) -> Peer:
    """From what ``ssl`` says of a verified certificate."""
    if not certificate:
        return Peer()
    name, groups = "", []
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                name = value
            elif key == "organizationName":
                groups.append(value)
    return Peer(name, tuple(groups))
