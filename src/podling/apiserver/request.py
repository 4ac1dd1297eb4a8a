"""One API request and its answer, before and after any wire.

Why it exists: everything the API server does is a function from `Request` to `Response`.  The HTTPS listener makes
a `Request` from bytes; the in-process client makes one from a call and sets `user`, which only skips
authentication: authorization, admission and metrics still run.

It decides the vocabulary (who asks, what is asked, how an answer may look) and leaves meaning to others:
`routes` fills `info`, `auth` fills `user`, `verbs` and `subresources` make the `Response`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl

import msgspec

if TYPE_CHECKING:
    from .audit.auditor import Trail


class UserInfo(msgspec.Struct, frozen=True, gc=False):
    """Who asks: Kubernetes' authentication.k8s.io/v1 UserInfo."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class RequestInfo(msgspec.Struct, frozen=True, gc=False):
    """What is asked, as upstream's RequestInfo resolver reads it from method, path and query.

    For requests that name no resource (`is_resource` false) only `verb` (the lower-case method) and `path` count.
    `rest` holds the path parts after the subresource (`proxy/a/b` -> ("a", "b")).
    """

    verb: str
    path: str
    is_resource: bool = False
    prefix: str = ""
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    rest: tuple[str, ...] = ()


UNRESOLVED = RequestInfo(verb="", path="")
"""What is asked, before `routes` has looked at it."""


class Query(dict[str, tuple[str, ...]]):
    """Query parameters, every value kept in its order; `first` is what single-valued options read."""

    @classmethod
    def parse(cls, raw: str) -> Query:
        """Read a raw query string; names and values are percent-decoded, empty values are kept."""
        return cls.of(parse_qsl(raw, keep_blank_values=True)) if raw else cls()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Query:
        query = cls()
        for name, value in pairs:
            query[name] = (*query.get(name, ()), value)
        return query

    def first(self, name: str, default: str = "") -> str:
        values = self.get(name)
        return values[0] if values else default


class Socket(Protocol):
    """Both ends of a taken-over connection as message streams; the listener and the in-process client provide it."""

    async def receive(self) -> bytes | str | None:
        """The next binary or text message; None when the other side has closed."""

    async def send(self, data: bytes) -> None:
        """Send one binary message; returns when the transport has room for more."""

    async def close(self, code: int = 1000) -> None:
        """Say good-bye with a WebSocket close code."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """An answer that takes the connection over as a WebSocket speaking `protocol`, or as SPDY where that was asked for.

    Either way `serve` gets the messages of a WebSocket. With `headers` they are the answer's, and `serve` gets bytes as they come. It runs until the session is over; it owns the socket and closes it.  `protocol` is one that the client
    offered, or "" when it offered none and none is needed.
    """

    protocol: str
    serve: Callable[[Socket], Awaitable[None]]
    is_spdy: bool = False
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Request:
    """A request as it runs through the pipeline.

    `headers` have lower-case names.  `peer_certificate` is the client's certificate (DER) when TLS verified one;
    the same bytes object for every request of one connection, so that it is cheap to look up.  `received` is loop
    time.  `warnings` collects texts for the Warning header; `audit_id` names this request in logs and answers; `rules` are
    headers that tell by whose rules of priority and fairness it was served, `trail` what the audit log hears of it.
    """

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    body: bytes = b""
    user: UserInfo | None = None
    peer_certificate: bytes | None = None
    remote: str = ""
    info: RequestInfo = UNRESOLVED
    audit_id: str = ""
    warnings: list[str] = field(default_factory=list)
    rules: Mapping[str, str] | None = None
    trail: Trail | None = None


class Chunks(Protocol):
    """A body that comes piece by piece; whoever reads it closes it."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def __anext__(self) -> Awaitable[bytes]: ...

    async def aclose(self) -> None:
        """Give back what the stream holds; safe to repeat."""


Body = bytes | Chunks | Upgrade


@dataclass(slots=True)
class Response:
    """Status, headers and one of: all the bytes, a stream of chunks (each sent as it comes), or an upgrade."""

    status: int
    body: Body = b""
    content_type: str = "application/json"
    headers: MutableMapping[str, str] = field(default_factory=dict)
