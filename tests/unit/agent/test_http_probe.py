"""``httpGet`` and ``tcpSocket`` probes against real sockets on loopback: what is asked, what counts as good, and Go's words for the rest."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from selfsigned import certify

from podling.agent.errors import ProbeFault
from podling.agent.probes.answer import Answer
from podling.agent.probes.http import HttpProber, target
from podling.agent.probes.tcp import TcpProber, port_of
from podling.api.types import core_v1
from podling.network.host import Host

HERE = "127.0.0.1"
ON = b"..."
"""At the end of an answer that does not end."""
CONTAINER = msgspec.convert(
    {"name": "main", "ports": [{"name": "web", "containerPort": 8080}]}, core_v1.Container
)


def asked(**action: Any) -> Any:
    return target(msgspec.convert({"port": 80, **action}, core_v1.HTTPGetAction), CONTAINER, "10.0.0.2")


class TestTarget:
    """kubelet `pkg/probe/http/request.go`."""

    @pytest.mark.parametrize(
        ("action", "url"),
        [
            ({}, "http://10.0.0.2:80/"),
            ({"path": "healthz?full=1", "port": "web"}, "http://10.0.0.2:8080/healthz?full=1"),
            ({"host": "example.org", "scheme": "HTTPS", "path": "/z"}, "https://example.org:80/z"),
            ({"host": "fd00::1"}, "http://[fd00::1]:80/"),
        ],
    )
    def test_url(self, action: dict[str, Any], url: str):
        assert asked(**action).url == url

    def test_usual_headers(self):
        usual = (("User-Agent", "kube-probe/1.37"), ("Accept", "*/*"), ("Connection", "close"))
        assert asked().headers == usual

    def test_given_headers_are_all_sent_and_stand_in_for_the_usual(self):
        given = [("X-One", "a"), ("X-One", "b"), ("user-agent", "me"), ("ACCEPT", "text/html")]
        headers = [{"name": name, "value": value} for name, value in given]
        assert asked(httpHeaders=headers).headers == (*given, ("Connection", "close"))

    def test_empty_accept_and_user_agent_are_left_out(self):
        headers = [{"name": name, "value": ""} for name in ("Accept", "User-Agent", "X-Empty")]
        assert asked(httpHeaders=headers).headers == (("X-Empty", ""), ("Connection", "close"))

    def test_a_hook_says_so(self):
        made = target(core_v1.HTTPGetAction(port=80), CONTAINER, HERE, purpose="lifecycle")
        assert ("User-Agent", "kube-lifecycle/1.37") in made.headers


class TestPorts:
    def test_number_name_and_number_as_text(self):
        assert [port_of(port, CONTAINER) for port in (81, "web", "82")] == [81, 8080, 82]

    @pytest.mark.parametrize(
        ("port", "why"),
        [
            ("none", 'strconv.Atoi: parsing "none": invalid syntax'),
            (0, "invalid port number: 0"),
            ("65536", "invalid port number: 65536"),
        ],
    )
    def test_port_that_is_none(self, port: int | str, why: str):
        with pytest.raises(ProbeFault) as caught:
            port_of(port, CONTAINER)
        assert str(caught.value) == why


class Server:
    """Answers each path with what it was given for it, and keeps the heads of the requests."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers
        self.heads: list[list[str]] = []
        self.port = 0
        self.open: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.append(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        self.heads.append(head)
        answer = self.answers[head[0].split(" ")[1]]
        writer.write(answer.removesuffix(ON).replace(b"PORT", str(self.port).encode()))
        if not answer.endswith(ON):
            writer.close()

    def paths(self) -> list[str]:
        return [head[0].split(" ")[1] for head in self.heads]


def says(status: int, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def serving(answers: dict[str, bytes], *, secure: Path | None = None) -> AsyncIterator[Server]:
    made = Server(answers)
    context = None
    if secure is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(secure / "cert.pem", secure / "key.pem")
    listener = await asyncio.start_server(made.serve, HERE, 0, ssl=context)
    made.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield made
        for writer in made.open:
            writer.transport.abort()


async def ask(server: Server, *, path: str = "/", limit: int = 5, **action: Any) -> Answer:
    body = {"httpGet": {"port": server.port, "path": path, **action}, "timeoutSeconds": limit}
    prober = HttpProber(Host("", "", Path()))
    try:
        return await prober.probe(msgspec.convert(body, core_v1.Probe), CONTAINER, "c1", HERE)
    finally:
        await prober.close()


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, Answer()),
        (204, Answer()),
        (304, Answer(warning="Probe terminated redirects, Response body: ")),
        (400, Answer(failure="HTTP probe failed with statuscode: 400")),
        (500, Answer(failure="HTTP probe failed with statuscode: 500")),
    ],
)
async def test_status_decides(status: int, answer: Answer):
    async with serving({"/": says(status)}) as server:
        assert await ask(server) == answer


