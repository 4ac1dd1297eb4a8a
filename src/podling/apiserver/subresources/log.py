"""`pods/log`: a container's output, streamed from the kubelet that keeps it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import aiohttp

from podling.api import errors, field, times
from podling.apiserver.call import Call, Serve
from podling.apiserver.request import Query, Response

from . import kubelet

TEXT = "text/plain"
STREAMS = ("All", "Stdout", "Stderr")
MAX_ERROR = 50 * 1024
_FORWARDED = (
    "follow",
    "previous",
    "sinceSeconds",
    "sinceTime",
    "timestamps",
    "tailLines",
    "limitBytes",
    "stream",
)


async def get(call: Call) -> Response:
    query = call.request.query
    _check(query)
    target = await kubelet.target(call, query.first("container"))
    wanted = [(name, query.first(name)) for name in _FORWARDED if query.first(name)]
    url = target.url("containerLogs", wanted)
    try:
        answer = await target.session.get(url)
    except aiohttp.ClientError as error:
        raise errors.InternalError(f"Get {url!r}: {error}") from error
    if answer.status >= 300:
        raise await _refusal(answer)
    return Response(200, _chunks(answer, call), TEXT)


async def _chunks(answer: Any, call: Call) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in answer.content.iter_any():
            yield chunk
    except aiohttp.ClientError as error:
        yield f"\nlog stream from node broke off: {error}\n".encode()
    finally:
        answer.close()


async def _refusal(answer: Any) -> errors.ApiError:
    """The kubelet's words under the code it used."""
    words = (await answer.content.read(MAX_ERROR)).decode(errors="replace").strip()
    answer.close()
    if answer.status == 400:
        return errors.BadRequest(words)
    if answer.status == 404:
        refusal = errors.ApiError(f"the server could not find the requested resource ({words})")
        refusal.code, refusal.reason = 404, "NotFound"
        return refusal
    return errors.InternalError(words)


def _check(query: Query) -> None:
    """The rules of PodLogOptions."""
    faults = []
    for name, least in (("tailLines", 0), ("limitBytes", 1), ("sinceSeconds", 1)):
        text = query.first(name)
        if not text:
            continue
        try:
            number = int(text)
        except ValueError as error:
            raise errors.BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error
        if number < least:
            why = "must be greater than or equal to 0" if least == 0 else "must be greater than 0"
            faults.append(field.invalid(field.Path(name), number, why))
    if query.first("sinceTime"):
        if query.first("sinceSeconds"):
            why = "at most one of `sinceTime` or `sinceSeconds` may be specified"
            faults.append(field.forbidden(field.Path(""), why))
        try:
            times.parse(query.first("sinceTime"))
        except ValueError as error:
            raise errors.BadRequest(str(error)) from error
    if query.first("stream") not in ("", *STREAMS):
        faults.append(field.not_supported(field.Path("stream"), query.first("stream"), STREAMS))
    if faults:
        raise errors.Invalid("PodLogOptions", "", faults)


VERBS: dict[str, Serve] = {"get": get}
