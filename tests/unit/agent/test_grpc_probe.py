"""``grpc`` probes against a real gRPC server on loopback: what a good and a bad answer are, in the kubelet's words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from selfsigned import certify

from podling.agent.probes.answer import Answer
from podling.agent.probes.grpc import GrpcProber
from podling.api.types import core_v1
from podling.network.host import Host

HERE = "127.0.0.1"
CONTAINER = core_v1.Container(name="main")
Handler = Callable[[bytes, Any], Awaitable[bytes]]


async def serving(request: bytes, context: Any) -> bytes:
    return b"\x08\x01"


async def by_service(request: bytes, context: Any) -> bytes:
    """SERVING for the service `good`, NOT_SERVING for all others."""
    return b"\x08\x01" if request == b"\x0a\x04good" else b"\x08\x02"


async def silent(request: bytes, context: Any) -> bytes:
    return b""


async def unknown(request: bytes, context: Any) -> bytes:
    await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service – none")
    raise AssertionError


async def slow(request: bytes, context: Any) -> bytes:
    await asyncio.Event().wait()
    raise AssertionError


@asynccontextmanager
async def server(check: Handler | None = serving, *, secure: Path | None = None) -> AsyncIterator[int]:
    made = grpc.aio.server()
    if check is not None:
        handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
        made.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),)
        )
    if secure is None:
        port = made.add_insecure_port(f"{HERE}:0")
    else:
        pair = ((secure / "key.pem").read_bytes(), (secure / "cert.pem").read_bytes())
        port = made.add_secure_port(f"{HERE}:0", grpc.ssl_server_credentials((pair,)))
    await made.start()
    try:
        yield port
    finally:
        await made.stop(None)


async def ask(tmp_path: Path, port: int, *, limit: int = 5, **action: Any) -> Answer:
    probe = core_v1.Probe(grpc=core_v1.GRPCAction(port=port, **action), timeout_seconds=limit)
    return await GrpcProber(Host("", "", tmp_path)).probe(probe, CONTAINER, "c1", HERE)


async def test_server_that_serves_is_good(tmp_path: Path):
    async with server() as port:
        assert await ask(tmp_path, port) == Answer()


async def test_service_is_named_in_the_request(tmp_path: Path):
    async with server(by_service) as port:
        assert await ask(tmp_path, port, service="good") == Answer()
        bad = await ask(tmp_path, port, service="other")
    assert bad.failure == 'service unhealthy (responded with "NOT_SERVING")'


async def test_answer_without_a_status_is_unknown(tmp_path: Path):
    async with server(silent) as port:
        assert (await ask(tmp_path, port)).failure == 'service unhealthy (responded with "UNKNOWN")'


async def test_server_without_the_health_service_says_so(tmp_path: Path):
    async with server(None) as port:
        failure = (await ask(tmp_path, port)).failure
    protocol = "the grpc health protocol (grpc.health.v1.Health)"
    assert failure.startswith(f"error: this server does not implement {protocol}: ")


async def test_refused_call_is_told_with_its_message(tmp_path: Path):
    async with server(unknown) as port:
        assert (await ask(tmp_path, port)).failure == "error: health rpc failed: unknown service – none"


async def test_call_that_takes_too_long(tmp_path: Path):
    async with server(slow) as port:
        failure = (await ask(tmp_path, port, limit=1)).failure
    assert failure == "timeout: health rpc did not complete within 1s"


async def test_nobody_listens(tmp_path: Path):
    async with server() as port:
        pass
    failure = (await ask(tmp_path, port)).failure
    assert failure == f'error: failed to connect service at "{HERE}:{port}": connection refused'


async def test_server_that_speaks_something_else(tmp_path: Path):
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ready, and how are you today?\r\n" * 10)
        await writer.drain()
        writer.close()

    made = await asyncio.start_server(greet, HERE, 0)
    async with made:
        failure = (await ask(tmp_path, made.sockets[0].getsockname()[1])).failure
    assert failure.startswith("error: health rpc failed: ")


async def test_tls_is_spoken_where_asked_and_not_verified(tmp_path: Path):
    certify(tmp_path)
    async with server(secure=tmp_path) as port:
        assert await ask(tmp_path, port, mode="TLS") == Answer()
        assert (await ask(tmp_path, port, mode="Plaintext")).failure


async def test_server_in_clear_fails_a_probe_over_tls(tmp_path: Path):
    async with server() as port:
        failure = (await ask(tmp_path, port, mode="TLS")).failure
    assert failure.startswith(f'error: failed to connect service at "{HERE}:{port}": ')
