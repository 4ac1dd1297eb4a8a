"""Clients that mean ill or are broken: each gets the status that Kubernetes gives, nobody else notices, nothing grows.

Everything goes over TLS on loopback, byte by byte where it has to. Figures are bounds that hold on a slow machine with
room to spare; `pytest --log-cli-level=INFO` shows what was measured.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from podling.apiserver import answering
from podling.apiserver import listener as wire

CONFIGS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
WATCH = f"{CONFIGS}?watch=1"
JSON, YAML = b"Content-Type: application/json\r\n", b"Content-Type: application/yaml\r\n"
MERGE = b"Content-Type: application/merge-patch+json\r\n"
STRATEGIC = b"Content-Type: application/strategic-merge-patch+json\r\n"
JSON_PATCH = b"Content-Type: application/json-patch+json\r\n"
APPLY = b"Content-Type: application/apply-patch+yaml\r\n"
PROTOBUF = b"Content-Type: application/vnd.kubernetes.protobuf\r\n"

figures = logging.getLogger("figures")


def resident():
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@asynccontextmanager
async def connected(secured, context=None):
    """A TLS connection without any HTTP client in between; cut off at the end, as such clients do."""
    context = context or ssl.create_default_context(cafile=secured.ca_file)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", secured.port, ssl=context, server_hostname="localhost"
    )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def request(method, path, body=b"", headers=b""):
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    path = path if isinstance(path, bytes) else path.encode()
    head = method.encode() + b" " + path + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sesame\r\n"
    return head + headers + length + b"\r\n" + body


async def answer(reader):
    """Status and body."""
    async with asyncio.timeout(20):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        return int(head.split()[1]), await reader.readexactly(length)


async def until(secured, condition):
    """Ask after the server's health until something is true."""
    async with connected(secured) as (reader, writer):
        while not condition():
            writer.write(request("GET", "/healthz"))
            assert (await answer(reader))[0] == 200


def deep(count, opens=b'{"a":', closes=b"}", inside=b"1"):
    return opens * count + inside + closes * count


def laughs():
    """YAML of a few hundred bytes that means a billion words."""
    lines = [b"a: &a [x, x, x, x, x, x, x, x, x]"]
    for one in range(9):
        lines.append(b"%c: &%c [%b]" % (98 + one, 98 + one, b", ".join([b"*%c" % (97 + one)] * 9)))
    return b"\n".join(lines)


def many(text, count, joint=","):
    return joint.join(text.format(number) for number in range(count))


