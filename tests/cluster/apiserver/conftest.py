"""An API server on the memory store, spoken to through its one entry."""

from __future__ import annotations

import asyncio
import datetime
import json
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import kubectl_world
import pytest
from aiohttp import web

from podling.aio.clock import Clock, LoopClock
from podling.apiserver import takeover
from podling.apiserver.config import Config, TlsFiles
from podling.apiserver.request import Query, Request, Response, UserInfo
from podling.apiserver.server import ApiServer
from podling.apiserver.tls import server_context
from podling.cluster import pki
from podling.store.interface import Store
from podling.store.memory import MemoryStore

ADMIN = UserInfo("admin", groups=("system:masters", "system:authenticated"))
EPOCH = 1_700_000_000.0
MERGE = "application/merge-patch+json"


class Watch:
    """A wall clock that stands still until it is set forward."""

    def __init__(self) -> None:
        self.time = EPOCH

    def now(self) -> float:
        return self.time


class NoNodes:
    """A dialer in a world without nodes."""

    async def connect(self, node_name: str) -> Any:
        raise AssertionError(f"nobody should ask for node {node_name}")


class Answer:
    """A response, read."""

    def __init__(self, response: Response) -> None:
        assert isinstance(response.body, bytes)
        self.status = response.status
        self.headers = response.headers
        self.content_type = response.content_type
        self.text = response.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def message(self) -> str:
        return str(self.json["message"])

    @property
    def revision(self) -> str:
        return str(self.json["metadata"]["resourceVersion"])


class Stream:
    """A watch, one event at a time."""

    def __init__(self, response: Response) -> None:
        assert response.status == 200, response.body
        self._chunks: Any = response.body
        self._lines: list[str] = []

    async def next(self) -> tuple[str, Any]:
        async with asyncio.timeout(5):
            return await self._next()

    async def _next(self) -> tuple[str, Any]:
        while not self._lines:
            self._lines = (await anext(self._chunks)).decode().splitlines()
        event = json.loads(self._lines.pop(0))
        return event["type"], event["object"]

    async def names(self, count: int) -> list[str]:
        """`TYPE name` of the next events."""
        return [
            f"{kind} {body['metadata']['name']}" for kind, body in [await self.next() for _ in range(count)]
        ]

    async def rest(self) -> list[tuple[str, Any]]:
        """Every event until the stream ends."""
        found = []
        while True:
            try:
                found.append(await self._next())
            except StopAsyncIteration:
                return found

    async def close(self) -> None:
        await self._chunks.aclose()


