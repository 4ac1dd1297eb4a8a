"""The client's transport straight into an API server of the same process.

A request enters at the authenticated request: who asks is given here, once for all; authorization, admission, validation and metrics run as
for anybody. There is no socket, no HTTP and no copy of a body, and a watch's chunks are the very bytes that other watchers get.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from podling.apiserver import request as server
from podling.client.errors import ConnectionFault
from podling.client.transport import Request, Response


class Handler(Protocol):
    """What is needed of an API server."""

    async def handle(self, request: server.Request) -> server.Response: ...


class InProcessTransport:
    """Everything sent through it is asked by `user`. Several transports, one for each identity, may share a server."""

    def __init__(self, handler: Handler, user: server.UserInfo) -> None:
        self._handler = handler
        self._user = user
        self._closed = False

    async def send(self, request: Request) -> Response:
        if self._closed:
            raise ConnectionFault(f"cannot {request.method} {request.path}: this client is closed")
        # An answer may be there without any waiting; whoever sends many requests must not keep others from running.
        await asyncio.sleep(0)
        asked = server.Request(
            method=request.method,
            path=request.path,
            query=server.Query.of(request.query),
            headers=request.headers,
            body=request.body,
            user=self._user,
            remote="in-process",
        )
        answered = await self._handler.handle(asked)
        if isinstance(answered.body, server.Upgrade):
            raise ConnectionFault(
                f"cannot {request.method} {request.path}: in-process clients take no upgrades"
            )
        return InProcessResponse(answered)

    async def close(self) -> None:
        self._closed = True


class InProcessResponse:
    """An answer as it left the server's pipeline."""

    def __init__(self, answered: server.Response) -> None:
        self._answered = answered
        self.status = answered.status
        self.headers: Mapping[str, str] = {name.lower(): text for name, text in answered.headers.items()}

    async def read(self) -> bytes:
        body = self._answered.body
        if isinstance(body, bytes):
            return body
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        body = self._answered.body
        if isinstance(body, bytes):
            yield body
        elif not isinstance(body, server.Upgrade):
            async for chunk in body:
                yield chunk

    async def close(self) -> None:
        body = self._answered.body
        if not isinstance(body, (bytes, server.Upgrade)):
            await body.aclose()
