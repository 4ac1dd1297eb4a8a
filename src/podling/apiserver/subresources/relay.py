"""The streams of a process, relayed between the client's WebSocket or SPDY and the kubelet's WebSocket.

The messages of `v4.channel.k8s.io` and `v5.channel.k8s.io` begin with a channel byte (0 stdin, 1 stdout, 2 stderr,
3 error status, 4 resize; v5 adds 255, which closes a channel).  The relay looks at none of that: both legs speak the
same protocol (`spdy` makes its streams look like it), so it passes messages on and stops when either side does.  A
side that reads slowly holds the other one up; nothing piles up here.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import aiohttp

from podling.api import codec, errors
from podling.api.types import meta_v1
from podling.apiserver import spdy
from podling.apiserver.call import Call
from podling.apiserver.request import Query, Request, Response, Socket, Upgrade

from . import kubelet

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
ERROR_CHANNEL = b"\x03"
MAX_MESSAGE = 4 * 1024 * 1024
MAX_WORDS = 50 * 1024
_KUBELET_NAMES = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}


async def serve(call: Call, verb: str, words: list[tuple[str, str]]) -> Response:
    """Upgrade the client and relay to the kubelet's `verb` with the query `words` and the streams that are wanted.

    Both by GET and by POST, whichever way the client wants to be upgraded.
    """
    kubelet.check_create(call)
    is_spdy = call.request.headers.get("upgrade", "").lower() == spdy.UPGRADE.lower()
    protocol = _spdy_protocol(call.request) if is_spdy else _protocol(call.request)
    wanted = [*words, *_streams(call.request.query)]
    target = await kubelet.target(call, call.request.query.first("container"))
    inner_protocol = PROTOCOLS[0] if is_spdy else protocol
    inner = await _connect(target, target.url(verb, wanted), inner_protocol)
    relay = partial(_relay, inner=inner, closing=call.services.closing)
    return Response(101, Upgrade(protocol, relay, is_spdy=is_spdy))


async def _connect(target: kubelet.Target, url: str, protocol: str) -> Any:
    """The kubelet's end; raises its refusal in its own words."""
    try:
        return await target.session.ws_connect(
            url, protocols=(protocol,), max_msg_size=MAX_MESSAGE, autoping=True, compress=0
        )
    except aiohttp.WSServerHandshakeError as error:
        why = await _words(target, url) or error.message
        raise errors.InternalError(f"unable to upgrade connection: {why}") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise errors.InternalError(f"error dialing backend: {error}") from error


async def _words(target: kubelet.Target, url: str) -> str:
    """Why it refused: a refused handshake comes without its body. Asked again with no upgrade, nothing can run."""
    try:
        async with target.session.get(url) as answer:
            return str((await answer.content.read(MAX_WORDS)).decode(errors="replace").strip())
    except (aiohttp.ClientError, TimeoutError):
        return ""


def _protocol(request: Request) -> str:
    """The newest protocol that both sides speak; raises BadRequest when the request is no WebSocket or there is none."""
    if request.headers.get("upgrade", "").lower() != "websocket":
        raise errors.BadRequest("Upgrade request required")
    offered = [name.strip() for name in request.headers.get("sec-websocket-protocol", "").split(",")]
    for protocol in PROTOCOLS:
        if protocol in offered:
            return protocol
    raise errors.BadRequest(
        f"unable to upgrade: none of the protocols {offered} is served, only {list(PROTOCOLS)}"
    )


def _spdy_protocol(request: Request) -> str:
    """The one protocol spoken over SPDY, which every client since v1.7 offers; raises BadRequest when this one does not."""
    lines = [value for name, value in request.headers.items() if name.lower() == "x-stream-protocol-version"]
    offered = [name.strip() for line in lines for name in line.split(",")]
    if spdy.PROTOCOL not in offered:
        why = f"client supports {offered}, server supports {[spdy.PROTOCOL]}"
        raise errors.BadRequest(f"unable to upgrade: unable to negotiate protocol: {why}")
    return spdy.PROTOCOL


def _streams(query: Query) -> list[tuple[str, str]]:
    """Which streams are wanted, in the kubelet's words; a terminal has no stderr of its own."""
    wanted = {name for name in _KUBELET_NAMES if query.first(name).lower() in ("true", "1")}
    if not wanted & {"stdin", "stdout", "stderr"}:
        raise errors.BadRequest("you must specify at least 1 of stdin, stdout, stderr")
    if "tty" in wanted:
        wanted.discard("stderr")
    return [(inner, "1") for name, inner in _KUBELET_NAMES.items() if name in wanted]


async def _relay(outer: Socket, *, inner: Any, closing: asyncio.Event) -> None:
    """Pass messages both ways until a side ends; whatever happens, both are closed."""
    outwards = asyncio.create_task(_outwards(outer, inner), name="streams: kubelet to client")
    tasks = {
        outwards,
        asyncio.create_task(_inwards(outer, inner, outwards), name="streams: client to kubelet"),
        asyncio.create_task(closing.wait(), name="streams: server closing"),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if closing.is_set():
            await _tell(outer, "the server is shutting down")
    except (ConnectionError, aiohttp.ClientError) as error:
        await _tell(outer, f"connection to the container was lost: {error}")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await inner.close()
        await outer.close()


async def _outwards(outer: Socket, inner: Any) -> None:
    """Raises ConnectionResetError when the kubelet goes before it has said how it ended."""
    has_status = False
    async for message in inner:
        if message.type is aiohttp.WSMsgType.BINARY:
            has_status = has_status or message.data.startswith(ERROR_CHANNEL)
            await outer.send(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            await outer.send(message.data.encode())
    if not has_status:
        raise ConnectionResetError("the node closed it")


async def _inwards(outer: Socket, inner: Any, outwards: asyncio.Task[None]) -> None:
    """What the client still sends when the process has ended is dropped: how it ended is on its way outwards."""
    while (message := await outer.receive()) is not None:
        try:
            await inner.send_bytes(message if isinstance(message, bytes) else message.encode())
        except (ConnectionError, aiohttp.ClientError):
            await asyncio.wait({outwards})
            return


async def _tell(outer: Socket, why: str) -> None:
    """A failure status, so that the client does not take the broken session for a success."""
    status = meta_v1.Status(status="Failure", reason="InternalError", message=why, code=500)
    try:
        await outer.send(ERROR_CHANNEL + codec.struct_encode(status))
    except ConnectionError:
        return