class Api:
    """Shorthand for requests of one user."""

    def __init__(self, server: ApiServer, user: UserInfo | None = ADMIN) -> None:
        self.server = server
        self.user = user
        self.streams: list[Stream] = []

    def by(self, user: UserInfo | None) -> Api:
        return Api(self.server, user)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        remote: str = "",
        **query: str,
    ) -> Response:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        path, _, raw = path.partition("?")
        parsed = Query.parse(raw)
        parsed.update({name: (value,) for name, value in query.items()})
        sent = (
            {"content-type": content_type, "user-agent": "test/1.0"} if data else {"user-agent": "test/1.0"}
        )
        request = Request(
            method, path, parsed, {**sent, **(headers or {})}, data, user=self.user, remote=remote
        )
        return await self.server.handle(request)

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        return Answer(await self.send(method, path, body, **more))

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any, **more: Any) -> Answer:
        return await self.call("POST", path, body, **more)

    async def put(self, path: str, body: Any, **more: Any) -> Answer:
        return await self.call("PUT", path, body, **more)

    async def delete(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.call("DELETE", path, body, **more)

    async def patch(self, path: str, body: Any, *, content_type: str = MERGE, **more: Any) -> Answer:
        return await self.call("PATCH", path, body, content_type=content_type, **more)

    async def make(self, path: str, body: Any, **more: Any) -> Any:
        """Create, and expect it to succeed."""
        answer = await self.post(path, body, **more)
        assert answer.status == 201, answer.text
        return answer.json

    async def watch(self, path: str, **more: Any) -> Stream:
        stream = Stream(await self.send("GET", path, watch="1", **more))
        self.streams.append(stream)
        return stream


@pytest.fixture
def clock() -> Watch:
    return Watch()


@asynccontextmanager
async def serving(store: Store, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Api]:
    """A server on a started store; its wall clock goes with the loop's time unless it is given one."""
    clock = clock or LoopClock(EPOCH)
    server = ApiServer(Config(**settings), store=store, clock=clock, random=random.Random(7), dial=NoNodes())
    try:
        await server.start()
        yield Api(server)
    finally:
        await server.close()


@pytest.fixture
def serve() -> Any:
    """For tests that bring their own store: `async with serve(store, ...) as api`."""
    return serving


@asynccontextmanager
async def started(clock: Watch, **settings: Any) -> AsyncIterator[Api]:
    """A server with a default account, on the loop that is running."""
    store = MemoryStore()
    await store.start()
    server = ApiServer(Config(**settings), store=store, clock=clock, random=random.Random(7), dial=NoNodes())
    try:
        await server.start()
        api = Api(server)
        await api.make("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
        yield api
        for stream in api.streams:
            await stream.close()
    finally:
        await server.close()
        await store.close()


@pytest.fixture
def world(clock: Watch) -> Any:
    """For tests in virtual time, which bring their own loop: `async with world(...) as api`."""
    return partial(started, clock)


@pytest.fixture
async def api(clock: Watch) -> AsyncIterator[Api]:
    async with started(clock) as made:
        yield made


@dataclass(slots=True)
class Connection:
    base_url: str
    session: aiohttp.ClientSession
    tls: None = None


class Kubelet:
    """Answers log, exec and attach requests and remembers them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = asyncio.Event()
        self.url = ""
        self.session: Any = None

    async def connect(self, node_name: str) -> Connection:
        self.asked.append(f"node {node_name}")
        return Connection(self.url, self.session)

    async def serve(self, request: Any) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        if request.query.get("command") == "refused":
            return web.Response(status=404, text='container not found ("main")')
        if request.path.startswith("/portForward/"):
            return await self.port_forward(request)
        if request.path.startswith(("/exec/", "/attach/")):
            return await self.exec(request)
        if request.query.get("previous"):
            return web.Response(status=400, text="previous terminated container not found")
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"one\n")
        if request.query.get("follow"):
            await self.go_on.wait()
            await answer.write(b"two\n")
        return answer

    async def port_forward(self, request: Any) -> web.StreamResponse:
        """Gives back what it gets, in capitals, up to `BYE`."""
        self.asked.append(f"{request.method} {request.headers['X-Stream-Protocol-Version']}")
        answer = web.StreamResponse(status=101, headers={"Upgrade": "SPDY/3.1", "Connection": "Upgrade"})
        answer.force_close()
        got = takeover.Bytes(takeover.below(request, answer))
        request.protocol.set_parser(got)
        request.protocol.keep_alive(False)
        await answer.prepare(request)
        while (piece := await got.receive()) is not None:
            await got.send(piece.upper())
            if piece.endswith(b"bye"):
                break
        return answer

    async def exec(self, request: Any) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await socket.prepare(request)
        async for message in socket:
            if message.data.endswith(b"die"):
                break
            await socket.send_bytes(b"\x01" + message.data[1:].upper())
            if message.data.endswith(b"bye"):
                await socket.send_bytes(b'\x03{"status":"Success"}')
                break
        await socket.close()
        return socket


@dataclass(slots=True)
class Secured:
    """A server behind TLS on loopback; the token `sesame` is an administrator's."""

    server: ApiServer
    port: int
    files: pki.Pki

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def ca_file(self) -> Path:
        return self.files.ca_file

    @property
    def client_certificate(self) -> Path:
        return self.files.certificate_file("admin")

    @property
    def client_key(self) -> Path:
        return self.files.key_file("admin")

    def collection(self, prefix: str) -> Any:
        return next(
            one for one in self.server.cache._collections.values() if one.prefix == f"/registry/{prefix}/"
        )


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> pki.Pki:
    made = pki.Pki(tmp_path_factory.mktemp("pki"), now=datetime.datetime.now(datetime.UTC))
    made.ensure_authority()
    made.ensure("apiserver", pki.api_server(service_ip="10.43.0.1", addresses=[], domain="cluster.local"))
    made.ensure("admin", pki.ADMIN)
    return made


@pytest.fixture
def settings() -> dict[str, Any]:
    """What the server behind TLS has in its configuration besides; for tests to override."""
    return {}


@pytest.fixture
async def secured(clock: Watch, authority: pki.Pki, settings: dict[str, Any]) -> AsyncIterator[Secured]:
    ca = authority.ca_file.read_bytes()
    ali = UserInfo("ali", groups=("system:masters",))
    async with started(
        clock,
        client_ca=ca,
        cluster_ca=ca,
        static_tokens={"sesame": ali},
        service_account_key=authority.signing_key_file.read_bytes(),
        **settings,
    ) as api:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        files = TlsFiles(
            certificate=authority.certificate_file("apiserver"), key=authority.key_file("apiserver")
        )
        await api.server.listen(listening, server_context(files, client_ca=ca))
        yield Secured(api.server, listening.getsockname()[1], authority)


@pytest.fixture
def kubectl(secured: Secured, tmp_path: Path) -> kubectl_world.Kubectl:
    """The newest kubectl, as an administrator of a server behind TLS."""
    return kubectl_world.configured(secured, tmp_path)


@pytest.fixture
async def kubelet() -> AsyncIterator[Kubelet]:
    played = Kubelet()
    server = web.Server(played.serve)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    played.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    played.session = aiohttp.ClientSession()
    yield played
    await played.session.close()
    listening.close()
    await server.shutdown(1)


@pytest.fixture
def client_of() -> type[Api]:
    """Speaks to any server: `client_of(server)`."""
    return Api


@pytest.fixture
def pod() -> Any:
    """A function that makes small Pods."""

    def make(name: str = "web", *, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
        containers = [{"name": "main", "image": "busybox"}]
        return {
            "metadata": {"name": name, "labels": labels or {}},
            "spec": {"containers": containers, "terminationGracePeriodSeconds": 30, **spec},
        }

    return make
