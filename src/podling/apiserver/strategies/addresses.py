"""Which Service address and node port are free.

The Services themselves are the record: an address is taken when a stored Service has it, or when a write that is
under way holds it.  Nothing else is kept, so nothing can disagree with the store after a crash.  Upstream's layout of
the range is kept: explicit addresses are taken by convention from the lower part, so free ones are looked for in the
upper part first.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Iterator
from itertools import chain

from podling.api.field import FieldError, Path, invalid
from podling.api.types import core_v1

HEADLESS = "None"
_TRIES = 16
_MAX_OFFSET = 256
_MIN_OFFSET = 16


class Exhausted(Exception):
    """No address or port of the range is free."""


class Addresses:
    """Hands out cluster addresses and node ports; `services` gives what is stored now."""

    def __init__(
        self,
        network: ipaddress.IPv4Network,
        node_ports: tuple[int, int],
        *,
        services: Callable[[], Iterator[core_v1.ServiceSpec]],
        chance: random.Random,
    ) -> None:
        self.network = network
        self._node_ports = node_ports
        self._services = services
        self._chance = chance
        self._held_addresses: dict[str, str] = {}
        self._held_ports: dict[int, str] = {}

    def assign(self, service: core_v1.Service, old: core_v1.Service | None) -> list[FieldError]:
        """Give a Service the addresses and ports its type needs; what it asked for must be free."""
        spec, before = (
            service.spec or core_v1.ServiceSpec(),
            (old.spec if old else None) or core_v1.ServiceSpec(),
        )
        holder = service.metadata.uid or ""
        faults = [*self._assign_address(spec, before, holder)]
        if spec.type in ("NodePort", "LoadBalancer") and spec.allocate_load_balancer_node_ports is not False:
            faults += self._assign_ports(spec, before, holder)
        return faults

    def release(self, service: core_v1.Service) -> None:
        """The write is over: what it held is in the store now, or free again."""
        holder = service.metadata.uid or ""
        self._held_addresses = {ip: who for ip, who in self._held_addresses.items() if who != holder}
        self._held_ports = {port: who for port, who in self._held_ports.items() if who != holder}

    def _assign_address(
        self, spec: core_v1.ServiceSpec, before: core_v1.ServiceSpec, holder: str
    ) -> Iterator[FieldError]:
        if spec.type == "ExternalName":
            return
        spec.ip_family_policy = spec.ip_family_policy or "SingleStack"
        spec.ip_families = spec.ip_families or ["IPv4"]
        if spec.cluster_ip == HEADLESS or (spec.cluster_ip and spec.cluster_ip == before.cluster_ip):
            spec.cluster_ips = spec.cluster_ips or [spec.cluster_ip]
            return
        taken = {
            ip for stored in self._services() for ip in (stored.cluster_ip, *(stored.cluster_ips or ())) if ip
        }
        taken.update(self._held_addresses)
        if spec.cluster_ip:
            fault = self._unusable(spec.cluster_ip, taken)
            if fault:
                yield invalid(Path("spec") / "clusterIPs", [spec.cluster_ip], fault)
                return
        else:
            spec.cluster_ip = self._free_address(taken)
        spec.cluster_ips = [spec.cluster_ip]
        self._held_addresses[spec.cluster_ip] = holder

    def _unusable(self, text: str, taken: set[str]) -> str:
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError:
            return "failed to allocate IP: not an IPv4 address"
        if address not in self.network:
            return f"failed to allocate IP {text}: the provided IP ({text}) is not in the valid range. The range of valid IPs is {self.network}"
        return f"failed to allocate IP {text}: provided IP is already allocated" if text in taken else ""

    def _free_address(self, taken: set[str]) -> str:
        size = self.network.num_addresses - 2
        offset = min(max(_MIN_OFFSET, size // 16), _MAX_OFFSET) if size > _MIN_OFFSET else 0
        for _ in range(_TRIES):
            found = str(self.network[1 + self._chance.randrange(offset, size)])
            if found not in taken:
                return found
        for index in (*range(offset, size), *range(offset)):
            found = str(self.network[1 + index])
            if found not in taken:
                return found
        raise Exhausted(f"failed to allocate a serviceIP: range {self.network} is full")

    def _assign_ports(
        self, spec: core_v1.ServiceSpec, before: core_v1.ServiceSpec, holder: str
    ) -> Iterator[FieldError]:
        own = {port.node_port for port in before.ports or () if port.node_port}
        for port in spec.ports or ():
            if not port.node_port:
                port.node_port = _same_port(port, before)
        taken = {
            port.node_port for stored in self._services() for port in stored.ports or () if port.node_port
        }
        taken.update(self._held_ports)
        low, high = self._node_ports
        for index, port in enumerate(spec.ports or ()):
            path = Path("spec") / "ports" / index / "nodePort"
            if not port.node_port:
                port.node_port = self._free_port(taken)
            elif port.node_port not in own:
                if not low <= port.node_port <= high:
                    why = f"provided port is not in the valid range. The range of valid ports is {low}-{high}"
                    yield invalid(path, port.node_port, why)
                elif port.node_port in taken:
                    yield invalid(path, port.node_port, "provided port is already allocated")
            taken.add(port.node_port)
            self._held_ports[port.node_port] = holder

    def _free_port(self, taken: set[int]) -> int:
        low, high = self._node_ports
        start: int = self._chance.randint(low, high)
        for port in chain(range(start, high + 1), range(low, start)):
            if port not in taken:
                return port
        raise Exhausted(f"failed to allocate a nodePort: range {low}-{high} is full")


def _same_port(port: core_v1.ServicePort, before: core_v1.ServiceSpec) -> int | None:
    """The node port that the same port had before, when an update leaves it out."""
    for known in before.ports or ():
        if (known.protocol, known.port) == (port.protocol, port.port):
            return known.node_port
    return None
