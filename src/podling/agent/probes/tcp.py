"""``tcpSocket`` probes: a connection that opens is good, whatever is said on it."""

from __future__ import annotations

import asyncio
import socket

from podling.agent.errors import ProbeFault
from podling.api.types import core_v1
from podling.network.errors import NetworkFault
from podling.network.host import Host

from .answer import Answer, reason


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
            return Answer(failure=f"dial tcp {shown}: connect: {reason(error)}")
    return Answer()


def port_of(port: int | str, container: core_v1.Container) -> int:
    """A port by number or by its name in the container.  Raises ``ProbeFault`` in the kubelet's words."""
    named = [known.container_port for known in container.ports or [] if known.name == port]
    number = named[0] if named else port
    if isinstance(number, str):
        if not number.isdecimal():
            raise ProbeFault(f'strconv.Atoi: parsing "{number}": invalid syntax')
        number = int(number)
    if not 0 < number < 1 << 16:
        raise ProbeFault(f"invalid port number: {number}")
    return number