CASES = {
    "depth: an object": (400, request("POST", CONFIGS, deep(100_000), JSON)),
    "depth: a list": (400, request("POST", CONFIGS, deep(500_000, b"[", b"]"), JSON)),
    "depth: YAML": (400, request("POST", CONFIGS, deep(50_000, b"{a: ", b"}"), YAML)),
    "depth: a merge patch": (400, request("PATCH", f"{CONFIGS}/c", deep(50_000), MERGE)),
    "depth: a strategic patch": (400, request("PATCH", f"{CONFIGS}/c", deep(50_000), STRATEGIC)),
    "depth: a strategic patch that is read": (400, request("PATCH", f"{CONFIGS}/c", deep(800), STRATEGIC)),
    "depth: a JSON patch": (
        400,
        request(
            "PATCH",
            f"{CONFIGS}/c",
            b'[{"op":"add","path":"/data/x","value":' + deep(50_000) + b"}]",
            JSON_PATCH,
        ),
    ),
    "depth: an apply": (
        400,
        request(
            "PATCH",
            f"{CONFIGS}/e?fieldManager=x",
            b'{"kind":"ConfigMap","data":' + deep(50_000) + b"}",
            APPLY,
        ),
    ),
    "depth: delete options": (400, request("DELETE", f"{CONFIGS}/c", deep(50_000), JSON)),
    "depth: protobuf": (400, request("POST", CONFIGS, b"k8s\x00" + b"\x0a\xff\xff\x03" * 5000, PROTOBUF)),
    "a billion laughs": (400, request("POST", CONFIGS, laughs(), YAML)),
    "a billion laughs, applied": (
        400,
        request("PATCH", f"{CONFIGS}/e?fieldManager=x", b"kind: ConfigMap\n" + laughs(), APPLY),
    ),
    "YAML that contains itself": (400, request("POST", CONFIGS, b"metadata: &a {annotations: *a}", YAML)),
    "YAML that names code": (400, request("POST", CONFIGS, b'!!python/object/apply:os.system ["id"]', YAML)),
    "more operations than a JSON patch may have": (
        413,
        request(
            "PATCH",
            f"{CONFIGS}/c",
            b"[" + b",".join([b'{"op":"test","path":"/kind"}'] * 20_000) + b"]",
            JSON_PATCH,
        ),
    ),
    "UTF-8: in JSON": (400, request("POST", CONFIGS, b'{"metadata":{"name":"\xff"}}', JSON)),
    "UTF-8: in YAML": (400, request("POST", CONFIGS, b'metadata: {name: "\xff"}', YAML)),
    "UTF-8: half a surrogate": (400, request("POST", CONFIGS, b'{"data":{"x":"\\ud800"}}', JSON)),
    "UTF-8: in a path, encoded": (404, request("GET", f"{CONFIGS}/%ff%fe")),
    "UTF-8: in a path": (400, request("GET", CONFIGS.encode() + b"/\xff\xfe")),
    "UTF-8: in a selector": (400, request("GET", f"{CONFIGS}?labelSelector=%ff%fe")),
    "UTF-8: in a continue token": (400, request("GET", f"{CONFIGS}?continue=%ff%fe")),
    "UTF-8: in the name of the request": (200, request("GET", CONFIGS, b"", b"Audit-Id: \xff\xfe\r\n")),
    "UTF-8: in the name of the user": (
        201,
        request(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            b"{}",
            JSON + b"Impersonate-User: \xff\r\nImpersonate-Group: system:masters\r\n",
        ),
    ),
    "UTF-8: in a token": (401, b"GET /api HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xff\r\n\r\n"),
    "type: unknown": (415, request("POST", CONFIGS, b"{}", b"Content-Type: text/html\r\n")),
    "type: no text": (415, request("POST", CONFIGS, b"{}", b"Content-Type: \xff\r\n")),
    "type: packed": (400, request("POST", CONFIGS, b"\x1f\x8bjunk", JSON + b"Content-Encoding: gzip\r\n")),
    "type: nothing that is served": (406, request("GET", CONFIGS, b"", b"Accept: \xff;q=\xfe\r\n")),
    "selector: thousands of values": (
        200,
        request("GET", f"{CONFIGS}?labelSelector=a+in+(" + many("x{}", 9000) + ")"),
    ),
    "selector: thousands of requirements": (
        200,
        request("GET", f"{CONFIGS}?labelSelector=" + many("x{}!=1", 6000)),
    ),
    "selector: thousands of brackets": (400, request("GET", f"{CONFIGS}?labelSelector=" + "(" * 30_000)),
    "selector: thousands of fields": (
        200,
        request("GET", f"{CONFIGS}?fieldSelector=" + many("metadata.name!={}", 2500)),
    ),
    "head: a line that is long": (200, request("GET", f"{CONFIGS}?x=" + "a" * 1_000_000)),
    "head: a line too long": (431, request("GET", f"{CONFIGS}?x=" + "a" * 1_060_000)),
    "head: a header that is long": (200, request("GET", CONFIGS, b"", b"X: %b\r\n" % (b"y" * 1_000_000))),
    "head: many lines": (200, request("GET", CONFIGS, b"", many("X-{}: y\r\n", 2000, "").encode())),
    "head: too many lines": (431, request("GET", CONFIGS, b"", many("X-{}: y\r\n", 20_000, "").encode())),
    "head: lines too long together": (
        431,
        request("GET", CONFIGS, b"", many("X-{}: " + "y" * 100_000 + "\r\n", 14, "").encode()),
    ),
    "selector: tens of thousands of values": (
        200,
        request("GET", f"{CONFIGS}?labelSelector=a+in+(" + many("x{}", 35_000) + ")"),
    ),
    "selector: a hundred thousand brackets": (
        400,
        request("GET", f"{CONFIGS}?labelSelector=" + "(" * 200_000),
    ),
    "head: two lengths": (400, request("POST", CONFIGS, b"", b"Content-Length: 1\r\nContent-Length: 2\r\n")),
    "head: a length below zero": (400, request("POST", CONFIGS, b"", b"Content-Length: -1\r\n")),
    "head: a chunk of no length": (
        400,
        request("POST", CONFIGS, b"", JSON + b"Transfer-Encoding: chunked\r\n") + b"zz\r\n",
    ),
    "head: no HTTP": (400, b"\x00\x01\x02\x03\r\n\r\n"),
    "head: a version to come": (400, b"GET /api HTTP/9.9\r\n\r\n"),
    "method: TRACE": (405, request("TRACE", "/api")),
    "number: limit": (400, request("GET", f"{CONFIGS}?limit=99999999999999999999")),
    "number: a limit of many digits": (400, request("GET", f"{CONFIGS}?limit=" + "9" * 5000)),
    "number: seconds": (400, request("GET", f"{WATCH}&timeoutSeconds=99999999999999999999")),
    "number: revision": (400, request("GET", f"{CONFIGS}?resourceVersion=99999999999999999999")),
    "number: a revision of many digits": (400, request("GET", f"{WATCH}&resourceVersion=" + "9" * 5000)),
    "number: replicas": (
        400,
        request("POST", DEPLOYMENTS, b'{"metadata":{"name":"n"},"spec":{"replicas":1e400}}', JSON),
    ),
    "number: replicas of many digits": (
        400,
        request("POST", DEPLOYMENTS, b"metadata: {name: n}\nspec: {replicas: " + b"9" * 5000 + b"}", YAML),
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_bad_input_gets_its_status_at_once_and_leaves_no_trace(secured, client_of, caplog, case):
    status, data = CASES[case]
    await client_of(secured.server).make(CONFIGS, {"metadata": {"name": "c"}, "data": {"x": "y"}})
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        async with connected(secured) as (reader, writer):
            writer.write(data)
            found, body = await answer(reader)
    assert found == status, body[:300]
    assert time.monotonic() - started < 5
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert b"Traceback" not in body
    assert len(body) < 100_000
    assert (await client_of(secured.server).get(f"{CONFIGS}/c")).json["data"] == {"x": "y"}


async def test_who_says_nothing_or_half_a_head_is_cut_off(secured, monkeypatch):
    """Slow loris: connections that never finish a head end after the idle time; others are served meanwhile."""
    monkeypatch.setattr(wire, "IDLE_SECONDS", 0.3)
    context = ssl.create_default_context(cafile=secured.ca_file)

    async def loris(said):
        async with connected(secured, context) as (reader, writer):
            writer.write(said)
            async with asyncio.timeout(20):
                return await reader.read()

    half = b"GET /api HTTP/1.1\r\nHost: x\r\nX-Slow: y"
    lorises = [asyncio.ensure_future(loris(said)) for said in (b"", half) for _ in range(25)]
    async with connected(secured, context) as (reader, writer):
        writer.write(request("GET", "/api"))
        assert (await answer(reader))[0] == 200
    assert set(await asyncio.gather(*lorises)) == {b""}


async def test_a_watcher_that_never_reads_is_dropped_and_harms_nobody(
    secured, client_of, monkeypatch, caplog
):
    """40 MB of changes: who reads gets all of them, who does not is cut off, and memory stays where it was."""
    monkeypatch.setattr(answering, "STALL_SECONDS", 0.5)
    api, collection = client_of(secured.server), secured.collection("configmaps")
    await api.make(CONFIGS, {"metadata": {"name": "c"}})
    count, text = 200, "y" * 200_000
    async with connected(secured) as (_, idle), connected(secured) as (reader, writer):
        for each in (idle, writer):
            each.write(request("GET", WATCH))
        idle.transport.pause_reading()
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(20):
            await until(secured, lambda: collection.statistics().watchers == 2)
        before = resident()

        async def read():
            seen, rest = 0, b""
            while seen <= count:
                rest += await reader.read(1 << 20)
                seen += rest.count(b"}}\n")
                rest = rest[rest.rfind(b"\n") + 1 :] if b"\n" in rest else rest[-4:]
            return seen

        reading = asyncio.ensure_future(read())
        for number in range(count):
            await api.patch(f"{CONFIGS}/c", {"data": {"x": f"{number}{text}"}})
        async with asyncio.timeout(60):
            assert await reading == count + 1
            await until(secured, lambda: collection.statistics().watchers == 1)
        grown = resident() - before
        figures.info("grown_bytes: %s", grown)
        assert grown < 120 * 1024 * 1024
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


async def test_an_answer_that_nobody_takes_is_broken_off_and_counted(secured, client_of, monkeypatch):
    """20 MB, more than the kernel keeps for a client; upstream counts these in `apiserver_request_aborts_total`."""
    monkeypatch.setattr(answering, "STALL_SECONDS", 0.5)
    api = client_of(secured.server)
    for number in range(100):
        await api.make(CONFIGS, {"metadata": {"name": f"n{number}"}, "data": {"x": "y" * 200_000}})
    labels = 'group="",resource="configmaps",scope="namespace",subresource="",verb="LIST",version="v1"'
    aborted = f"apiserver_request_aborts_total{{{labels}}} 1\n".encode()
    async with connected(secured) as (_, idle):
        idle.write(request("GET", CONFIGS))
        idle.transport.pause_reading()
        async with asyncio.timeout(60):
            await until(secured, lambda: aborted in secured.server.metrics.response().body)


async def test_many_who_read_nothing_of_a_large_collection_hold_a_part_of_it_each(secured, client_of):
    """60 watches of 20 MB, never read: whole answers would be 1.2 GB."""
    api = client_of(secured.server)
    for number in range(100):
        await api.make(CONFIGS, {"metadata": {"name": f"n{number}"}, "data": {"x": "y" * 200_000}})
    context = ssl.create_default_context(cafile=secured.ca_file)
    before, opened = resident(), []
    try:
        for _ in range(60):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", secured.port, ssl=context, server_hostname="localhost", limit=1024
            )
            writer.write(request("GET", WATCH))
            opened.append(writer)
            async with asyncio.timeout(20):
                await reader.readuntil(b"\r\n\r\n")
            writer.transport.pause_reading()
        assert (await api.get(f"{CONFIGS}/n1")).status == 200
        grown = resident() - before
        figures.info("grown_bytes: %s", grown)
        assert grown < 300 * 1024 * 1024
    finally:
        for writer in opened:
            writer.transport.abort()


async def test_handshakes_that_fail_are_counted_and_harm_nobody(secured, client_of):
    for said in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 100, b"\x16\x03\x01\x00\x05hello"):
        reader, writer = await asyncio.open_connection("127.0.0.1", secured.port)
        writer.write(said)
        await reader.read()
        writer.close()
    async with connected(secured) as (reader, writer):
        writer.write(request("GET", "/api"))
        assert (await answer(reader))[0] == 200
    assert (
        "apiserver_tls_handshake_errors_total 3\n" in (await client_of(secured.server).get("/metrics")).text
    )


