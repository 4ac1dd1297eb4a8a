"""``/portForward`` over a plain WebSocket: the channels of ``v4.channel.k8s.io``, as the Python client and older programs speak it.

The ports are named in the query. Each has two channels, counted on: one for its bytes, both ways, and one for what goes wrong; on both the
server first sends the port's number, two bytes, the lower one first (k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go).  With
``v4.base64.channel.k8s.io`` messages are text: the channel's digit and its bytes in base64.  The session ends with its last connection.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from contextlib import suppress

from aiohttp import WSMsgType, web

from podling.agent.errors import NotRunning
from podling.agent.kit import Kit
from podling.runtime.interface import RuntimeFault, Sandbox
from podling.runtime.interface import Stream as PodStream

from . import containers

BINARY = "v4.channel.k8s.io"
BASE64 = "v4.base64.channel.k8s.io"
PROTOCOLS = (BINARY, BASE64)
MAX_MESSAGE = 4 * 1024 * 1024
WAITING = 16
"""Messages for a Pod that does not read; then the client is held up."""


async def serve(kit: Kit, sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    ports = _ports(request)
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=MAX_MESSAGE)
    await socket.prepare(request)
    await _Session(kit, sandbox, socket, ports).run()
    return socket


def _ports(request: web.BaseRequest) -> list[int]:
    named = [text for value in request.query.getall("port", []) for text in value.split(",")]
    if not named:
        raise NotRunning('query parameter "port" is required', code=containers.BAD_REQUEST)
    ports = []
    for text in named:
        if not text:
            raise NotRunning('query parameter "port" cannot be empty', code=containers.BAD_REQUEST)
        if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
            why = f'unable to parse "{text}" as a port: must be between 1 and 65535'
            raise NotRunning(why, code=containers.BAD_REQUEST)
        ports.append(int(text))
    return ports


class _Session:
    """One client and its connections, in the order in which it named the ports."""

    def __init__(self, kit: Kit, sandbox: Sandbox, socket: web.WebSocketResponse, ports: list[int]) -> None:
        self._kit = kit
        self._sandbox = sandbox
        self._socket = socket
        self._ports = ports
        self._inwards: list[asyncio.Queue[bytes]] = [asyncio.Queue(WAITING) for _ in ports]
        self._unpack = _from_base64 if socket.ws_protocol == BASE64 else _from_binary

    async def run(self) -> None:
        tasks = [
            asyncio.create_task(self._forward(index, port), name=f"port-forward: channels of port {port}")
            for index, port in enumerate(self._ports)
        ]
        reading = asyncio.create_task(self._read(), name="port-forward: channels from the client")
        forwarding = asyncio.create_task(_all(tasks), name="port-forward: channels")
        try:
            await asyncio.wait({reading, forwarding}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, forwarding, *tasks):
                task.cancel()
            await asyncio.gather(reading, forwarding, *tasks, return_exceptions=True)
            await self._socket.close()

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                continue
            channel, data = self._unpack(message.data)
            if channel % 2 == 0 and channel // 2 < len(self._ports) and data:
                await self._inwards[channel // 2].put(data)

    async def _forward(self, index: int, port: int) -> None:
        data, error = 2 * index, 2 * index + 1
        with suppress(ConnectionError):
            for channel in (data, error):
                await self._send(channel, port.to_bytes(2, "little"))
            try:
                async with self._kit.runtime.port_forward(self._sandbox.id, port) as pod:
                    await self._carry(pod, data, self._inwards[index])
            except RuntimeFault as fault:
                which = f"port {port} to pod {self._sandbox.id}, uid {self._sandbox.uid}"
                await self._send(error, f"error forwarding {which}: {fault}".encode())

    async def _carry(self, pod: PodStream, channel: int, inwards: asyncio.Queue[bytes]) -> None:
        """Until the Pod has ended its side: a client cannot end one of its channels alone."""
        writing = asyncio.create_task(_write(pod, inwards), name="port-forward: channel to Pod")
        try:
            async for _, piece in pod.read():
                await self._send(channel, piece)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _send(self, channel: int, data: bytes) -> None:
        if self._socket.ws_protocol == BASE64:
            await self._socket.send_str(f"{channel}{base64.b64encode(data).decode()}")
        else:
            await self._socket.send_bytes(bytes([channel]) + data)


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


async def _write(pod: PodStream, inwards: asyncio.Queue[bytes]) -> None:
    """What a Pod does not want to read is dropped."""
    is_wanted = True
    while True:
        piece = await inwards.get()
        if is_wanted:
            try:
                await pod.write(piece)
            except (RuntimeFault, ConnectionError):
                is_wanted = False


_NOTHING = (1, b"")
"""A message that nobody reads."""


def _from_binary(message: str | bytes) -> tuple[int, bytes]:
    raw = message.encode() if isinstance(message, str) else message
    return (raw[0], raw[1:]) if raw else _NOTHING


def _from_base64(message: str | bytes) -> tuple[int, bytes]:
    raw = message.encode() if isinstance(message, str) else message
    try:
        return int(raw[:1]), base64.b64decode(raw[1:], validate=True)
    except (ValueError, binascii.Error):
        return _NOTHING
