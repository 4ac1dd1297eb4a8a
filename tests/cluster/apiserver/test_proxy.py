"""Pods, Services and nodes through the proxy, over real sockets.

Rows: "Pod and service proxy with path pass DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT" (v1.21), "... without trailing path
handle seven HTTP methods; GET/HEAD redirect to slash" (v1.24); test/e2e/network/proxy.go.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl

import aiohttp
import pytest
import yarl
from aiohttp import web

NS = "/api/v1/namespaces/default"
METHODS = ("DELETE", "OPTIONS", "PATCH", "POST", "PUT")
PAGE = b'<html><a href="/x?a=b">here</a> <a href="y">there</a> <img src="http://example.invalid/z">'
ADDRESS = "127.0.0.2"
"""Not the server's own, which no Pod can have."""


async def backend(request: web.BaseRequest) -> web.StreamResponse:
    if request.path == "/moved":
        return web.Response(status=302, headers={"Location": "/there/?a=b"})
    if request.path == "/away":
        return web.Response(status=302, headers={"Location": "http://example.invalid/x"})
    if request.path == "/cookies":
        answer = web.Response(status=418, text="teapot")
        answer.headers.extend([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return answer
    if request.path.startswith("/page"):
        packings = {"/page": ("", bytes), "/page.gz": ("gzip", gzip.compress), "/page.br": ("br", bytes)}
        packing, pack = packings[request.path]
        packed = {"Content-Encoding": packing} if packing else {}
        return web.Response(body=pack(PAGE), content_type="text/html", headers=packed)
    if request.path == "/big":
        return web.Response(body=bytes(20_000_000))
    if request.path == "/socket":
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("welcome")
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket
    told = {
        "method": request.method,
        "path": request.path_qs,
        "body": (await request.read()).decode(),
        "headers": {name.lower(): value for name, value in request.headers.items()},
    }
    return web.json_response(told)


@pytest.fixture
async def port():
    server = web.Server(backend)
    listening = await asyncio.get_running_loop().create_server(server, ADDRESS, 0)
    yield listening.sockets[0].getsockname()[1]
    listening.close()
    await server.shutdown(1)


@pytest.fixture
async def session(secured, client_of, pod, port):
    """A client over TLS; there are a Pod `web` and a Service `front` with a named port."""
    api = client_of(secured.server)
    await api.make(f"{NS}/pods", pod())
    await api.patch(f"{NS}/pods/web/status", {"status": {"podIP": ADDRESS}})
    ports = [{"name": "http", "port": 80}]
    await api.make(f"{NS}/services", {"metadata": {"name": "front"}, "spec": {"ports": ports}})
    await api.make(f"{NS}/services", {"metadata": {"name": "empty"}, "spec": {"ports": ports}})
    subset = {"addresses": [{"ip": ADDRESS}], "ports": [{"name": "http", "port": port}]}
    await api.make(f"{NS}/endpoints", {"metadata": {"name": "front"}, "subsets": [subset]})
    await api.make(f"{NS}/services", {"metadata": {"name": "sliced"}, "spec": {"ports": ports}})
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    for number, is_ready in enumerate((False, True)):
        one = {
            "metadata": {"name": f"s{number}", "labels": {"kubernetes.io/service-name": "sliced"}},
            "addressType": "IPv4",
            "endpoints": [
                {"addresses": [ADDRESS if is_ready else "10.9.9.9"], "conditions": {"ready": is_ready}}
            ],
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        }
        await api.make(slices, one)
    tls = ssl.create_default_context(cafile=str(secured.ca_file))
    headers = {"Authorization": "Bearer sesame"}
    connector = aiohttp.TCPConnector(ssl=tls)
    async with aiohttp.ClientSession(secured.url, headers=headers, connector=connector) as opened:
        yield opened


@pytest.fixture(params=["pod", "service by name", "service by number", "service of slices"])
def place(request, port):
    """Where the proxy of the backend is."""
    return {
        "pod": f"{NS}/pods/web:{port}/proxy",
        "service by name": f"{NS}/services/http:front:http/proxy",
        "service by number": f"{NS}/services/front:80/proxy",
        "service of slices": f"{NS}/services/sliced:http/proxy",
    }[request.param]


async def test_every_method_path_query_and_body_passes(session, place):
    for method in ("GET", *METHODS):
        body = b"" if method == "GET" else b"some body"
        async with session.request(method, f"{place}/some/path/?q=1&q=2&r=a%20b", data=body) as answer:
            told = await answer.json()
        assert (answer.status, told["method"], told["path"]) == (200, method, "/some/path/?q=1&q=2&r=a+b")
        assert told["body"] == body.decode()
        assert "authorization" not in told["headers"]
        assert told["headers"]["x-forwarded-for"] == "127.0.0.1"
    async with session.head(f"{place}/some") as answer:
        assert (answer.status, await answer.read()) == (200, b"")


async def test_the_bare_root_leads_to_the_slash_or_is_asked_itself(session, place):
    for method in ("GET", "HEAD"):
        async with session.request(method, f"{place}?a=b", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (301, f"{place}/?a=b")
    for method in METHODS:
        async with session.request(method, place) as answer:
            assert (await answer.json())["path"] == "/"


async def test_a_path_brings_no_headers_of_its_own(session, place):
    hostile = yarl.URL(f"{place}/a%0d%0aX-Evil:%20yes%0d%0a%0d%0a/b%2520c", encoded=True)
    async with session.get(hostile) as answer:
        told = await answer.json()
    assert told["path"].endswith("/b%2520c")
    assert "x-evil" not in told["headers"]


async def test_redirects_within_the_backend_lead_through_the_proxy(session, place):
    async with session.get(f"{place}/moved", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, f"{place}/there/?a=b")
    async with session.get(f"{place}/away", allow_redirects=False) as answer:
        assert answer.headers["Location"] == "http://example.invalid/x"


@pytest.mark.parametrize("name", ["page", "page.gz"])
async def test_links_in_pages_lead_through_the_proxy(session, place, name):
    # util/proxy/transport.go: only text/html, and only links within the backend
    async with session.get(f"{place}/{name}") as answer:
        told = await answer.read()
    assert told == PAGE.replace(b'"/x?', b'"%b/x?' % place.encode())
    assert answer.headers.get("Content-Encoding", "") == ("gzip" if name == "page.gz" else "")


async def test_pages_that_cannot_be_read_pass_as_they_are(session, place):
    headers = {"Accept-Encoding": "br"}
    async with session.get(f"{place}/page.br", headers=headers, auto_decompress=False) as answer:
        assert (await answer.read(), answer.headers["Content-Encoding"]) == (PAGE, "br")


async def test_answers_pass_as_they_are(session, place):
    async with session.get(f"{place}/cookies") as answer:
        assert (answer.status, await answer.text()) == (418, "teapot")
        assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
    async with session.get(f"{place}/big") as answer:
        assert len(await answer.read()) == 20_000_000


async def test_upgrades_pass(session, place):
    async with session.ws_connect(f"{place}/socket") as socket:
        assert await socket.receive_str() == "welcome"
        await socket.send_str("hello")
        assert await socket.receive_str() == "HELLO"


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("pods/none/proxy/", 404, 'pods "none" not found'),
        ("pods/ftp:web:1/proxy/", 400, 'invalid pod request "ftp:web:1"'),
        (
            "pods/web:9/proxy/",
            503,
            "error trying to reach service: dial tcp 127.0.0.2:9: connect: connection refused",
        ),
        ("services/empty/proxy/", 503, 'no endpoints available for service "empty"'),
        ("services/front:81/proxy/", 503, 'no service port 81 found for service "front"'),
    ],
)
async def test_what_cannot_be_reached_says_why(session, path, code, words):
    async with session.get(f"{NS}/{path}") as answer:
        told = json.loads(await answer.text())
    assert (answer.status, told["message"]) == (code, words)


async def test_an_address_of_the_server_itself_is_not_dialed(session, secured, client_of):
    await client_of(secured.server).patch(f"{NS}/pods/web/status", {"status": {"podIP": "127.0.0.1"}})
    async with session.get(f"{NS}/pods/web:{secured.port}/proxy/") as answer:
        assert (answer.status, (await answer.json())["message"]) == (400, "address not allowed")


async def test_a_node_is_its_kubelet(session, secured, client_of, kubelet):
    secured.server._services.dial = kubelet
    await client_of(secured.server).make("/api/v1/nodes", {"metadata": {"name": "n1"}})
    async with session.get("/api/v1/nodes/n1/proxy/containerLogs/default/web/main?tailLines=1") as answer:
        assert (answer.status, await answer.text()) == (200, "one\n")
    assert kubelet.asked == ["node n1", "/containerLogs/default/web/main?tailLines=1"]