async def test_an_upgrade_that_is_not_taken_leaves_the_connection_as_it_was(secured):
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    async with connected(secured) as (reader, writer):
        for headers in (upgrade, b"", upgrade, b""):
            writer.write(request("GET", "/api", b"", headers))
            assert (await answer(reader))[0] == 200


async def test_lists_that_nobody_reads_are_few(secured, client_of):
    """60 lists of 20 MB, never read, would be 1.2 GB: some are answered, the rest is turned away, others are served."""
    api = client_of(secured.server)
    for number in range(100):
        await api.make(CONFIGS, {"metadata": {"name": f"n{number}"}, "data": {"x": "y" * 200_000}})
    context = ssl.create_default_context(cafile=secured.ca_file)
    before, opened, statuses = resident(), [], []
    try:
        for _ in range(60):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", secured.port, ssl=context, server_hostname="localhost", limit=1024
            )
            opened.append(writer)
            writer.write(request("GET", CONFIGS))
            async with asyncio.timeout(20):
                statuses.append(int((await reader.readuntil(b"\r\n\r\n")).split()[1]))
            writer.transport.pause_reading()
        grown = resident() - before
        figures.info("grown_bytes: %s answered: %s", grown, statuses.count(200))
        assert set(statuses) == {200, 429}
        assert statuses.count(200) == 6, "half of 256 MiB for one user"
        assert grown < 300 * 1024 * 1024
        async with connected(secured, context) as (reader, writer):
            writer.write(request("POST", CONFIGS, b'{"metadata":{"name":"small"}}', JSON))
            assert (await answer(reader))[0] == 201
            writer.write(request("GET", f"{CONFIGS}/small"))
            assert (await answer(reader))[0] == 200
    finally:
        for writer in opened:
            writer.transport.abort()
    async with asyncio.timeout(30):
        await until(secured, lambda: not secured.server._listener._budget.used)


