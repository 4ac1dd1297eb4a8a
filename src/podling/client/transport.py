"""What carries a request to an API server and its answer back.

Two implementations: `http.HttpTransport` (a socket) and the in-process one that `podling.cluster` builds over the API server's own
handler. Everything above works with either. A transport knows bytes, paths and headers; it knows neither kinds nor Kubernetes' errors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(slots=True, frozen=True)
class Request:
    """One request. `path` and `query` are plain text: whoever puts them on a wire quotes them."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Response(Protocol):
    """An answer whose head has arrived. Whoever got it must `close()` it, also after reading all of it."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        ...

    async def read(self) -> bytes:
        """The whole body. Raises ConnectionFault when the connection breaks before its end."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces, as they come, until the server ends it.

        Pieces have no meaning of their own: a line may be cut anywhere. Raises ConnectionFault as `read` does.
        """
        ...

    async def close(self) -> None:
        """Give the connection back; a body not read to its end is abandoned and the server told. Safe to repeat."""
        ...


class Transport(Protocol):
    """Sends requests, any number at a time. Cancelling a `send` abandons that request and no other."""

    async def send(self, request: Request) -> Response:
        """Send it and wait for the answer's head, whatever its status. Raises ConnectionFault when there is none."""
        ...

    async def close(self) -> None:
        """Drop all connections; requests under way fail. Safe to repeat."""
        ...
