"""The ports of its node that a Pod takes for itself."""

from __future__ import annotations

from typing import NamedTuple

from podling.api.types.core_v1 import Pod

from .containers import sidecars

ANY_ADDRESS = "0.0.0.0"


class HostPort(NamedTuple):
    """A port of the node; `address` is `0.0.0.0` for all of its addresses."""

    address: str
    protocol: str
    port: int

    def conflicts(self, other: HostPort) -> bool:
        """The two cannot be had at once on one node."""
        if (self.port, self.protocol) != (other.port, other.protocol):
            return False
        return self.address == other.address or ANY_ADDRESS in (self.address, other.address)


def host_ports(pod: Pod) -> list[HostPort]:
    """Ports of containers and sidecars that are to appear on the node, in the order written."""
    if pod.spec is None:
        return []
    return [
        HostPort(port.host_ip or ANY_ADDRESS, port.protocol or "TCP", port.host_port)
        for container in (*pod.spec.containers, *sidecars(pod.spec))
        for port in container.ports or ()
        if port.host_port
    ]
