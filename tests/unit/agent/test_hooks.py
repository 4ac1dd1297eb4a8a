"""Lifecycle hooks over HTTP, against real servers on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from podling.agent.hooks import HookFailed, Hooks
from podling.agent.probes.http import HttpProber
from podling.api.types import core_v1
from podling.network.host import Host


@asynccontextmanager
async def served(answer: bytes) -> AsyncIterator[tuple[int, list[str]]]:
    """The port of a server that gives this answer to everything, and what it was sent, line by line."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(4096)
        if head.startswith(b"GET "):
            heard.extend(head.decode().splitlines())
            writer.write(answer)
        else:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def run(tmp_path: Any, **action: Any) -> str:
    hook = msgspec.convert({"httpGet": action}, core_v1.LifecycleHandler)
    prober = HttpProber(Host(netns="", cgroup="", state_dir=tmp_path))
    try:
        hooks = Hooks(runtime=None, http=prober)  # type: ignore[arg-type]
        return await hooks.run(hook, core_v1.Container(name="main"), "c1", "127.0.0.1")
    finally:
        await prober.close()


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Oops"])
async def test_any_answer_will_do(tmp_path: Any, status: str):
    async with served(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as (port, heard):
        headers = [{"name": "X-Why", "value": "hook"}]
        assert await run(tmp_path, port=port, path="/start", httpHeaders=headers) == ""
    assert heard[0] == "GET /start HTTP/1.1"
    assert "X-Why: hook" in heard
    assert "User-Agent: kube-lifecycle/1.37" in heard


async def test_https_hook_to_a_server_in_clear_is_sent_again_without_its_credentials(tmp_path: Any):
    async with served(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, heard):
        headers = [{"name": "Authorization", "value": "Basic secret"}, {"name": "X-Why", "value": "hook"}]
        told = await run(tmp_path, port=port, path="/", scheme="HTTPS", httpHeaders=headers)
    host = f"127.0.0.1:{port}"
    assert told == f"request to HTTPS lifecycle hook {host} got HTTP response, retry with HTTP succeeded"
    assert "X-Why: hook" in heard
    assert not any("secret" in line for line in heard)


async def test_no_answer_is_a_failure(tmp_path: Any):
    async with served(b"") as (port, _):
        pass
    with pytest.raises(HookFailed, match="connection refused"):
        await run(tmp_path, port=port, path="/")


async def test_port_that_is_none_is_a_failure(tmp_path: Any):
    with pytest.raises(HookFailed):
        await run(tmp_path, port="nameless", path="/")