async def test_bodies_in_arrival_are_bounded_all_together(secured, client_of):
    """150 bodies of 2.9 MB that never end would be 435 MB: those beyond the limit are turned away, small ones never."""
    context = ssl.create_default_context(cafile=secured.ca_file)
    before, opened = resident(), []
    body = b'{"metadata":{"name":"x"},"data":{"x":"' + b"y" * 2_900_000
    head = request("POST", CONFIGS, b"", JSON + b"Content-Length: 3000000\r\n")
    budget = secured.server._listener._budget
    try:
        for _ in range(150):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", secured.port, ssl=context, server_hostname="localhost"
            )
            opened.append((reader, writer))
            writer.write(head + body)
            await asyncio.wait_for(writer.drain(), 20)
        found = await asyncio.gather(
            *(asyncio.wait_for(one.readline(), 3) for one, _ in opened), return_exceptions=True
        )
        refused = sum(isinstance(each, bytes) and b" 429 " in each for each in found)
        grown = resident() - before
        figures.info("grown_bytes: %s refused: %s held: %s", grown, refused, budget.used)
        assert 90 <= refused <= 115
        assert budget.used <= 128 * 1024 * 1024
        async with connected(secured, context) as (reader, writer):
            writer.write(request("POST", CONFIGS, b'{"metadata":{"name":"small"}}', JSON))
            assert (await answer(reader))[0] == 201
    finally:
        for _, writer in opened:
            writer.transport.abort()
    async with asyncio.timeout(30):
        await until(secured, lambda: not budget.used)


