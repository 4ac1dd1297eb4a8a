"""``grpc`` probes: the standard health service of a server, over a connection in clear or over TLS that nobody verifies.

Messages are the kubelet's (`pkg/probe/grpc`). The conversation is in `healthcheck`, loaded with the first such probe.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

from podling.agent.errors import ProbeFault
from podling.api.types import core_v1
from podling.network.errors import NetworkFault
from podling.network.host import Host

from .answer import USER_AGENT, Answer, reason

if TYPE_CHECKING:
    from .healthcheck import Verdict

_PIECE = 16 << 10


class GrpcProber:
    def __init__(self, host: Host) -> None:
        self._host = host

    async def probe(
        self, probe: core_v1.Probe, container: core_v1.Container, container_id: str, address: str
    ) -> Answer:
        action = probe.grpc or core_v1.GRPCAction()
        shown = f"[{address}]:{action.port}" if ":" in address else f"{address}:{action.port}"
        limit = probe.timeout_seconds or 1
        connected = False
        try:
            async with asyncio.timeout(limit):
                reader, writer = await self._connect(address, action)
                connected = True
                try:
                    verdict = await self._check(reader, writer, action, shown)
                finally:
                    writer.transport.abort()
        except TimeoutError:
            if connected:
                return Answer(failure=f"timeout: health rpc did not complete within {limit}s")
            why = "context deadline exceeded"
            return Answer(failure=f'timeout: failed to connect service "{shown}" within {limit}s: {why}')
        except OSError as error:
            why = reason(error)
            if connected:
                return Answer(failure=f"error: health rpc failed: {why}")
            return Answer(failure=f'error: failed to connect service at "{shown}": {why}')
        return _answer(verdict, limit)

    async def _connect(
        self, address: str, action: core_v1.GRPCAction
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            made = self._host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        except (OSError, NetworkFault) as error:
            raise ProbeFault(f"cannot open a socket: {error}") from error
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(made, (address, action.port))
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            security = _unverified() if action.mode == "TLS" else None
            name = address if security is not None else None
            transport, _ = await loop.create_connection(
                lambda: protocol, sock=made, ssl=security, server_hostname=name
            )
        except BaseException:
            made.close()
            raise
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _check(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        action: core_v1.GRPCAction,
        authority: str,
    ) -> Verdict:
        from .healthcheck import Call

        scheme = "https" if action.mode == "TLS" else "http"
        call = Call(authority, action.service or "", scheme=scheme, user_agent=USER_AGENT)
        writer.write(call.begin())
        while call.verdict is None:
            writer.write(call.feed(await reader.read(_PIECE)))
        return call.verdict


def _answer(verdict: Verdict, limit: int) -> Answer:
    from . import healthcheck

    if verdict.code == healthcheck.UNIMPLEMENTED:
        protocol = "the grpc health protocol (grpc.health.v1.Health)"
        return Answer(failure=f"error: this server does not implement {protocol}: {verdict.message}")
    if verdict.code == healthcheck.DEADLINE_EXCEEDED:
        return Answer(failure=f"timeout: health rpc did not complete within {limit}s")
    if verdict.code != healthcheck.OK:
        return Answer(failure=f"error: health rpc failed: {verdict.message}")
    if verdict.status != "SERVING":
        return Answer(failure=f'service unhealthy (responded with "{verdict.status}")')
    return Answer()


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context
