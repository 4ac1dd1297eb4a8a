"""``tcpSocket`` probes: a connection that opens is good, whatever is said on it."""

from __future__ import annotations

import asyncio
import socket

from podling.agent.errors import ProbeFault
from podling.api.types import core_v1
from podling.network.errors import NetworkFault
from podling.network.host import Host

from .answer import Answer


class TcpProber:
    def __init__(self, host: Host) -> None:
        self._host = host

    async def probe(
        self, probe: core_v1.Probe, container: core_v1.Container, container_id: str, address: str
    ) -> Answer:
        action = probe.tcp_socket or core_v1.TCPSocketAction()
        where = (action.host or address, port_of(action.port, container))
        return await connect(self._host, where, limit=probe.timeout_seconds or 1)


async def connect(host: Host, where: tuple[str, int], *, limit: float) -> Answer:
    """Open a connection from the node and close it."""
    shown = f"[{where[0]}]:{where[1]}" if ":" in where[0] else f"{where[0]}:{where[1]}"
    family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    try:
        made = host.socket(family)
    except (OSError, NetworkFault) as error:
        raise ProbeFault(f"cannot open a socket: {error}") from error
    with made:
        try:
            async with asyncio.timeout(limit):
                await asyncio.get_running_loop().sock_connect(made, where)
        except TimeoutError:
            return Answer(failure=f"dial tcp {shown}: i/o timeout")
        except OSError as error:
            return Answer(failure=f"dial tcp {shown}: connect: {(error.strerror or str(error)).lower()}")
    return Answer()


def port_of(port: int | str, container: core_v1.Container) -> int:
    """A port by number or by its name in the container.  Raises ``ProbeFault``."""
    if isinstance(port, int):
        return port
    for known in container.ports or []:
        if known.name == port:
            return known.container_port
    if port.isdecimal():
        return int(port)
    raise ProbeFault(f"couldn't find port: {port}")
