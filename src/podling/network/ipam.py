"""Which address a Pod gets: the state of one node's Pod range (pure).

The range's network, broadcast and first (gateway) address are never given out.  Addresses rotate: one that was
released comes again only after all others, so that late packets and caches do not hit the next Pod.  Nothing is kept
here for later: whoever owns the record of what is in use (links, files) hands it back through ``adopt`` after a start.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from .errors import AddressesExhausted, NetworkFault


@dataclass(frozen=True, slots=True)
class IpamStatistics:
    used: int
    capacity: int


class Ipam:
    """Addresses of ``cidr`` by owner; an owner is any string and has at most one address."""

    def __init__(self, cidr: str) -> None:
        self.network = ipaddress.IPv4Network(cidr)
        if self.network.num_addresses < 4:
            raise NetworkFault(f"cannot give out addresses of {cidr}: the range holds no Pod")
        self.gateway = str(self.network[1])
        self._first = int(self.network[2])
        self._count = self.network.num_addresses - 3
        self._next = 0
        self._by_owner: dict[str, str] = {}
        self._taken: set[str] = set()

    def allocate(self, owner: str) -> str:
        """The owner's address, a new one unless it has one.  Raises ``AddressesExhausted``."""
        if owner in self._by_owner:
            return self._by_owner[owner]
        for step in range(self._count):
            offset = (self._next + step) % self._count
            address = str(ipaddress.IPv4Address(self._first + offset))
            if address not in self._taken:
                self._next = (offset + 1) % self._count
                self._take(owner, address)
                return address
        raise AddressesExhausted(
            f"cannot give an address to {owner}: all {self._count} of {self.network} are in use"
        )

    def adopt(self, owner: str, address: str) -> None:
        """Record that ``owner`` has ``address`` already; later allocations go on behind it."""
        offset = int(ipaddress.IPv4Address(address)) - self._first
        if not 0 <= offset < self._count:
            raise NetworkFault(
                f"cannot adopt {address} of {owner}: it is not a Pod address of {self.network}"
            )
        if self._by_owner.get(owner, address) != address or (
            address in self._taken and owner not in self._by_owner
        ):
            raise NetworkFault(f"cannot adopt {address} of {owner}: it is taken, or {owner} has another")
        if owner not in self._by_owner:
            self._take(owner, address)
        self._next = max(self._next, (offset + 1) % self._count)

    def release(self, owner: str) -> str | None:
        """Free the owner's address and return it; None if it has none."""
        address = self._by_owner.pop(owner, None)
        if address is not None:
            self._taken.remove(address)
        return address

    def address_of(self, owner: str) -> str | None:
        return self._by_owner.get(owner)

    def owners(self) -> tuple[str, ...]:
        return tuple(self._by_owner)

    def statistics(self) -> IpamStatistics:
        return IpamStatistics(used=len(self._by_owner), capacity=self._count)

    def __repr__(self) -> str:
        return f"<Ipam {self.network} {len(self._by_owner)}/{self._count}>"

    def _take(self, owner: str, address: str) -> None:
        self._by_owner[owner] = address
        self._taken.add(address)
