"""Requests over HTTP(S): connections kept alive, answers streamed, credentials put on.

aiohttp is imported when the first request is sent: whoever only reads a kubeconfig, or works in-process, never pays for it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from .errors import ConfigFault, ConnectionFault
from .transport import Request, Response

if TYPE_CHECKING:
    import aiohttp

SocketMaker = Callable[[int, int, int], socket.socket]
"""Makes a non-blocking socket of a family, type and protocol."""

_PLAIN = "/:@!$&'()*+,;=~-._"
"""Characters of a path that need no quoting (RFC 3986), so that `system:node` stays readable in logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """Where an API server is and who we are to it.

    url              `https://127.0.0.1:6443`, with or without a path below which the API lies.
    ca               certificates (PEM) that the server's must chain to; empty: the machine's own.
    insecure         do not verify the server's certificate at all.
    server_name      name to verify instead of the URL's host; "" = the URL's host.
    certificate      client certificate (PEM), with `key`.
    key              its private key (PEM).
    token            bearer token.
    token_file       file holding a bearer token that is renewed from time to time; read again when it changes. Wins over `token`.
    connect_seconds  how long a connection may take to come about.
    """

    url: str
    ca: bytes = b""
    insecure: bool = False
    server_name: str = ""
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    token_file: Path | None = None
    connect_seconds: float = 10.0


class HttpTransport:
    """A pool of connections to one server. Belongs to the event loop that sends the first request."""

    def __init__(self, address: ServerAddress, *, make_socket: SocketMaker | None = None) -> None:
        """``make_socket`` makes each connection's socket where it must not be this process' own; None = an ordinary one."""
        self._address = address
        self._make_socket = make_socket
        self._base = address.url.rstrip("/")
        self._tokens = TokenSource(address)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        import aiohttp
        from yarl import URL

        session = self._session or self._open()
        query = "?" + urlencode(request.query) if request.query else ""
        url = URL(self._base + quote(request.path, safe=_PLAIN) + query, encoded=True)
        headers = {**request.headers, **self._tokens.headers()}
        try:
            response = await session.request(
                request.method,
                url,
                headers=headers,
                data=request.body or None,
                allow_redirects=False,
                server_hostname=self._address.server_name or None,
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _fault(f"cannot reach the API server at {self._base}", error) from error
        return HttpResponse(response, f"{request.method} {request.path}")

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        await session.close()
        await asyncio.sleep(0)  # lets the transports of TLS connections end

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        connector = aiohttp.TCPConnector(
            ssl=ssl_context(self._address) if self._base.startswith("https:") else True,
            limit=0,
            use_dns_cache=False,
            socket_factory=self._socket if self._make_socket is not None else None,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._address.connect_seconds),
            headers={"accept-encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=2**18,
        )
        return self._session

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        family, sort, protocol, *_ = address
        assert self._make_socket is not None
        return self._make_socket(family, sort, protocol)


class HttpResponse:
    """One answer of aiohttp's, with its faults translated."""

    def __init__(self, response: aiohttp.ClientResponse, what: str) -> None:
        self._response = response
        self._what = what
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    async def read(self) -> bytes:
        import aiohttp

        try:
            return await self._response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise _fault(f"cannot finish {self._what}", error) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        import aiohttp

        content = self._response.content
        while True:
            try:
                chunk = await content.readany()
            except (aiohttp.ClientError, OSError) as error:
                raise _fault(f"cannot finish {self._what}", error) from error
            if not chunk:
                return
            yield chunk

    async def close(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
            return
        connection = self._response.connection
        transport = connection.transport if connection is not None else None
        self._response.close()
        if transport is not None:
            transport.abort()  # nobody reads the rest; TLS's farewell could outlive the loop


class TokenSource:
    """The Authorization header; a token file is read again when it has been replaced."""

    def __init__(self, address: ServerAddress) -> None:
        self._token = address.token
        self._file = address.token_file
        self._seen: tuple[int, int] | None = None

    def headers(self) -> dict[str, str]:
        """Raises ConfigFault when the token file cannot be read."""
        if self._file is not None:
            self._refresh(self._file)
        return {"authorization": f"Bearer {self._token}"} if self._token else {}

    def _refresh(self, file: Path) -> None:
        try:
            stat = file.stat()
            seen = (stat.st_mtime_ns, stat.st_ino)
            if seen != self._seen:
                self._token = file.read_text().strip()
                self._seen = seen
        except OSError as error:
            raise ConfigFault(f"cannot read the token in {file}: {error.strerror}") from error


def ssl_context(address: ServerAddress) -> ssl.SSLContext:
    """What TLS with this server needs. Raises ConfigFault when certificates or key cannot be used."""
    context = ssl.create_default_context()
    try:
        if address.ca:
            context = ssl.create_default_context(cadata=address.ca.decode("ascii"))
        if address.certificate:
            _load_client_certificate(context, address)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigFault(f"cannot use the certificates for {address.url}: {error}") from error
    if address.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_client_certificate(context: ssl.SSLContext, address: ServerAddress) -> None:
    """OpenSSL reads certificates from files only: from one in memory, so that the key never meets a disk."""
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(address.certificate + b"\n" + address.key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _fault(what: str, error: Exception) -> ConnectionFault:
    return ConnectionFault(f"{what}: {str(error) or type(error).__name__}")
