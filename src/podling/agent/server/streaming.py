"""``/exec`` and ``/attach``: a process's streams over WebSocket, ``v4.channel.k8s.io`` and ``v5.channel.k8s.io``.

The first byte of a message is its channel: 0 stdin, 1 stdout, 2 stderr, 3 the outcome as a Status, 4 terminal size; ``255 0`` (v5)
closes stdin.  What the client does not read holds the process up, not memory: each direction carries one message at a time.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, suppress

import aiohttp
import msgspec
from aiohttp import web

from podling.agent.errors import NotRunning
from podling.agent.kit import Kit
from podling.agent.pods import Pods
from podling.api.types import meta_v1
from podling.runtime.interface import RuntimeFault, Stream

from . import containers

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, OUTCOME, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
MAX_MESSAGE = 32 << 10
PING_SECONDS = 20.0
_YES = ("true", "1")


class _Size(msgspec.Struct, rename="pascal"):
    width: int = 0
    height: int = 0


async def execute(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    record = containers.running(kit, pods, *parts)
    command = request.query.getall("command", [])
    if not command:
        raise NotRunning(
            "you must specify at least one command for the container", code=containers.BAD_REQUEST
        )
    stdin, tty = _wants(request, "input", "stdin"), _wants(request, "tty")
    session = kit.runtime.exec(record.id, command, stdin=stdin, tty=tty)
    return await _serve(request, session)


async def attach(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    record = containers.running(kit, pods, *parts)
    stdin, tty = _wants(request, "input", "stdin"), _wants(request, "tty")
    return await _serve(request, kit.runtime.attach(record.id, stdin=stdin, tty=tty))


def _wants(request: web.BaseRequest, *names: str) -> bool:
    return any(request.query.get(name, "") in _YES for name in names)


async def _serve(
    request: web.BaseRequest, session: AbstractAsyncContextManager[Stream]
) -> web.StreamResponse:
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    if not any(protocol in offered for protocol in PROTOCOLS):
        raise NotRunning(
            f"unable to upgrade: one of {', '.join(PROTOCOLS)} is needed", code=containers.BAD_REQUEST
        )
    socket = web.WebSocketResponse(
        protocols=PROTOCOLS, heartbeat=PING_SECONDS, max_msg_size=4 << 20, compress=False, autoclose=False
    )
    await socket.prepare(request)
    try:
        async with session as stream:
            status = await _talk(socket, stream)
    except RuntimeFault as fault:
        status = _failure(f"error executing command in container: {fault}")
    with suppress(ConnectionError):
        await socket.send_bytes(bytes([OUTCOME]) + msgspec.json.encode(status))
        await socket.close()
    return socket


async def _talk(socket: web.WebSocketResponse, stream: Stream) -> meta_v1.Status:
    """Carry both directions until the process has ended or the client has gone."""
    inwards = asyncio.create_task(_inwards(socket, stream), name="exec: client to process")
    outwards = asyncio.create_task(_outwards(socket, stream), name="exec: process to client")
    try:
        await asyncio.wait({inwards, outwards}, return_when=asyncio.FIRST_COMPLETED)
        if not outwards.done() and inwards.result():
            return _failure("the client went away")
        await outwards
        code = await stream.wait()
    finally:
        for task in (inwards, outwards):
            task.cancel()
        await asyncio.gather(inwards, outwards, return_exceptions=True)
    return _ended(code)


async def _inwards(socket: web.WebSocketResponse, stream: Stream) -> bool:
    """From the client to the process; True when the client has gone."""
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, data = message.data[0], message.data[1:]
        if channel == STDIN and data:
            with suppress(RuntimeFault, ConnectionError):  # a process that reads no more says so by ending
                await stream.write(data)
        elif channel == CLOSE and data[:1] == bytes([STDIN]):
            await stream.close_stdin()
        elif channel == RESIZE:
            await _resize(stream, data)
    return True


async def _resize(stream: Stream, data: bytes) -> None:
    try:
        size = msgspec.json.decode(data, type=_Size)
    except msgspec.DecodeError:
        return
    if size.width > 0 and size.height > 0:
        await stream.resize(size.width, size.height)


async def _outwards(socket: web.WebSocketResponse, stream: Stream) -> None:
    async for channel, data in stream.read():
        for at in range(0, len(data), MAX_MESSAGE):
            await socket.send_bytes(bytes([channel]) + data[at : at + MAX_MESSAGE])


def _ended(code: int) -> meta_v1.Status:
    if code == 0:
        return meta_v1.Status(status="Success")
    cause = meta_v1.StatusCause(reason="ExitCode", message=str(code))
    return meta_v1.Status(
        status="Failure",
        reason="NonZeroExitCode",
        message=f"command terminated with non-zero exit code: exit status {code}",
        details=meta_v1.StatusDetails(causes=[cause]),
    )


def _failure(message: str) -> meta_v1.Status:
    return meta_v1.Status(status="Failure", reason="InternalError", message=message, code=500)
