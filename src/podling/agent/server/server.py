"""The listener and its routes: aiohttp's low-level server on a given socket, every request judged by who asks."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec
from aiohttp import web

from podling.agent.errors import NotRunning
from podling.agent.kit import Kit
from podling.agent.pods import Pods
from podling.aio import metrics
from podling.api.types import core_v1

from . import cadvisor, configz, containers, logs, own, portforward, resource, streaming, summary
from .access import Authorize, Peer, Visitor, peer_of
from .meter import Meter
from .reading import Reading

log = logging.getLogger(__name__)

DRAIN_SECONDS = 2.0
KEPT_SECONDS = 60.0
"""How long the sizes of volumes are good (the kubelet's volumeStatsAggPeriod)."""
_QUIET = logging.getLogger(f"{__name__}.access")
_QUIET.disabled = True

Serve = Callable[[Kit, Pods, web.BaseRequest, list[str]], Awaitable[web.StreamResponse]]


JSON = "application/json"


async def _healthy(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    return web.Response(text="ok")


async def _pods(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    return _json(core_v1.PodList(items=pods.list()))


async def _running(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    """Pods as the runtime knows them, with the containers that run."""
    return _json(core_v1.PodList(items=containers.running_pods(kit)))


async def _settings(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    return _json(configz.render(kit.config))


async def _probes(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    if parts != ["probes"]:
        raise NotRunning("404: Page Not Found")
    return _text(own.probes(kit))


def _json(body: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type=JSON)


def _text(text: str) -> web.Response:
    return web.Response(body=text.encode(), headers={"Content-Type": metrics.CONTENT_TYPE})


class Route(NamedTuple):
    """A first path segment, the number of segments after it, and who serves it; ``long``: it may last as long as the client likes."""

    name: str
    parts: int
    serve: Serve
    long: bool = False


ROUTES: tuple[Route, ...] = (
    Route("attach", 3, streaming.attach, long=True),
    Route("configz", 0, _settings),
    Route("containerLogs", 3, logs.serve, long=True),
    Route("exec", 3, streaming.execute, long=True),
    Route("healthz", 0, _healthy),
    Route("metrics", 1, _probes),
    Route("pods", 0, _pods),
    Route("portForward", 2, portforward.serve, long=True),
    Route("runningpods", 0, _running),
)


class Measure(NamedTuple):
    """A way to write down a reading; ``disk``: it tells of volumes and logs, too, ``layers``: of what containers wrote."""

    write: Callable[[KubeletServer, Reading], web.Response]
    disk: bool = False
    layers: bool = False


USAGE_ONLY = "?only_cpu_and_memory=true"
MEASURES: dict[str, Measure] = {
    "/metrics": Measure(lambda server, reading: server.own_metrics(reading), disk=True),
    "/metrics/cadvisor": Measure(lambda _, reading: _text(cadvisor.render(reading)), disk=True, layers=True),
    "/metrics/resource": Measure(lambda _, reading: _text(resource.render(reading))),
    "/stats/summary": Measure(
        lambda _, reading: web.Response(body=summary.render(reading), content_type=JSON),
        disk=True,
        layers=True,
    ),
    f"/stats/summary{USAGE_ONLY}": Measure(
        lambda _, reading: web.Response(body=summary.usage(reading), content_type=JSON)
    ),
}


class KubeletServer:
    """Serves one agent.  ``close`` ends every session."""

    def __init__(self, kit: Kit, pods: Pods, *, authorize: Authorize) -> None:
        self._kit = kit
        self._pods = pods
        self._authorize = authorize
        self._meter = Meter(kit, pods, keep_seconds=KEPT_SECONDS)
        self._asked: Counter[tuple[str, ...]] = Counter()
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

    def own_metrics(self, reading: Reading) -> web.Response:
        """How the agent itself does."""
        return _text(own.render(self._kit, self._pods, reading, self._asked))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        refusal = await self._authorize(_visitor(request), request.method, request.path)
        if refusal is not None:
            return web.Response(status=refusal.code, text=refusal.words)
        path = request.path.rstrip("/") or "/"
        if request.query.get("only_cpu_and_memory") == "true":
            path += USAGE_ONLY
        if (measure := MEASURES.get(path)) is not None:
            self._count(request, path.removeprefix("/").removesuffix(USAGE_ONLY))
            return measure.write(self, await self._meter.read(disk=measure.disk, layers=measure.layers))
        first, *parts = [unquote(part) for part in request.rel_url.raw_path.strip("/").split("/")]
        for route in ROUTES:
            if route.name == first and route.parts == len(parts):
                self._count(request, first, long=route.long)
                return await self._serve(route, request, parts)
        return web.Response(status=404, text="404: Page Not Found")

    def _count(self, request: web.BaseRequest, path: str, *, long: bool = False) -> None:
        self._asked[str(long).lower(), request.method, path, "readwrite"] += 1

    async def _serve(self, route: Route, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        try:
            return await route.serve(self._kit, self._pods, request, parts)
        except NotRunning as refusal:
            return web.Response(status=refusal.code, text=str(refusal))
        except ConnectionError:
            log.debug("the client of %s went away", request.path)
            raise


def _visitor(request: web.BaseRequest) -> Visitor:
    transport = request.transport
    peer = peer_of(transport.get_extra_info("peercert")) if transport is not None else Peer()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return Visitor(peer, token.strip() if scheme.lower() == "bearer" else "")
