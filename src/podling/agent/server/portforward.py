"""``/portForward``: connections to a Pod's ports as streams of one SPDY connection, ``portforward.k8s.io``.

For every connection the client opens two streams with one ``requestid``: ``error`` and ``data``.  Bytes go both ways on
the second, each direction ends by itself; what goes wrong is told on the first.  A connection that cannot be made
leaves the others alone.  What the client does not read holds the Pod up, not memory.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, cast

from aiohttp import web

from podling.agent.errors import NotRunning
from podling.agent.kit import Kit
from podling.agent.pods import Pods
from podling.aio import spdy
from podling.runtime.interface import RuntimeFault, Sandbox, SandboxState
from podling.runtime.interface import Stream as PodStream

from . import containers, portchannels

PROTOCOL = "portforward.k8s.io"
UPGRADE = "SPDY/3.1"
FORBIDDEN = 403
PAIR_SECONDS = 30.0
"""How long one of a connection's two streams may wait for the other, as upstream."""

log = logging.getLogger(__name__)


async def serve(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    sandbox = _sandbox(kit, pods, *parts)
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return await portchannels.serve(kit, sandbox, request)
    _check(request)
    headers = {"Upgrade": UPGRADE, "Connection": "Upgrade", "X-Stream-Protocol-Version": PROTOCOL}
    answer = web.StreamResponse(status=101, headers=headers)
    answer.force_close()
    connection = spdy.Connection(_Wire(request, answer))
    request.protocol.set_parser(cast(Any, connection))
    request.protocol.keep_alive(False)
    await answer.prepare(request)
    await _Forwarding(kit, sandbox, connection).run()
    return answer


def _sandbox(kit: Kit, pods: Pods, namespace: str, name: str) -> Sandbox:
    worker = containers.worker(pods, namespace, name)
    sandboxes = kit.observed.sandboxes(worker.memory.uid)
    if not sandboxes or sandboxes[0].state is not SandboxState.READY:
        raise NotRunning(f'not found running sandbox for pod "{name}"')
    return sandboxes[0]


def _check(request: web.BaseRequest) -> None:
    if request.headers.get("Upgrade", "").lower() != UPGRADE.lower():
        raise NotRunning("unable to upgrade: missing upgrade headers in request", code=containers.BAD_REQUEST)
    lines = request.headers.getall("X-Stream-Protocol-Version", [])
    offered = [name.strip() for line in lines for name in line.split(",")]
    if offered and PROTOCOL not in offered:
        why = f"client supports {offered}, server supports {[PROTOCOL]}"
        raise NotRunning(f"unable to upgrade: unable to negotiate protocol: {why}", code=FORBIDDEN)


class _Wire:
    """`spdy.Wire` over aiohttp's connection."""

    def __init__(self, request: web.BaseRequest, answer: web.StreamResponse) -> None:
        self._request = request
        self._answer = answer

    async def write(self, data: bytes) -> None:
        await self._answer.write(data)

    def pause_reading(self) -> None:
        """The transport itself: aiohttp's protocol would ask its HTTP parser, which is done."""
        if (transport := self._request.transport) is not None:
            cast(asyncio.ReadTransport, transport).pause_reading()

    def resume_reading(self) -> None:
        if (transport := self._request.transport) is not None:
            cast(asyncio.ReadTransport, transport).resume_reading()


class _Forwarding:
    """One client's session."""

    def __init__(self, kit: Kit, sandbox: Sandbox, connection: spdy.Connection) -> None:
        self._kit = kit
        self._sandbox = sandbox
        self._connection = connection
        self._halves: dict[str, asyncio.Future[spdy.Stream]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the client has gone; then every connection is closed."""
        try:
            while (stream := await self._connection.accept()) is not None:
                await self._take(stream)
        except ConnectionError:
            log.debug("the client of %s went away", self._sandbox.name)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._connection.close()

    async def _take(self, stream: spdy.Stream) -> None:
        kind = stream.headers.get("streamtype", "")
        if kind not in ("error", "data") or _port(stream) is None:
            await stream.reset()
            return
        before_last = (
            stream.number if kind == "error" else stream.number - 2
        )  # clients before v1.2 give no id
        request = stream.headers.get("requestid") or str(before_last)
        other = self._halves.pop(request, None)
        if other is not None and not other.done():
            other.set_result(stream)
            return
        awaited = self._halves[request] = asyncio.get_running_loop().create_future()
        serving = self._request(request, stream, awaited)
        task = asyncio.create_task(serving, name=f"port-forward: request {request}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _request(self, request: str, first: spdy.Stream, awaited: asyncio.Future[spdy.Stream]) -> None:
        """One connection, from its first stream on."""
        streams = [first]
        try:
            async with asyncio.timeout(PAIR_SECONDS):
                streams.append(await awaited)
            by_kind = {stream.headers["streamtype"]: stream for stream in streams}
            if len(by_kind) == 2:
                await self._forward(by_kind["data"], by_kind["error"])
        except TimeoutError:
            self._halves.pop(request, None)
            if first.headers["streamtype"] == "error":
                await _tell(
                    first, f"error: timed out waiting for error and data streams of request {request}"
                )
        finally:
            for stream in streams:
                with suppress(ConnectionError):
                    await stream.finish()

    async def _forward(self, data: spdy.Stream, error: spdy.Stream) -> None:
        port = _port(data) or 0
        try:
            async with self._kit.runtime.port_forward(self._sandbox.id, port) as pod:
                await _carry(data, error, pod)
        except RuntimeFault as fault:
            which = f"port {port} to pod {self._sandbox.id}, uid {self._sandbox.uid}"
            await _tell(error, f"error forwarding {which}: {fault}")


def _port(stream: spdy.Stream) -> int | None:
    text = stream.headers.get("port", "")
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text) < 65536 else None


async def _tell(error: spdy.Stream, why: str) -> None:
    with suppress(ConnectionError):
        await error.write(why.encode())


async def _carry(data: spdy.Stream, error: spdy.Stream, pod: PodStream) -> None:
    """Both directions until both have ended, or the client gives the stream up."""
    inwards = asyncio.create_task(_inwards(data, pod), name="port-forward: client to Pod")
    outwards = asyncio.create_task(_outwards(data, error, pod), name="port-forward: Pod to client")
    try:
        await asyncio.gather(inwards, outwards)
    except ConnectionError:
        return
    finally:
        for task in (inwards, outwards):
            task.cancel()
        await asyncio.gather(inwards, outwards, return_exceptions=True)


async def _inwards(data: spdy.Stream, pod: PodStream) -> None:
    """Raises ConnectionResetError when the client gives up. What a Pod does not want to read is dropped."""
    is_wanted = True
    while piece := await data.read():
        if is_wanted:
            try:
                await pod.write(piece)
            except (RuntimeFault, ConnectionError):
                is_wanted = False
    await pod.close_stdin()


async def _outwards(data: spdy.Stream, error: spdy.Stream, pod: PodStream) -> None:
    """kubectl up to v1.30 waits for the end of both streams before it lets go of its side."""
    async for _, piece in pod.read():
        await data.write(piece)
    await data.finish()
    await error.finish()