async def test_a_large_body_of_a_stranger_is_not_read(secured):
    body = b'{"data":{"x":"' + b"y" * 2_000_000 + b'"}}'
    asked = request("POST", CONFIGS, body, JSON).replace(b"sesame", b"wrong!")
    async with connected(secured) as (reader, writer):
        writer.write(asked[:500_000])
        assert (await answer(reader))[0] == 401


async def test_a_thousand_watchers_see_everything_and_go_without_a_trace(secured, client_of):
    """1000 watches over TLS: 20 changes reach all of them, those that are cut off are forgotten at once."""
    api, collection = client_of(secured.server), secured.collection("configmaps")
    context = ssl.create_default_context(cafile=secured.ca_file)
    opened, few = [], asyncio.Semaphore(20)

    async def opening():
        async with few, asyncio.timeout(60):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", secured.port, ssl=context, server_hostname="localhost"
            )
            opened.append((reader, writer))
            writer.write(request("GET", WATCH))
            await reader.readuntil(b"\r\n\r\n")

    async def names(reader):
        seen = []
        while len(seen) < 20:
            line = await reader.readline()
            if line.startswith(b"{"):
                seen.append(json.loads(line)["object"]["metadata"]["name"])
        return seen

    before = resident()
    try:
        await asyncio.gather(*(opening() for _ in range(1000)))
        assert collection.statistics().watchers == 1000
        figures.info("bytes_per_watcher_and_client: %s", (resident() - before) // 1000)
        started = time.monotonic()
        for number in range(20):
            await api.make(CONFIGS, {"metadata": {"name": f"n{number:02}"}})
        async with asyncio.timeout(60):
            seen = await asyncio.gather(*(names(reader) for reader, _ in opened))
        figures.info("seconds_for_20000_events: %s", time.monotonic() - started)
        assert all(each == [f"n{number:02}" for number in range(20)] for each in seen)
    finally:
        for _, writer in opened:
            writer.transport.abort()
    async with asyncio.timeout(30):
        await until(secured, lambda: not collection.statistics().watchers)
