"""The listener and its routes: aiohttp's low-level server on a given socket, every request judged by the peer's certificate."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import unquote

import msgspec
from aiohttp import web

from podling.agent.errors import NotRunning
from podling.agent.kit import Kit
from podling.agent.pods import Pods
from podling.api.types import core_v1

from . import logs, portforward, stats, streaming
from .access import Authorize, Peer, peer_of

log = logging.getLogger(__name__)

DRAIN_SECONDS = 2.0
_QUIET = logging.getLogger(f"{__name__}.access")
_QUIET.disabled = True

Serve = Callable[[Kit, Pods, web.BaseRequest, list[str]], Awaitable[web.StreamResponse]]


async def _healthy(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    return web.Response(text="ok")


async def _pods(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    body = msgspec.json.encode(core_v1.PodList(items=pods.list()))
    return web.Response(body=body, content_type="application/json")


class Route(NamedTuple):
    """A first path segment, the number of segments after it, and who serves it."""

    name: str
    parts: int
    serve: Serve


ROUTES: tuple[Route, ...] = (
    Route("attach", 3, streaming.attach),
    Route("containerLogs", 3, logs.serve),
    Route("exec", 3, streaming.execute),
    Route("healthz", 0, _healthy),
    Route("metrics", 0, stats.metrics),
    Route("pods", 0, _pods),
    Route("portForward", 2, portforward.serve),
    Route("stats", 1, stats.summary),
)


class KubeletServer:
    """Serves one agent.  ``close`` ends every session."""

    def __init__(self, kit: Kit, pods: Pods, *, authorize: Authorize) -> None:
        self._kit = kit
        self._pods = pods
        self._authorize = authorize
        self._server = web.Server(self._handle, handler_cancellation=True, access_log=_QUIET)
        self._listening: list[asyncio.Server] = []

    async def listen(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accept connections on a bound socket, which is owned from now on."""
        loop = asyncio.get_running_loop()
        self._listening.append(await loop.create_server(self._server, sock=sock, ssl=tls))

    async def close(self) -> None:
        for listening in self._listening:
            listening.close()
        self._server.pre_shutdown()
        await self._server.shutdown(DRAIN_SECONDS)
        for listening in self._listening:
            await listening.wait_closed()
        self._listening.clear()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        peer = self._peer(request)
        if not self._authorize(peer, request.method, request.path):
            who = peer.name or "system:anonymous"
            return web.Response(
                status=403, text=f"Forbidden (user={who}, verb={request.method}, path={request.path})"
            )
        first, *parts = [unquote(part) for part in request.rel_url.raw_path.strip("/").split("/")]
        for route in ROUTES:
            if route.name == first and route.parts == len(parts):
                return await self._serve(route, request, parts)
        return web.Response(status=404, text="404: Page Not Found")

    async def _serve(self, route: Route, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        try:
            return await route.serve(self._kit, self._pods, request, parts)
        except NotRunning as refusal:
            return web.Response(status=refusal.code, text=str(refusal))
        except ConnectionError:
            log.debug("the client of %s went away", request.path)
            raise

    def _peer(self, request: web.BaseRequest) -> Peer:
        transport = request.transport
        return peer_of(transport.get_extra_info("peercert")) if transport is not None else Peer()
