"""Paths that name no resource: discovery, OpenAPI, version, health, metrics, token keys.

Each endpoint is a function from a request to a response; the pipeline has authenticated and authorized it.
"""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec

from podling.api import codec, errors
from podling.api.levels import Level
from podling.api.types import version

from . import negotiate, render
from .auth.tokens import ServiceAccountTokens
from .config import Config
from .discovery import Discovery, Document
from .health import PATHS, Health
from .metrics import Metrics
from .openapi import PROTOBUF_V2, OpenApi
from .request import Request, Response

Endpoint = Callable[[Request], Awaitable[Response]]

_encode = msgspec.json.Encoder().encode
FOREVER = "public, immutable"
"""A document asked for by its hash never changes."""


class Endpoints:
    """What serves a path: its own entry or that of the nearest path above it."""

    def __init__(self, table: Mapping[str, Endpoint]) -> None:
        self._table = dict(table)
        self.paths = sorted(path for path in table if path != "/")

    def find(self, path: str) -> Endpoint | None:
        return self._table.get(self.place(path))

    def place(self, path: str) -> str:
        """The path in the table that serves a path, "" if none does."""
        path = path.rstrip("/")
        if not path:
            return "/" if "/" in self._table else ""
        while path:
            if path in self._table:
                return path
            path = path.rpartition("/")[0]
        return ""


def made(
    *,
    config: Config,
    level: Level,
    discovery: Discovery,
    openapi: OpenApi,
    health: Health,
    metrics: Metrics,
    tokens: ServiceAccountTokens,
) -> Endpoints:
    """All endpoints of one server."""
    documents = _Documents(discovery, openapi)

    async def measured(request: Request) -> Response:
        if request.path.rstrip("/") != "/metrics":
            raise errors.NoSuchResource
        return metrics.response()

    async def described(request: Request) -> Response:
        return _json(request, codec.struct_encode(version_info(config.version, level)))

    async def issuer(request: Request) -> Response:
        if not tokens.can_sign:
            raise errors.NoSuchResource
        return _json(request, _encode(tokens.configuration()))

    async def keys(request: Request) -> Response:
        if not tokens.can_sign:
            raise errors.NoSuchResource
        return Response(200, _encode(tokens.key_set()), "application/jwk-set+json")

    async def index(request: Request) -> Response:
        roots = [f"/{item.group_version}" for item in discovery.group_versions if not item.group]
        return _json(
            request, _encode({"paths": sorted({*endpoints.paths, *(f"/api{root}" for root in roots)})})
        )

    endpoints = Endpoints(
        {
            "/": index,
            "/.well-known/openid-configuration": issuer,
            "/api": documents.discovered,
            "/apis": documents.discovered,
            "/metrics": measured,
            "/metrics/slis": health.measured,
            "/openapi/v2": documents.swagger,
            "/openapi/v3": documents.openapi,
            "/openid/v1/jwks": keys,
            "/version": described,
            **dict.fromkeys(PATHS, health.serve),
        }
    )
    return endpoints


def version_info(git_version: str, level: Level) -> version.Info:
    """The answer to `/version`."""
    python = "python" + ".".join(map(str, sys.version_info[:3]))
    return version.Info(
        major="1",
        minor=str(level.minor),
        git_version=git_version,
        git_commit="podling",
        git_tree_state="clean",
        build_date="1970-01-01T00:00:00Z",
        go_version=python,
        compiler="cpython",
        platform=f"linux/{_machine()}",
    )


def _machine() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


class _Documents:
    """Documents that are made once and kept by clients by their ETag."""

    def __init__(self, discovery: Discovery, openapi: OpenApi) -> None:
        self._discovery = discovery
        self._openapi = openapi

    async def discovered(self, request: Request) -> Response:
        found = self._discovery.find(request.path, request.headers.get("accept", ""))
        if found is None:
            raise errors.NoSuchResource
        if found.content_type == negotiate.JSON:
            return _etagged(request, _json(request, found.body), found)
        return _etagged(request, Response(200, found.body, found.content_type), found)

    async def openapi(self, request: Request) -> Response:
        name = request.path.strip("/").removeprefix("openapi/v3").strip("/")
        if not name:
            return _json(request, self._openapi.index)
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(None, self._openapi.document, name)
        if body is None:
            raise errors.NoSuchResource
        etag = f'"{self._openapi.digest(name)}"'
        response = _etagged(request, Response(200, body), Document(body, etag=etag))
        if request.query.first("hash") == etag.strip('"'):
            response.headers["Cache-Control"] = FOREVER
        await render.compress(request, response)
        return response

    async def swagger(self, request: Request) -> Response:
        if request.path.rstrip("/") != "/openapi/v2":
            raise errors.NoSuchResource
        accepted = (negotiate.JSON, *PROTOBUF_V2)
        media = negotiate.chosen(request.headers.get("accept", ""), accepted)
        if media is None:
            raise errors.NotAcceptable(accepted)
        build = partial(self._openapi.v2, protobuf=media != negotiate.JSON)
        body = await asyncio.get_running_loop().run_in_executor(None, build)
        content_type = negotiate.JSON if media == negotiate.JSON else PROTOBUF_V2[0]
        answer = Response(200, body, content_type)
        response = _etagged(request, answer, Document(body, etag=self._openapi.v2_etag))
        await render.compress(request, response)
        return response


def _json(request: Request, body: bytes) -> Response:
    return render.written(
        negotiate.form(request.headers, request.query.first("pretty"), transforms=False), body
    )


def _etagged(request: Request, response: Response, document: Document) -> Response:
    """304 for a client that has the document already."""
    if document.etag and request.headers.get("if-none-match", "") == document.etag:
        response = Response(304, b"", response.content_type)
    response.headers["ETag"] = document.etag
    response.headers["Vary"] = "Accept"
    return response
