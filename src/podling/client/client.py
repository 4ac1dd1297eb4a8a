"""The client itself: one transport, one user agent, one field manager, and `Resource`s on top of it.

Cheap to make and to keep: what a kind needs for decoding is made when the kind is first asked for and then shared.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, TypeVar, overload
from urllib.parse import parse_qsl

import msgspec

from podling.api import kinds
from podling.api.kinds import Kind
from podling.api.types import version as version_types

from .calls import Caller
from .errors import ProtocolFault
from .resource import Resource
from .transport import Response, Transport
from .wire import JSON, DictView, PartialObject, StructView, Untyped, partial_view

T = TypeVar("T", bound=msgspec.Struct)


class Client:
    """Talks to one API server. Owns its transport: `close()` closes it."""

    def __init__(
        self, transport: Transport, *, user_agent: str = "podling", field_manager: str = "podling"
    ) -> None:
        self.user_agent = user_agent
        self.field_manager = field_manager
        self._caller = Caller(transport, user_agent=user_agent)
        self._resources: dict[object, Resource[Any]] = {}

    @overload
    def resource(self, kind: type[T]) -> Resource[T]: ...

    @overload
    def resource(self, kind: Kind) -> Resource[Any]: ...

    def resource(self, kind: Kind | type[Any]) -> Resource[Any]:
        """Objects of a kind as its Struct; as dicts where the kind is a custom resource and so has none."""
        found = self._resources.get(kind)
        if found is None:
            found = self._resources[kind] = self._make(kind if isinstance(kind, Kind) else kinds.of(kind))
        return found

    def untyped(self, kind: Kind) -> Resource[Untyped]:
        """Objects of a kind as they are in JSON, whatever the kind; fields that the server does not know are refused."""
        return Resource(
            self._caller, DictView(kind), field_manager=self.field_manager, field_validation="Strict"
        )

    def partial(self, kind: Kind) -> Resource[PartialObject]:
        """Objects of a kind, metadata only."""
        return Resource(self._caller, partial_view(kind), field_manager=self.field_manager)

    async def get_raw(self, path: str, *, accept: str = JSON) -> bytes:
        """The body that a GET of this path (with query, if any) is answered with."""
        plain, _, raw = path.partition("?")
        parameters = tuple(parse_qsl(raw, keep_blank_values=True))
        return await self._caller.call("GET", plain, query=parameters, accept=accept)

    async def put_raw(self, path: str, body: bytes) -> bytes:
        """The answer to a PUT of JSON to this path."""
        manager = (("fieldManager", self.field_manager),)
        return await self._caller.call("PUT", path, query=manager, body=body)

    async def stream(self, path: str, *, query: tuple[tuple[str, str], ...] = ()) -> Response:
        """An answer that is read as it comes (logs); the caller closes it."""
        return await self._caller.open("GET", path, query=query, accept="*/*")

    async def version(self) -> version_types.Info:
        """What the server says it is. Raises ProtocolFault when what answers is no API server."""
        data = await self.get_raw("/version")
        try:
            return msgspec.json.decode(data, type=version_types.Info)
        except msgspec.DecodeError as error:
            raise ProtocolFault(f"cannot read the server's version: {error}") from error

    async def close(self) -> None:
        """Drop all connections. Safe to repeat."""
        await self._caller.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _make(self, kind: Kind) -> Resource[Any]:
        if not kind.type:
            return self.untyped(kind)
        return Resource(self._caller, StructView(kind, kind.struct), field_manager=self.field_manager)
