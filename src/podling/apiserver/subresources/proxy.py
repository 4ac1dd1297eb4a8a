"""`pods/proxy`, `services/proxy`, `nodes/proxy`: any HTTP request, passed on to who is meant, and its answer passed back.

What Kubernetes promises of it is kept: every method, the path behind `proxy`, the query, bodies as they are, upgrades;
a request for the bare root is sent to `proxy/`; redirects within the backend and links in its pages lead through the
proxy again.  Never
passed on: what authenticated the client.  Where to is `proxy_targets`' business.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator
from functools import partial
from urllib.parse import quote, urlencode, urlsplit

from multidict import CIMultiDict

from podling.api import errors
from podling.apiserver import backend
from podling.apiserver.call import Call, Serve
from podling.apiserver.request import Request, Response, Upgrade

from . import proxy_html, proxy_targets

_HOP_BY_HOP = {
    *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    *("proxy-authenticate", "proxy-authorization", "content-length", "host", "expect"),
}
_SECRET = {"authorization", "x-remote-user", "x-remote-group", "x-remote-uid"}
_SECRET_PREFIXES = ("impersonate-", "x-remote-extra-")
_BEARER = "base64url.bearer.authorization.k8s.io."
_NO_BODY = {204, 304}
_SAFE = "/:@!$&()*+,;=~"
LARGEST_PAGE = 4 * 1024 * 1024
"""Bytes; upstream reads pages of any size into memory."""
_PACKINGS = {"": 0, "gzip": 16 + zlib.MAX_WBITS, "deflate": -zlib.MAX_WBITS}
"""Content codings in which links can be found, as zlib's window bits."""


async def serve(call: Call) -> Response:
    request = call.request
    prefix, path = _split(call)
    if not path and request.method in ("GET", "HEAD"):
        return Response(
            301, b"", headers={"Location": f"{quote(request.path, safe=_SAFE)}/{_query(request)}"}
        )
    target = await proxy_targets.find(call)
    url = f"{target.url}{quote(path or '/', safe=_SAFE)}{_query(request)}"
    headers = _asked(request, prefix, path)
    try:
        answer = await backend.ask(
            url, method=request.method, headers=headers, tls=target.tls, body=request.body
        )
    except backend.Unreachable as error:
        raise errors.ServiceUnavailable(f"error trying to reach service: {error}") from error
    if answer.status == 101:
        return _upgraded(call, answer)
    own = urlsplit(target.url).netloc
    return _answered(
        request, answer, proxy_html.rewriter(prefix, backend=own, host=request.headers.get("host", ""))
    )


def _split(call: Call) -> tuple[str, str]:
    """The path up to `proxy`, and what follows it: "" or something with a leading slash."""
    info, path = call.info, call.request.path
    where = f"/namespaces/{info.namespace}" if call.namespace else ""
    prefix = f"/{info.prefix}/{info.version}{where}/{info.resource}/{info.name}/proxy"
    return prefix, path.removeprefix(prefix)


def _query(request: Request) -> str:
    pairs = [(name, value) for name, values in request.query.items() for value in values]
    return f"?{urlencode(pairs)}" if pairs else ""


def _asked(request: Request, prefix: str, path: str) -> CIMultiDict[str]:
    """The headers for the backend."""
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in request.headers.items():
        lower = name.lower()
        if lower in _HOP_BY_HOP or lower in _SECRET or lower.startswith(_SECRET_PREFIXES):
            continue
        if lower == "sec-websocket-protocol":
            value = ", ".join(one for one in map(str.strip, value.split(",")) if not one.startswith(_BEARER))
        if value or lower != "sec-websocket-protocol":
            headers.add(name, value)
    if request.remote:
        before = headers.popall("X-Forwarded-For", [])
        headers["X-Forwarded-For"] = ", ".join([*before, request.remote])
    headers["X-Forwarded-Uri"] = quote(f"{prefix}{path}", safe=_SAFE)
    upgrade = request.headers.get("upgrade", "")
    headers["Connection"] = "Upgrade" if upgrade else "close"
    if upgrade:
        headers["Upgrade"] = upgrade
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(len(request.body))
    return headers


def _upgraded(call: Call, answer: backend.Backend) -> Response:
    relay = partial(answer.relay, closing=call.services.closing)
    return Response(101, Upgrade("", relay, headers=tuple(answer.headers.items())))


def _answered(request: Request, answer: backend.Backend, rewrite: proxy_html.Rewrite) -> Response:
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in answer.headers.items():
        lower = name.lower()
        if lower in _HOP_BY_HOP or lower == "content-type" or lower.startswith("access-control-"):
            continue
        headers.add(name, rewrite(value) if lower == "location" else value)
    content_type = answer.headers.get("content-type", "application/octet-stream")
    if request.method != "HEAD" and answer.status not in _NO_BODY:
        body = _page(answer, rewrite) if _has_links(answer) else _chunks(answer)
        return Response(answer.status, body, content_type, headers)
    answer.close()
    if request.method == "HEAD" and "content-length" in answer.headers:
        headers["Content-Length"] = answer.headers["content-length"]
    return Response(answer.status, b"", content_type, headers)


def _has_links(answer: backend.Backend) -> bool:
    """Pages, unless they are packed in a way that cannot be read here; redirects are followed by their header alone."""
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
    packed = answer.headers.get("content-encoding", "")
    return media_type == "text/html" and packed in _PACKINGS and "location" not in answer.headers


async def _page(answer: backend.Backend, rewrite: proxy_html.Rewrite) -> AsyncGenerator[bytes, None]:
    """A page whose links lead through the proxy. What is larger than any page goes on as it is."""
    whole = bytearray()
    async for piece in _chunks(answer):
        if len(whole) > LARGEST_PAGE:
            yield piece
            continue
        whole += piece
        if len(whole) > LARGEST_PAGE:
            yield bytes(whole)
    if len(whole) <= LARGEST_PAGE:
        packed = answer.headers.get("content-encoding", "")
        loop = asyncio.get_running_loop()
        yield await loop.run_in_executor(None, _rewritten, bytes(whole), packed, rewrite)


def _rewritten(page: bytes, packed: str, rewrite: proxy_html.Rewrite) -> bytes:
    bits = _PACKINGS[packed]
    if not bits:
        return proxy_html.links_rewritten(page, rewrite)
    unpacker = zlib.decompressobj(bits)
    try:
        plain = unpacker.decompress(page, LARGEST_PAGE)
    except zlib.error:
        return page
    if not unpacker.eof:
        return page
    packer = zlib.compressobj(wbits=bits)
    return packer.compress(proxy_html.links_rewritten(plain, rewrite)) + packer.flush()


async def _chunks(answer: backend.Backend) -> AsyncGenerator[bytes, None]:
    """Cut off where the backend cuts off: the client must not take a part for the whole."""
    try:
        async for piece in answer.body():
            yield piece
    except (asyncio.IncompleteReadError, ValueError) as error:
        raise ConnectionResetError("the backend broke off") from error
    finally:
        answer.close()


VERBS: dict[str, Serve] = dict.fromkeys(("create", "delete", "get", "patch", "update", ""), serve)
"""OPTIONS has no verb of its own, upstream neither."""
