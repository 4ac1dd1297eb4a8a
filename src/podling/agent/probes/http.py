"""``httpGet`` probes: a status of 200 to 399 is good; redirects are followed on the same host, elsewhere they only warn.

(Source: API reference, HTTPGetAction; kubelet `pkg/probe/http`.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from podling.api.types import core_v1
from podling.network.host import Host

from .answer import USER_AGENT, Answer
from .tcp import port_of

if TYPE_CHECKING:
    import aiohttp

MAX_REDIRECTS = 10
MAX_BODY = 10 << 10
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    headers: Mapping[str, str]


def target(action: core_v1.HTTPGetAction, container: core_v1.Container, address: str) -> Target:
    """Where to ask, and with which headers; ``address`` stands in for a host that is not given."""
    host = action.host or address
    shown = f"[{host}]" if ":" in host else host
    scheme = (action.scheme or "HTTP").lower()
    path = action.path or "/"
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
    headers |= {header.name: header.value for header in action.http_headers or []}
    headers = {name: value for name, value in headers.items() if value or name != "Accept"}
    slash = "" if path.startswith("/") else "/"
    return Target(f"{scheme}://{shown}:{port_of(action.port, container)}{slash}{path}", headers)


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
        """One GET within ``limit`` seconds (0 = no limit)."""
        try:
            async with asyncio.timeout(limit or None):
                return await self._follow(where)
        except TimeoutError:
            why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            return Answer(failure=f'Get "{where.url}": {why}')

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _follow(self, where: Target) -> Answer:
        import aiohttp

        url, host = where.url, urlsplit(where.url).hostname
        for _ in range(MAX_REDIRECTS):
            try:
                # any certificate will do, as the API says
                async with self._open().get(
                    url, headers=where.headers, allow_redirects=False, ssl=False
                ) as response:
                    status, location = response.status, response.headers.get("Location", "")
                    body = await response.content.read(MAX_BODY)
            except aiohttp.ClientConnectorError as error:
                return Answer(failure=f'Get "{where.url}": {_refused(error, url)}')
            except (aiohttp.ClientError, OSError, ValueError) as error:
                return Answer(failure=f'Get "{where.url}": {error}')
            if status not in _REDIRECTS or not location:
                return _judge(status, body)
            url = urljoin(url, location)
            if urlsplit(url).hostname != host:
                return Answer(
                    warning=f"Probe terminated redirects, Response body: {body.decode(errors='replace')}"
                )
        return Answer(failure=f'Get "{url}": stopped after {MAX_REDIRECTS} redirects')

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
                connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def _judge(status: int, body: bytes) -> Answer:
    if 200 <= status < 400:
        return Answer()
    return Answer(failure=f"HTTP probe failed with statuscode: {status}")


def _refused(error: aiohttp.ClientConnectorError, url: str) -> str:
    parts = urlsplit(url)
    cause = error.os_error
    return f"dial tcp {parts.hostname}:{parts.port}: connect: {(cause.strerror or str(cause)).lower()}"
