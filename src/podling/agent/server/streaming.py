"""``/exec`` and ``/attach``: a process's streams over WebSocket, ``v4.channel.k8s.io`` and ``v5.channel.k8s.io``.

The first byte of a message is its channel: 0 stdin, 1 stdout, 2 stderr, 3 the outcome as a Status, 4 terminal size; ``255 0`` (v5)
closes stdin.  What the client does not read holds the process up, not memory: each direction carries one message at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the client asked for. Channels that it did not ask for are read and dropped: it has no place to put them."""

    stdin: bool
    tty: bool
    outputs: frozenset[int]

    @classmethod
    def of(cls, request: web.BaseRequest) -> _Wanted:
        """In a kubelet's words, or in those of `PodExecOptions`."""

        def says(*names: str) -> bool:
            return any(request.query.get(name, "") in _YES for name in names)

        asked = {STDOUT: says("output", "stdout"), STDERR: says("error", "stderr")}
        outputs = frozenset(channel for channel, is_wanted in asked.items() if is_wanted)
        return cls(says("input", "stdin"), says("tty"), outputs)


@dataclass(frozen=True, slots=True)
class _Session:
    """The process's streams, what is wanted of them, and what its exit code means to the client."""

    wanted: _Wanted
    streams: AbstractAsyncContextManager[Stream]
    status: Callable[[int], meta_v1.Status]
    fault: str


async def execute(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    record = containers.running(kit, pods, *parts)
    command = request.query.getall("command", [])
    if not command:
        raise NotRunning(
            "you must specify at least one command for the container", code=containers.BAD_REQUEST
        )
    wanted = _Wanted.of(request)
    streams = kit.runtime.exec(record.id, command, stdin=wanted.stdin, tty=wanted.tty)
    return await _serve(request, _Session(wanted, streams, _ended, "error executing command in container"))


async def attach(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    """As upstream's, an attach that lasts until the container ends is a success: how it ended is in the Pod's status."""
    record = containers.running(kit, pods, *parts)
    wanted = _Wanted.of(request)
    streams = kit.runtime.attach(record.id, stdin=wanted.stdin, tty=wanted.tty)
    return await _serve(
        request, _Session(wanted, streams, lambda code: _ended(0), "error attaching to container")
    )


async def _serve(request: web.BaseRequest, session: _Session) -> web.StreamResponse:
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
        async with session.streams as stream:
            status = await _talk(socket, stream, session)
    except RuntimeFault as fault:
        status = _failure(f"{session.fault}: {fault}")
    with suppress(ConnectionError):
        await socket.send_bytes(bytes([OUTCOME]) + msgspec.json.encode(status))
        await socket.close()
    return socket


async def _talk(socket: web.WebSocketResponse, stream: Stream, session: _Session) -> meta_v1.Status:
    """Carry both directions until the process has ended or the client has gone."""
    inwards = asyncio.create_task(_inwards(socket, stream, session.wanted), name="streams: client to process")
    outwards = asyncio.create_task(
        _outwards(socket, stream, session.wanted), name="streams: process to client"
    )
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
    return session.status(code)


async def _inwards(socket: web.WebSocketResponse, stream: Stream, wanted: _Wanted) -> bool:
    """From the client to the process; True when the client has gone."""
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, data = message.data[0], message.data[1:]
        if channel == STDIN and data and wanted.stdin:
            with suppress(RuntimeFault, ConnectionError):  # a process that reads no more says so by ending
                await stream.write(data)
        elif channel == CLOSE and data[:1] == bytes([STDIN]) and wanted.stdin:
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
        with suppress(RuntimeFault):  # a process without a terminal has no size
            await stream.resize(size.width, size.height)


async def _outwards(socket: web.WebSocketResponse, stream: Stream, wanted: _Wanted) -> None:
    async for channel, data in stream.read():
        if channel not in wanted.outputs:
            continue
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
