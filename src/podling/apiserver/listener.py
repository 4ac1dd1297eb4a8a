"""From bytes on a TLS socket to `Request`, and from `Response` to bytes again.

Built on aiohttp's low-level server: its HTTP/1.1 parser and writer, no application and no middleware.  This module
decides what a connection may cost (sizes, counts, times); `answering` how an answer is framed; what is asked and
answered is `handle`'s business.

Limits, and what they stop: `heads.MAX_HEAD` oversized heads; `IDLE_SECONDS` connections that send nothing
or only ever part of a head (slow loris); `BODY_SECONDS` bodies that trickle; `answering.STALL_SECONDS` clients that read nothing of what they asked for; `max_body` oversized bodies (413);
`MAX_CONNECTIONS` a flood of them; `budget` much of everything over all connections (429).  A large body is read only
once it is known whose it is.

A client that goes away cancels the handler of its request, so that streams end and give back what they hold; writes
are never cut in half by that (`commit` shields them).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast
from urllib.parse import unquote

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from podling.api import codec, errors

from . import answering
from .budget import Budget, Hold
from .connections import Connections
from .heads import MAX_HEAD, MAX_LINES, HeadRefused, Heads
from .metrics import Metrics
from .request import Query, Request, Response
from .tls import counting_handshakes


class Front(Protocol):
    """What answers."""

    metrics: Metrics

    async def handle(self, request: Request) -> Response: ...

    def identify(self, request: Request) -> None:
        """Set `request.user`; raises Unauthorized."""

    def refuse(self, request: Request) -> Response:
        """The answer to a request whose real answer there is no room for."""


MAX_CONNECTIONS = 8192
IDLE_SECONDS = 90.0
BODY_SECONDS = 30.0
DRAIN_SECONDS = 5.0
BACKLOG = 1024

log = logging.getLogger(__name__)
_NO_ACCESS_LOG = logging.getLogger(f"{__name__}.unused")
"""aiohttp's own access log stays off; the pipeline writes one that knows verbs and users."""
_NO_ACCESS_LOG.disabled = True


class _Connection(web.RequestHandler):
    """One client connection; remembers once what every request of it needs."""

    __slots__ = ("_heads", "_opened", "peer_certificate", "remote")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        secured = transport.get_extra_info("ssl_object")
        self.peer_certificate: bytes | None = secured.getpeercert(True) if secured is not None else None
        peer = transport.get_extra_info("peername")
        self.remote: str = peer[0] if isinstance(peer, tuple) else ""
        manager = self._manager
        assert isinstance(manager, _Server)
        self._opened = transport, manager.open
        self._heads = Heads(self._parser, manager.budget, self.remote)
        self._parser = cast(Any, self._heads)
        manager.open.came(transport)
        if len(manager.open) > MAX_CONNECTIONS:
            log.warning("connection from %s refused: %d are open", self.remote, MAX_CONNECTIONS)
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        transport, connections = self._opened
        connections.went(transport)
        self._heads.forget()
        super().connection_lost(exc)

    def log_exception(self, *args: object, **more: object) -> None:
        """What a client got wrong it is told; the log is for what we got wrong."""
        if not isinstance(
            more.get("exc_info"), HttpProcessingError | web.RequestPayloadError | ConnectionError
        ):
            log.error(
                "connection from %s failed", self.remote, exc_info=cast(BaseException, more.get("exc_info"))
            )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A head over the limits is 431, as Go's server has it; aiohttp would say 400 and repeat the head."""
        if isinstance(exc, LineTooLong) or message == "Too many headers received":
            return super().handle_error(request, 431, exc, "Request Header Fields Too Large")
        if isinstance(exc, HeadRefused):
            return super().handle_error(request, exc.code, exc, exc.message)
        return super().handle_error(request, status, exc, message)