async def test_nothing_is_sent_but_what_was_asked_for():
    async with serving({"/": says(200)}) as server:
        await ask(server, httpHeaders=[{"name": "Host", "value": "inside.example"}])
    [head] = server.heads
    assert sorted(head[1:]) == [
        "Accept: */*",
        "Connection: close",
        "Host: inside.example",
        "User-Agent: kube-probe/1.37",
    ]


async def test_redirects_on_the_same_host_are_followed_with_the_same_headers():
    answers = {
        "/": says(302, "Location: /one"),
        "/one": says(308, "Location: http://127.0.0.1:PORT/two"),
        "/two": says(500),
    }
    async with serving(answers) as server:
        found = await ask(
            server, httpHeaders=[{"name": "Host", "value": "inside"}, {"name": "X", "value": "1"}]
        )
    assert found.failure == "HTTP probe failed with statuscode: 500"
    assert server.paths() == ["/", "/one", "/two"]
    hosts = [line for head in server.heads for line in head if line.startswith("Host: ")]
    assert hosts == ["Host: inside", "Host: inside", f"Host: {HERE}:{server.port}"]
    assert all("X: 1" in head for head in server.heads)


async def test_redirect_to_another_host_only_warns():
    answer = says(302, "Location: http://192.0.2.1/", body="<a>Found</a>")
    async with serving({"/": answer}) as server:
        found = await ask(server)
    assert found == Answer(warning="Probe terminated redirects, Response body: <a>Found</a>")
    assert server.paths() == ["/"]


async def test_redirect_that_leads_nowhere_only_warns():
    async with serving({"/": says(301)}) as server:
        assert (await ask(server)).warning == "Probe terminated redirects, Response body: "


async def test_redirects_without_end_fail():
    async with serving({"/": says(302, "Location: /")}) as server:
        assert (await ask(server)).failure == 'Get "/": stopped after 10 redirects'
    assert len(server.heads) == 10


async def test_answer_that_does_not_come_is_a_failure():
    async with serving({"/": ON}) as server:
        found = await ask(server, limit=1)
    why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    assert found.failure == f'Get "http://{HERE}:{server.port}/": {why}'


async def test_answer_that_does_not_end_says_nothing():
    async with serving({"/": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun" + ON}) as server:
        with pytest.raises(ProbeFault) as caught:
            await ask(server, limit=1)
    why = "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
    assert str(caught.value) == why


async def test_only_the_beginning_of_a_long_answer_is_read():
    endless = b"HTTP/1.1 302 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 20_000 + ON
    async with serving({"/": endless}) as server:
        found = await ask(server)
    assert found.warning == "Probe terminated redirects, Response body: " + "x" * 10240


@pytest.mark.parametrize(
    ("scheme", "answer", "why"),
    [
        ("HTTP", b"", "EOF"),
        (
            "HTTP",
            b"220 mail.example.org\r\n",
            "net/http: HTTP/1.x transport connection broken: malformed HTTP",
        ),
    ],
)
async def test_server_that_speaks_something_else(scheme: str, answer: bytes, why: str):
    async with serving({"/": answer}) as server:
        failure = (await ask(server, scheme=scheme)).failure
    assert failure.startswith(f'Get "http://{HERE}:{server.port}/": {why}')


async def test_https_is_spoken_where_asked_and_not_verified(tmp_path: Path):
    certify(tmp_path)
    async with serving({"/": says(200)}, secure=tmp_path) as server:
        assert await ask(server, scheme="HTTPS") == Answer()


async def test_server_in_clear_is_no_https_server():
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(says(400))
        writer.close()

    listener = await asyncio.start_server(refuse, HERE, 0)
    async with listener:
        server = Server({})
        server.port = listener.sockets[0].getsockname()[1]
        failure = (await ask(server, scheme="HTTPS")).failure
    assert (
        failure
        == f'Get "https://{HERE}:{server.port}/": tls: first record does not look like a TLS handshake'
    )


async def test_nobody_listens():
    server = Server({})
    server.port = _free_port()
    refused = f"dial tcp {HERE}:{server.port}: connect: connection refused"
    assert (await ask(server)).failure == f'Get "http://{HERE}:{server.port}/": {refused}'
    assert (await knock(server.port)).failure == refused


async def test_connection_that_opens_is_enough_for_a_tcp_probe():
    async with serving({}) as server:
        assert await knock(server.port) == Answer()


async def test_tcp_probe_that_is_not_answered_in_time():
    with _deaf() as port:
        assert (await knock(port)).failure == f"dial tcp {HERE}:{port}: i/o timeout"


async def knock(port: int) -> Answer:
    probe = msgspec.convert({"tcpSocket": {"port": port}, "timeoutSeconds": 1}, core_v1.Probe)
    return await TcpProber(Host("", "", Path())).probe(probe, CONTAINER, "c1", HERE)


@contextmanager
def _deaf() -> Iterator[int]:
    """The port of a listener whose queue is full: the kernel drops who comes next."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HERE, 0), backlog=0))
        port: int = listener.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((HERE, port))
        yield port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        port: int = probe.getsockname()[1]
        return port
