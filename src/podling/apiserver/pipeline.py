"""The way of a request through the server, stage by stage.

    route -> authenticate (and impersonate) -> bound, or wait for a seat -> authorize -> dispatch -> answer, count, log

`handle` is the one entry: HTTPS requests and those of clients in this process alike, except that the latter bring
their `user` and are not authenticated again.  Whatever goes wrong ends as a Status object; what nobody foresaw is
logged with its traceback and answered with 500.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator, Mapping
from time import perf_counter

from podling.aio.deadline import within
from podling.api import errors

from . import accesslog, dispatch, fairness, limits, render, routes
from .auth.impersonate import impersonated
from .call import Services
from .endpoints import Endpoints
from .fairness.following import FollowingGate
from .following import followed
from .metrics import Series
from .request import Chunks, Request, Response, Upgrade, UserInfo

WAIT_PART = 0.25
"""How much of its time a request may wait for a seat."""
OBJECTS_PER_SEAT, WIDEST = 100, 10
"""What a list costs (k8s.io/apiserver/pkg/util/flowcontrol/request)."""

log = logging.getLogger(__name__)


class Pipeline:
    """The stages of one server."""

    def __init__(
        self, services: Services, *, endpoints: Endpoints, gate: FollowingGate | None = None
    ) -> None:
        self._services = services
        self._endpoints = endpoints
        self.metrics = services.metrics
        config = services.config
        self.reads = limits.Room("readOnly", config.max_reads_in_flight)
        self.writes = limits.Room("mutating", config.max_writes_in_flight)
        self._gate = gate
        self._idle = asyncio.Event()
        self._idle.set()

    async def wait_idle(self) -> None:
        """Until no request is under way; long-running ones do not count."""
        await self._idle.wait()

    def highest(self, now: float) -> Iterator[tuple[str, int]]:
        """The most requests of each kind that were under way at once just now."""
        for room in (self.reads, self.writes):
            yield room.kind, room.highest(now)

    async def handle(self, request: Request) -> Response:
        """Serve one request; never raises but when cancelled."""
        started = perf_counter()  # uvloop's own time is in whole milliseconds
        request.audit_id = _audit_id(request) or _uuid(self._services.chance)
        try:
            response = await self._serve(request)
        except errors.ApiError as error:
            response = render.failure(request, error)
        except TimeoutError:
            self.metrics.terminated(request, 504)
            response = render.failure(request, limits.timed_out(request.info))
        except Exception as error:  # the outermost boundary: nothing above could answer
            log.exception("%s %s failed", request.method, request.path, exc_info=error)
            if request.trail is not None:
                request.trail.panic()
            response = render.failure(request, errors.InternalError(f"{type(error).__name__}: {error}"))
        self._finish(request, response, started)
        return response

    async def _serve(self, request: Request) -> Response:
        config = self._services.config
        request.info = info = routes.resolve(request.method, request.path, request.query)
        is_long_running = limits.is_long_running(info)
        seconds = 0.0 if is_long_running else limits.seconds_for(request.query, config.request_seconds)
        user = self._sender(request)
        if _impersonates(request):
            check = self._services.authorizer.check
            request.user = user = impersonated(user, _lower(request.headers), check)
            if request.trail is not None:
                request.trail.impersonates(user)
        if is_long_running:
            if info.verb == "watch" and self._gate is not None:
                return await self._fairly(request, user)
            return await self._authorized(request, user)
        room = self.reads if info.verb in limits.READ_VERBS else self.writes
        if self._gate is None and not room.admits(user):
            self.metrics.terminated(request, 429)
            return limits.too_many()
        room.enter(asyncio.get_running_loop().time())
        self._idle.clear()
        try:
            return await within(seconds, self._fairly(request, user))
        finally:
            room.leave()
            if not self.reads.count and not self.writes.count:
                self._idle.set()

    async def _fairly(self, request: Request, user: UserInfo) -> Response:
        """Serve a request when it is its turn; of a watch, its beginning."""
        gate = self._gate
        if gate is None:
            return await self._authorized(request, user)
        gate.catch_up()
        try:
            turn = gate.enter(user, request.info, lambda: self._width(request))
            request.rules = turn.flow.headers
            if turn.waiter is not None:
                await gate.wait(turn, self._services.config.request_seconds * WAIT_PART)
        except fairness.Refused as refused:
            request.rules = refused.flow.headers
            self.metrics.terminated(request, 429)
            return limits.too_many()
        try:
            return await self._authorized(request, user)
        finally:
            gate.leave(turn)

    def _width(self, request: Request) -> int:
        """How many seats a request takes: a list one for every hundred objects that it is about."""
        info = request.info
        if info.verb != "list":
            return 1
        row = self._services.resources.find(info.group, info.version, info.resource)
        if row is None or not row.kind.is_stored:
            return 1
        objects, limit = row.collection.statistics().objects, request.query.first("limit")
        if limit.isdecimal() and int(limit):
            objects = min(objects, int(limit))
        return max(1, min(WIDEST, -(-objects // OBJECTS_PER_SEAT)))

    def _sender(self, request: Request) -> UserInfo:
        """Who asks, from here on the audit log, too, hears of it; raises Unauthorized."""
        auditor = self._services.auditor
        try:
            if request.user is None:
                self.identify(request)
        finally:
            if auditor is not None:
                request.trail = auditor.begin(request)
        assert request.user is not None
        return request.user

    def identify(self, request: Request) -> None:
        """Set `request.user`; raises Unauthorized."""
        try:
            request.user = user = self._services.authenticator.authenticate(request)
        except errors.Unauthorized:
            self.metrics.strangers += 1
            raise
        self.metrics.authenticated(user.name)

    def refuse(self, request: Request) -> Response:
        """The answer to a request whose real answer there is no room for."""
        self.metrics.terminated(request, 429)
        response = limits.too_many()
        response.headers["Audit-Id"] = request.audit_id
        return response

    async def _authorized(self, request: Request, user: UserInfo) -> Response:
        info = request.info
        if request.trail is not None:
            decision = self._services.authorizer.decide(user, info)
            request.trail.decided(decision.allowed, decision.reason)
        try:
            self._services.authorizer.check(user, info)
        except errors.Forbidden:
            self.metrics.denied += 1
            raise
        self.metrics.allowed += 1
        if info.is_resource:
            return await dispatch.resource(self._services, request, user)
        endpoint = self._endpoints.find(request.path)
        if endpoint is None:
            raise errors.NoSuchResource
        if request.method != "GET":
            raise dispatch.WrongMethod
        return await endpoint(request)

    def _finish(self, request: Request, response: Response, started: float) -> None:
        headers = response.headers
        headers["Audit-Id"] = request.audit_id
        headers.setdefault("Cache-Control", "no-cache, private")
        if request.rules is not None:
            headers.update(request.rules)
        if request.warnings:
            headers["Warning"] = ", ".join(map(_warning, dict.fromkeys(request.warnings)))
        body, series = response.body, self.metrics.series(request)
        if isinstance(body, bytes):
            if request.trail is not None:
                request.trail.complete(response.status, body)
            self._ended(request, response.status, len(body), perf_counter() - started, series)
        else:
            response.body = self._followed(request, response.status, body, started, series)

    def _followed(
        self, request: Request, status: int, body: Chunks | Upgrade, started: float, series: Series | None
    ) -> Chunks | Upgrade:
        """A body that is counted as under way until it ends, and logged then."""

        def began() -> None:
            if series is not None:
                series.active += 1
            if request.trail is not None:
                request.trail.started(status)

        def ended() -> None:
            if series is not None:
                series.active -= 1
            if request.trail is not None:
                request.trail.complete(status)
            self._ended(request, status, 0, perf_counter() - started, series)

        return followed(body, began=began, ended=ended)

    def _ended(self, request: Request, status: int, size: int, seconds: float, series: Series | None) -> None:
        if series is not None:
            series.answered(status, size, seconds)
        is_slow = seconds > accesslog.SLOW_SECONDS and not limits.is_long_running(request.info)
        if self._services.config.access_log or status >= 500 or is_slow:
            verb = series.verb if series is not None else request.method
            accesslog.write(request, verb, status, seconds)


def _impersonates(request: Request) -> bool:
    headers = request.headers
    return "impersonate-user" in headers or "impersonate-group" in headers or "impersonate-uid" in headers


def _audit_id(request: Request) -> str:
    """The client's own name for the request, where it can be sent back in a header."""
    given = request.headers.get("audit-id", "")
    return given if given.isascii() and given.isprintable() else ""


def _uuid(chance: random.Random) -> str:
    """A random UUID (RFC 9562, version 4), without the detour over a `UUID`."""
    text = f"{chance.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Lower-case names; a header that was sent several times becomes a list with commas.

    Bytes that are no UTF-8 become U+FFFD, as they do in upstream's answers.
    """
    found: dict[str, str] = {}
    for name, value in headers.items():
        name = name.lower()
        if not value.isascii():
            value = value.encode(errors="surrogateescape").decode(errors="replace")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _warning(text: str) -> str:
    """One warning as RFC 7234 wants it in a header."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("\r", " ")
    return f'299 - "{quoted}"'
