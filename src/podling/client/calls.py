"""One call to an API server: headers on, deadline, "come again later" obeyed, refusals turned into exceptions.

This is the only place where an answer's status is looked at. A refusal becomes the `podling.api.errors.ApiError` that the server's
Status names; an answer that is no Status (a proxy's page, say) becomes one made from the HTTP status. Nothing else is retried here:
a call that broke off may have taken effect, so its caller decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from http import HTTPStatus
from typing import TypeVar

import msgspec

from podling.api.errors import ApiError
from podling.api.types import meta_v1

from .errors import ConnectionFault
from .transport import Request, Response, Transport
from .wire import JSON

RETRIES = 10
"""How often a "come again later" (429 or 5xx with Retry-After) is obeyed, as client-go does."""

T = TypeVar("T")
Query = tuple[tuple[str, str], ...]

_statuses = msgspec.json.Decoder(meta_v1.Status)


def query(parameters: Iterable[tuple[str, str | int | None]]) -> Query:
    """Query parameters without those that say nothing (None or "")."""
    return tuple((name, str(value)) for name, value in parameters if value is not None and value != "")


class Caller:
    """Calls over one transport in the name of one program."""

    def __init__(self, transport: Transport, *, user_agent: str, limit_seconds: float = 70.0) -> None:
        self._transport = transport
        self._user_agent = user_agent
        self._limit_seconds = limit_seconds

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: bytes = b"",
        content_type: str = JSON,
        accept: str = JSON,
    ) -> bytes:
        """The body of a successful answer. Raises ApiError and ConnectionFault."""
        request = self._request(method, path, query, body, content_type, accept)
        retries = 0
        while True:
            status, wait, data = await self._exchange(request)
            if status < 400:
                return data
            if wait is None or retries == RETRIES:
                raise _refusal(status, data)
            retries += 1
            await asyncio.sleep(wait)

    async def open(self, method: str, path: str, *, query: Query = (), accept: str = JSON) -> Response:
        """A successful answer with its body still to come; the caller closes it. Raises ApiError and ConnectionFault."""
        request = self._request(method, path, query, b"", JSON, accept)
        response = await self._within(self._transport.send(request), request)
        if response.status < 400:
            return response
        try:
            data = await self._within(response.read(), request)
        finally:
            await response.close()
        raise _refusal(response.status, data)

    async def close(self) -> None:
        await self._transport.close()

    def _request(
        self, method: str, path: str, query: Query, body: bytes, content_type: str, accept: str
    ) -> Request:
        headers = {"accept": accept, "user-agent": self._user_agent}
        if body:
            headers["content-type"] = content_type
        return Request(method, path, query, headers, body)

    async def _exchange(self, request: Request) -> tuple[int, float | None, bytes]:
        """Status, seconds to wait before trying again (None: do not), body."""
        return await self._within(self._exchange_unlimited(request), request)

    async def _exchange_unlimited(self, request: Request) -> tuple[int, float | None, bytes]:
        response = await self._transport.send(request)
        try:
            return response.status, _retry_after(response), await response.read()
        finally:
            await response.close()

    async def _within(self, work: Awaitable[T], request: Request) -> T:
        try:
            async with asyncio.timeout(self._limit_seconds) as limit:
                return await work
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise ConnectionFault(
                f"cannot {request.method} {request.path}: no answer within {self._limit_seconds:g} s"
            ) from error


def _retry_after(response: Response) -> float | None:
    if response.status != HTTPStatus.TOO_MANY_REQUESTS and response.status < 500:
        return None
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


def _refusal(status: int, data: bytes) -> ApiError:
    try:
        said = _statuses.decode(data)
    except msgspec.DecodeError:
        said = meta_v1.Status()
    if said.kind == "Status" and said.status == "Failure":
        return ApiError.from_status(said)
    text = data.decode(errors="replace").strip()[:1000]
    return ApiError.from_status(
        meta_v1.Status(status="Failure", code=status, message=text or f"the server answered with {status}")
    )
