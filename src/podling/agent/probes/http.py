"""``httpGet`` probes: a status of 200 to 399 is good; redirects are followed on the same host, elsewhere they only warn.

What is sent and what is said about failures is what Go's client sends and says for the kubelet.
(Source: API reference, HTTPGetAction; kubelet `pkg/probe/http`.)
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from podling.agent.errors import ProbeFault
from podling.api.types import core_v1
from podling.network.host import Host

from .answer import VERSION, Answer, reason
from .tcp import port_of

if TYPE_CHECKING:
    import aiohttp

MAX_REDIRECTS = 10
MAX_BODY = 10 << 10
_REDIRECTS = (301, 302, 303, 307, 308)
_OUR_OWN = ("Accept", "Accept-Encoding", "User-Agent")
"""Headers that are sent as they are given here, or not at all."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    headers: Headers


@dataclass(slots=True)
class _Journey:
    """Where the redirects have led so far; ``reading``: an answer has begun to come."""

    url: str
    headers: Headers
    reading: bool = False


def target(
    action: core_v1.HTTPGetAction, container: core_v1.Container, address: str, *, purpose: str = "probe"
) -> Target:
    """Where to ask, and with which headers; ``address`` stands in for a host that is not given.

    Raises ``ProbeFault`` for a port that is none.
    """
    host = action.host or address
    shown = f"[{host}]" if ":" in host else host
    scheme = (action.scheme or "HTTP").lower()
    path = action.path or "/"
    slash = "" if path.startswith("/") else "/"
    given = [(header.name, header.value) for header in action.http_headers or []]
    return Target(
        f"{scheme}://{shown}:{port_of(action.port, container)}{slash}{path}", _headers(given, purpose)
    )


def _headers(given: list[tuple[str, str]], purpose: str) -> Headers:
    """With what is sent unless it is given; empty ones of these are left out."""
    names = {name.lower() for name, _ in given}
    usual = [("User-Agent", f"kube-{purpose}/{VERSION}"), ("Accept", "*/*"), ("Connection", "close")]
    wanted = [*given, *(pair for pair in usual if pair[0].lower() not in names)]
    return tuple(pair for pair in wanted if pair[1] or pair[0].lower() not in ("accept", "user-agent"))


class HttpProber:
    """Asks from the node's own network.  ``close`` when done."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._session: aiohttp.ClientSession | None = None

    async def probe(
        self, probe: core_v1.Probe, container: core_v1.Container, container_id: str, address: str
    ) -> Answer:
        action = probe.http_get or core_v1.HTTPGetAction()
        return await self.get(target(action, container, address), limit=probe.timeout_seconds or 1)

    async def get(self, where: Target, *, limit: float) -> Answer:
        """One GET within ``limit`` seconds (0 = no limit).  Raises ``ProbeFault`` for an answer that does not end."""
        journey = _Journey(where.url, where.headers)
        try:
            async with asyncio.timeout(limit or None):
                return await self._follow(journey)
        except TimeoutError:
            why = "context deadline exceeded (Client.Timeout"
            if journey.reading:
                raise ProbeFault(f"{why} or context cancellation while reading body)") from None
            return Answer(failure=f'Get "{journey.url}": {why} exceeded while awaiting headers)')

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _follow(self, journey: _Journey) -> Answer:
        import aiohttp

        host = urlsplit(journey.url).hostname
        for _ in range(MAX_REDIRECTS):
            try:
                status, location, body = await self._ask(journey)
            except (aiohttp.ClientError, OSError, ValueError) as error:
                if journey.reading:
                    raise ProbeFault("unexpected EOF") from error
                return Answer(failure=f'Get "{journey.url}": {_why(error, journey.url)}')
            if status not in _REDIRECTS or not location:
                return _judge(status, body)
            following = urljoin(journey.url, location)
            if urlsplit(following).hostname != host:
                return _judge(status, body)
            if urlsplit(location).scheme:
                journey.headers = tuple(pair for pair in journey.headers if pair[0].lower() != "host")
            journey.url, journey.reading = following, False
        return Answer(failure=f'Get "{location}": stopped after {MAX_REDIRECTS} redirects')

    async def _ask(self, journey: _Journey) -> tuple[int, str, bytes]:
        """Status, the Location header and the beginning of the body."""
        async with self._open().get(
            journey.url,
            headers=journey.headers,
            skip_auto_headers=_OUR_OWN,
            allow_redirects=False,
            ssl=False,  # any certificate will do, as the API says
        ) as response:
            journey.reading = True
            body = b""
            while len(body) < MAX_BODY and (piece := await response.content.read(MAX_BODY - len(body))):
                body += piece
            return response.status, response.headers.get("Location", ""), body

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            connector = aiohttp.TCPConnector(
                socket_factory=lambda info: self._host.socket(info[0], info[1], info[2]),
                force_close=True,
                limit=0,
                use_dns_cache=False,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(),
            )
        return self._session


def _judge(status: int, body: bytes) -> Answer:
    if 200 <= status < 300:
        return Answer(status=status)
    if 300 <= status < 400:
        said = body.decode(errors="replace")
        return Answer(warning=f"Probe terminated redirects, Response body: {said}", status=status)
    return Answer(failure=f"HTTP probe failed with statuscode: {status}", status=status)


def _why(error: Exception, url: str) -> str:
    """In Go's words."""
    import aiohttp

    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    peer = f"{host}:{parts.port}"
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"dial tcp: lookup {parts.hostname}: no such host"
        case aiohttp.ClientConnectorSSLError():
            return (
                "tls: first record does not look like a TLS handshake" if _speaks_clear(error) else str(error)
            )
        case aiohttp.ClientConnectorError():
            return f"dial tcp {peer}: connect: {reason(error.os_error)}"
        case aiohttp.ServerDisconnectedError():
            return "EOF"
        case aiohttp.ClientOSError():
            return f"read tcp {peer}: read: {reason(error)}"
        case aiohttp.ClientResponseError():
            said = " ".join(error.message.split())
            return f"net/http: HTTP/1.x transport connection broken: malformed HTTP response: {said}"
    return str(error)


def _speaks_clear(error: aiohttp.ClientConnectorSSLError) -> bool:
    return any(why in str(error) for why in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"))