class _Server(web.Server):
    """Makes connections and knows those that are open."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        handler_cancellation: bool,
        budget: Budget,
    ) -> None:
        super().__init__(handler, handler_cancellation=handler_cancellation)
        self.open = Connections()
        self.budget = budget

    def __call__(self) -> web.RequestHandler:
        return _Connection(
            self,
            loop=self._loop,
            keepalive_timeout=IDLE_SECONDS,
            max_line_size=MAX_HEAD,
            max_field_size=MAX_HEAD,
            max_headers=MAX_LINES,
            lingering_time=1.0,
            access_log=_NO_ACCESS_LOG,
            auto_decompress=False,
        )


class Listener:
    """Serves a front on any number of sockets; `close` drains."""

    def __init__(self, front: Front, *, max_body: int, budget: Budget) -> None:
        self._front = front
        self._max_body = max_body
        self._budget = budget
        self._server = _Server(self._serve, handler_cancellation=True, budget=budget)
        self._sockets: list[asyncio.Server] = []

    async def listen(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accept connections on a bound socket; owns it from now on."""
        if tls is not None:
            tls.sslobject_class = counting_handshakes(self._front.metrics.tls_errors)
        loop = asyncio.get_running_loop()
        self._sockets.append(await loop.create_server(self._server, sock=sock, ssl=tls, backlog=BACKLOG))

    def stop_accepting(self) -> None:
        """Refuse new connections and close those that wait for their next request."""
        for accepting in self._sockets:
            accepting.close()
        self._server.pre_shutdown()

    async def close(self) -> None:
        """End every connection: those in the middle of an answer have `DRAIN_SECONDS` to finish it."""
        self.stop_accepting()
        await self._server.shutdown(DRAIN_SECONDS)
        await self._server.open.see_off()
        for accepting in self._sockets:
            await accepting.wait_closed()
        self._sockets.clear()

    async def _serve(self, wire: web.BaseRequest) -> web.StreamResponse:
        with self._budget.hold() as hold:
            request = _asked(wire)
            try:
                if wire.body_exists:
                    request.body = await self._read_body(wire, request, hold)
            except errors.ApiError as error:
                response = Response(error.code, codec.struct_encode(error.status()))
                response.headers["Connection"] = "close"
            else:
                response = await self._front.handle(request)
            body = response.body
            if (
                isinstance(body, bytes)
                and len(body) > answering.WHOLE
                and not hold.take(_owner(request), len(body))
            ):
                response = self._front.refuse(request)
            del body
            try:
                return await answering.answer(wire, response)
            except answering.Stalled:
                self._front.metrics.aborted(request)
                answering.cut_off(wire)
                raise

    async def _read_body(self, wire: web.BaseRequest, request: Request, hold: Hold) -> bytes:
        if (wire.content_length or 0) > self._max_body:
            raise errors.RequestEntityTooLarge(f"limit is {self._max_body}")
        parts = []
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for part in wire.content.iter_any():
                    size += len(part)
                    if size > self._max_body:
                        raise errors.RequestEntityTooLarge(f"limit is {self._max_body}")
                    if size > answering.WHOLE and not hold.take(self._known(request), len(part)):
                        raise errors.TooManyRequests("Too many requests, please try again later.")
                    parts.append(part)
        except TimeoutError as error:
            raise errors.Timeout(f"request body did not arrive within {BODY_SECONDS:.0f}s") from error
        except web.RequestPayloadError as error:
            raise errors.BadRequest(f"cannot read the request body: {error}") from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _known(self, request: Request) -> str:
        """Whose body it is that is more than small; raises Unauthorized."""
        if request.user is None:
            self._front.identify(request)
        return _owner(request)


def _asked(wire: web.BaseRequest) -> Request:
    """A request as far as its head tells."""
    connection = wire.protocol
    assert isinstance(connection, _Connection)
    path, _, query = wire.raw_path.partition("?")
    return Request(
        method=wire.method,
        path=unquote(path) if "%" in path else path,
        query=Query.parse(query),
        headers=wire.headers,
        peer_certificate=connection.peer_certificate,
        remote=connection.remote,
    )


def _owner(request: Request) -> str:
    return request.user.name if request.user is not None else request.remote
