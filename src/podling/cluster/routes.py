"""What the machine routes already: a new cluster's ranges must not meet it."""

from __future__ import annotations

import ipaddress
from pathlib import Path

TABLE = Path("/proc/net/route")


def routed(text: str) -> list[ipaddress.IPv4Network]:
    """The networks in the text of ``/proc/net/route`` (addresses there are hexadecimal in the machine's byte order).

    The default route is left out: it meets everything.
    """
    networks = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        address, mask = (int.from_bytes(bytes.fromhex(fields[at]), "little") for at in (1, 7))
        if mask:
            networks.append(ipaddress.IPv4Network((address, mask.bit_count())))
    return networks


def taken() -> list[ipaddress.IPv4Network]:
    """What this machine routes now; nothing where the kernel does not tell."""
    return routed(TABLE.read_text()) if TABLE.exists() else []
