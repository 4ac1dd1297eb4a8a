"""``/containerLogs/{namespace}/{pod}/{container}``: a container's log, as far as it is and, if asked, as it grows."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from podling.agent.errors import NotRunning
from podling.agent.kit import Kit
from podling.agent.logs.reader import LogOptions, read
from podling.agent.pods import Pods
from podling.api import times

from . import containers

_STREAMS = {"Stdout": b"stdout", "Stderr": b"stderr"}
_YES = ("true", "1")


async def serve(kit: Kit, pods: Pods, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    namespace, name, container = parts
    query = request.query
    previous = query.get("previous", "") in _YES
    record = containers.logged(kit, pods, namespace, name, container, previous=previous)
    path = kit.paths.log(containers.worker(pods, namespace, name).memory.pod, container, record.attempt)
    options = _options(query, kit.clock.now())
    blocks = read(path, options, wait_ended=lambda: kit.observed.wait_ended(record.id))
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    try:
        first = await anext(blocks, b"") if not options.follow else b""
    except FileNotFoundError:
        first = b""
        if record.log_path:
            raise NotRunning(
                f"failed to try resolving symlinks in path {path}: no such file", code=500
            ) from None
    await response.prepare(request)
    if first:
        await response.write(first)
    async for block in blocks:
        await response.write(block)
    await response.write_eof()
    return response


def _options(query: Mapping[str, str], now: float) -> LogOptions:
    """Values are the API server's, which has checked them."""
    since = b""
    if text := query.get("sinceTime", ""):
        since = times.rfc3339_nano(round(times.parse(text) * 1e9)).encode()
    elif text := query.get("sinceSeconds", ""):
        since = times.rfc3339_nano(round((now - int(text)) * 1e9)).encode()
    tail, limit = query.get("tailLines", ""), query.get("limitBytes", "")
    return LogOptions(
        follow=query.get("follow", "") in _YES,
        timestamps=query.get("timestamps", "") in _YES,
        since=since,
        tail=int(tail) if tail else None,
        limit_bytes=int(limit) if limit else None,
        stream=_STREAMS.get(query.get("stream", ""), b""),
    )
