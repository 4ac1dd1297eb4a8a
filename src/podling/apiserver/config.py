"""The API server's settings: frozen, each with its unit, default and reason."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from podling.api.levels import NEWEST

from .audit.log import Rotation
from .audit.policy import Policy
from .request import UserInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """`policy` is what the file says (audit.k8s.io/v1), `log` the file that is written."""

    policy: Policy
    log: Path
    rotation: Rotation = field(default_factory=Rotation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What one API server needs to know besides its store, clock, random source and dialer.

    service_account_issuer        `iss` of the tokens that it signs and the one it trusts.
    service_account_key           EC or RSA private key (PEM) that signs service-account tokens.
    service_account_public_keys   keys (PEM) that verify them, for rotation; the signing key's own is always trusted.
    api_audiences                 audiences a token may be meant for; the issuer unless named.
    client_ca                     certificates (PEM) that client certificates must chain to; empty: x509 is off.
    cluster_ca                    certificates (PEM) that clients verify this server with: `kube-root-ca.crt`.
    static_tokens                 bearer token -> user; for tests and for joining nodes.
    anonymous_paths               paths served without credentials; health only, so that probes need none.
    service_cidr                  range that Service addresses come from; its first address is `kubernetes`.
    node_port_range               first and last port for NodePort Services, as upstream's default.
    advertise_address             what the `kubernetes` Service's endpoints point to; "" leaves them out.
    advertise_port                port of that address.
    runtime_config                which alpha and beta versions are served too; `serving` says how to ask for them.
    minor                         level of Kubernetes that is served: 37 is v1.37; groups, versions, fields and features of that release.
    max_body_bytes                larger bodies get 413; upstream's limit.
    max_held_bytes                bodies in arrival and answers unread, over all connections; beyond it is 429.
    fairness                      whether API Priority and Fairness shares out what is served at once; upstream's flag and default.
    max_reads_in_flight           reads served at once, 0: no limit.  With fairness the sum of both is shared out, and who finds
                                  no room may wait; without it more get 429.  Watches and sessions do not count.
    max_writes_in_flight          the same for writes.
    request_seconds               an ordinary request that takes longer gets 504; upstream's default.
    watch_seconds                 a watch without timeoutSeconds ends after between one and two times this.
    audit                         what is written to an audit log, and where; None: there is none.
    access_log                    whether every request is logged, not only those that fail or are slow.
    bookmark_seconds              how often an idle watch that asked for bookmarks gets one.
    event_ttl_seconds             Events are deleted this long after their last write; upstream's `--event-ttl`.
    service_account_token_seconds lifetime of the token in the projected volume that admission adds to Pods.
    default_not_ready_toleration_seconds    how long a Pod that does not say so stays on a node that is not ready.
    default_unreachable_toleration_seconds  the same for a node that cannot be reached; upstream's flags and defaults.
    """

    service_account_issuer: str = "https://kubernetes.default.svc.cluster.local"
    service_account_key: bytes = b""
    service_account_public_keys: tuple[bytes, ...] = ()
    api_audiences: tuple[str, ...] = ()
    client_ca: bytes = b""
    cluster_ca: bytes = b""
    static_tokens: Mapping[str, UserInfo] = field(default_factory=dict)
    anonymous_paths: tuple[str, ...] = ("/healthz", "/livez", "/readyz")
    service_cidr: str = "10.43.0.0/16"
    node_port_range: tuple[int, int] = (30000, 32767)
    advertise_address: str = ""
    advertise_port: int = 6443
    runtime_config: Mapping[str, str] = field(default_factory=dict)
    minor: int = NEWEST
    max_body_bytes: int = 3 * 1024 * 1024
    max_held_bytes: int = 256 * 1024 * 1024
    fairness: bool = True
    max_reads_in_flight: int = 400
    max_writes_in_flight: int = 200
    request_seconds: float = 60
    watch_seconds: float = 1800
    audit: Audit | None = None
    access_log: bool = False
    bookmark_seconds: float = 60
    event_ttl_seconds: float = 3600
    service_account_token_seconds: int = 3607
    default_not_ready_toleration_seconds: int = 300
    default_unreachable_toleration_seconds: int = 300

    @property
    def version(self) -> str:
        """What `/version` says as gitVersion."""
        return f"v1.{self.minor}.0"

    def service_network(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(self.service_cidr)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Certificate and key (PEM files) to serve with."""

    certificate: Path
    key: Path
