"""Ports forwarded over the channels of a plain WebSocket (k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go)."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import aiohttp
import pytest
from test_agent_endpoints import serving

from podling.runtime.interface import RuntimeFault

ASK = b"GET / HTTP/1.0\r\n\r\n"
BINARY, BASE64 = "v4.channel.k8s.io", "v4.base64.channel.k8s.io"


def packed(protocol: str, channel: int, data: bytes) -> tuple[bytes | str, bool]:
    if protocol == BASE64:
        return f"{channel}{base64.b64encode(data).decode()}", True
    return bytes([channel]) + data, False


def unpacked(message: aiohttp.WSMessage) -> tuple[int, bytes]:
    if message.type is aiohttp.WSMsgType.TEXT:
        return int(message.data[0]), base64.b64decode(message.data[1:])
    assert message.type is aiohttp.WSMsgType.BINARY, message
    return message.data[0], message.data[1:]


async def everything(socket: aiohttp.ClientWebSocketResponse) -> dict[int, bytes]:
    """What comes on each channel until the session ends."""
    got: dict[int, bytes] = {}
    async with asyncio.timeout(10):
        async for message in socket:
            channel, data = unpacked(message)
            got[channel] = got.get(channel, b"") + data
    return got


@pytest.mark.parametrize("protocol", [BINARY, BASE64])
async def test_each_port_has_a_channel_for_bytes_and_one_for_errors(tmp_path: Path, protocol: str) -> None:
    async with serving(tmp_path) as (world, session):
        await world.create("web")
        await world.until_ready("web")
        url = "/portForward/default/web?port=80,8080"
        async with session.ws_connect(url, protocols=(protocol,)) as socket:
            assert socket.protocol == protocol
            for channel in (0, 2):
                message, is_text = packed(protocol, channel, ASK)
                await (socket.send_str(str(message)) if is_text else socket.send_bytes(bytes(message)))  # type: ignore[arg-type]
            got = await everything(socket)
        assert sorted(got) == [0, 1, 2, 3]
        assert (got[1], got[3]) == ((80).to_bytes(2, "little"), (8080).to_bytes(2, "little"))
        for channel, port in ((0, 80), (2, 8080)):
            assert got[channel].startswith(port.to_bytes(2, "little") + b"HTTP/1.1 200 OK")
            assert got[channel].endswith(b"web\n")


async def test_what_goes_wrong_is_told_on_the_errors_channel(tmp_path: Path) -> None:
    async with serving(tmp_path) as (world, session):
        await world.create("web")
        await world.until_ready("web")
        world.machine.inject("port_forward", RuntimeFault("connection refused"))
        async with session.ws_connect("/portForward/default/web?port=80", protocols=(BINARY,)) as socket:
            got = await everything(socket)
        assert got[0] == (80).to_bytes(2, "little")
        assert got[1][2:].startswith(b"error forwarding port 80 to pod ")


@pytest.mark.parametrize("query", ["", "?port=", "?port=0", "?port=65536", "?port=http"])
async def test_ports_must_be_named(tmp_path: Path, query: str) -> None:
    async with serving(tmp_path) as (world, session):
        await world.create("web")
        await world.until_ready("web")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"/portForward/default/web{query}", protocols=(BINARY,))
        assert refused.value.status == 400
