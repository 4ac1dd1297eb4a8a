"""What a node's network things are called, so that several clusters and nodes never meet (pure).

An interface name holds 15 bytes, less than a cluster's or Pod's name, hence digests: ``pb-KKKKK`` for the bridge and
``pvKKKKKSSSSSSSS`` for a Pod's veth, K = digest of cluster and node, S = of the sandbox id.  The address of a Pod is
written into the hardware addresses of both ends of its veth, so the links in the kernel are the whole record of who
has which address: nothing else can disagree with them, and it survives us by itself.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from dataclasses import dataclass

# Locally administered prefixes; the Pod's end is as CNI's bridge plugin makes it, so equal addresses keep equal MACs
# and neighbours' ARP caches never go stale.
_POD_SIDE = b"\x0a\x58"
_HOST_SIDE = b"\x0e\x58"
_GATEWAY_SIDE = b"\x0e\x59"
_TRANSIT_NODE_SIDE = b"\x0a\x5a"
_TRANSIT_MACHINE_SIDE = b"\x0e\x5a"


def _digest(text: str, length: int) -> str:
    raw = hashlib.blake2s(text.encode(), digest_size=10).digest()
    return base64.b32encode(raw).decode().lower()[:length]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one node's things."""

    cluster: str
    node: str

    @property
    def key(self) -> str:
        return _digest(f"{self.cluster}/{self.node}", 5)

    @property
    def bridge(self) -> str:
        return f"pb-{self.key}"

    @property
    def table(self) -> str:
        """The nftables table; '/' occurs in no cluster or node name."""
        return f"podling/{self.cluster}/{self.node}"

    @property
    def number(self) -> int:
        """Metric of our unreachable routes (behind any real route) and group of our dying links: of this node alone."""
        return 0x50000000 + int.from_bytes(hashlib.blake2s(self.table.encode(), digest_size=3).digest())

    def veth(self, sandbox_id: str) -> str:
        return f"pv{self.key}{_digest(sandbox_id, 8)}"

    def is_veth(self, name: str) -> bool:
        return len(name) == 15 and name.startswith(f"pv{self.key}")


def pod_mac(address: str) -> bytes:
    return _POD_SIDE + ipaddress.IPv4Address(address).packed


def host_mac(address: str) -> bytes:
    return _HOST_SIDE + ipaddress.IPv4Address(address).packed


def gateway_mac(address: str) -> bytes:
    return _GATEWAY_SIDE + ipaddress.IPv4Address(address).packed


def transit_macs(address: str) -> tuple[bytes, bytes]:
    """Of the link that joins a node to the others: the node's end, and the machine's."""
    packed = ipaddress.IPv4Address(address).packed
    return _TRANSIT_NODE_SIDE + packed, _TRANSIT_MACHINE_SIDE + packed


def address_in(mac: bytes) -> str | None:
    """The Pod address that the host's end of a veth carries, None if it is not one of ours."""
    if len(mac) != 6 or mac[:2] != _HOST_SIDE:
        return None
    return str(ipaddress.IPv4Address(mac[2:]))
