"""Pod networks without a kernel behind them.

``AddressNetwork`` only gives addresses: for simulated Pods.  ``LoopbackNetwork`` gives each Pod an address of the
machine's own loopback range, for processes that share the machine's network: everything in 127.0.0.0/8 is local, so
such an address needs neither privilege nor interface.  What listens on 0.0.0.0 answers there, too.  Its record is one
file per sandbox, so that a restarted node finds the addresses again.

Both are ``SandboxNetwork`` of ``podling.runtime.interface`` by shape and ignore the namespace they are given.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from .bridge import Attachment
from .errors import NetworkFault, NotSupported
from .ipam import Ipam, IpamStatistics
from .naming import Names

LOOPBACK_PREFIX = "127.42"
_PROC_TABLES = ("tcp", "udp")


class AddressNetwork:
    """Addresses of ``cidr``, remembered as long as the object."""

    def __init__(self, cidr: str) -> None:
        self._ipam = Ipam(cidr)

    def statistics(self) -> IpamStatistics:
        return self._ipam.statistics()

    async def start(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def destroy(self) -> None:
        """Nothing to remove."""

    async def attach(self, sandbox_id: str, netns: str, config: Attachment) -> tuple[str, ...]:
        """The sandbox's address, a new one unless it has one.  Raises ``AddressesExhausted``."""
        return (self._ipam.allocate(sandbox_id),)

    async def detach(self, sandbox_id: str) -> None:
        """Free the address; nothing happens if there is none."""
        self._ipam.release(sandbox_id)

    async def addresses(self, sandbox_id: str) -> tuple[str, ...]:
        """The sandbox's addresses; () if it has none."""
        address = self._ipam.address_of(sandbox_id)
        return (address,) if address else ()


def loopback_range(names: Names) -> str:
    """The 254 loopback addresses of one node: ``127.42.x.0/24`` with x from its name, so that clusters rarely meet."""
    digest = hashlib.blake2s(names.table.encode(), digest_size=2).digest()
    return f"{LOOPBACK_PREFIX}.{int.from_bytes(digest) % 254 + 1}.0/24"


class LoopbackNetwork:
    """Loopback addresses of ``cidr`` for Pods that share the machine's network; ``folder`` holds the record."""

    def __init__(self, cidr: str, *, folder: Path) -> None:
        self._ipam = Ipam(cidr)
        self._folder = folder

    @property
    def gateway(self) -> str:
        """The range's first address, which no Pod gets: the node's own."""
        return self._ipam.gateway

    def statistics(self) -> IpamStatistics:
        return self._ipam.statistics()

    async def start(self) -> None:
        """Find the addresses that an earlier process gave.  Raises ``NetworkFault`` if the folder cannot be used."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for file in sorted(self._folder.iterdir()):
                if file.name.startswith("."):
                    file.unlink()
                else:
                    self._ipam.adopt(file.name, file.read_text())
        except OSError as error:
            raise NetworkFault(f"cannot keep Pod addresses in {self._folder}: {error}") from error

    async def close(self) -> None:
        """Let go; the addresses stay recorded."""

    async def destroy(self) -> None:
        """Forget all addresses.  Safe to repeat."""
        for file in self._folder.glob("*"):
            file.unlink()

    async def attach(self, sandbox_id: str, netns: str, config: Attachment) -> tuple[str, ...]:
        """Give the sandbox an address that nothing on this machine listens on.  Raises ``NetworkFault``."""
        for mapping in config.port_mappings:
            if mapping.host_port not in (0, mapping.container_port):
                raise NotSupported(
                    f"cannot forward hostPort {mapping.host_port} to {mapping.container_port}: "
                    "the Pod shares the machine's ports, the two must be the same"
                )
        busy = _busy_addresses()
        passed: list[str] = []
        try:
            while (address := self._ipam.allocate(sandbox_id)) in busy:
                passed.append(f"busy {len(passed)}")
                self._ipam.release(sandbox_id)
                self._ipam.adopt(
                    passed[-1], address
                )  # held meanwhile, else the rotation could come back to it
            self._record(sandbox_id, address)
        except OSError:
            self._ipam.release(sandbox_id)
            raise
        finally:
            for owner in passed:
                self._ipam.release(owner)
        return (address,)

    async def detach(self, sandbox_id: str) -> None:
        """Free the address; nothing happens if there is none."""
        (self._folder / sandbox_id).unlink(missing_ok=True)
        self._ipam.release(sandbox_id)

    async def addresses(self, sandbox_id: str) -> tuple[str, ...]:
        """The sandbox's addresses, also those given by an earlier process; () if it has none."""
        address = self._ipam.address_of(sandbox_id)
        return (address,) if address else ()

    def _record(self, sandbox_id: str, address: str) -> None:
        temporary = self._folder / f".{sandbox_id}"
        temporary.write_text(address)
        os.replace(temporary, self._folder / sandbox_id)


def _busy_addresses() -> set[str]:
    """Local IPv4 addresses that sockets of this machine are bound to, another cluster's Pods among them."""
    found: set[str] = set()
    for table in _PROC_TABLES:
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            raw = bytes.fromhex(line.split()[1].split(":")[0])
            found.add(".".join(str(byte) for byte in reversed(raw)))
    return found
