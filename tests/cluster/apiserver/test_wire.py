"""The listener over real TLS on loopback: certificates, limits, keep-alive, streams, draining."""

from __future__ import annotations

import asyncio
import io
import json
import ssl

import aiohttp
import pytest

from podling.apiserver import heads
from podling.apiserver import listener as wire

CONFIGS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
async def session(secured):
    context = ssl.create_default_context(cafile=secured.ca_file)
    headers = {"authorization": "Bearer sesame"}
    async with aiohttp.ClientSession(
        secured.url, connector=aiohttp.TCPConnector(ssl=context), headers=headers
    ) as made:
        yield made


async def raw(secured):
    """A TLS connection without any HTTP client in between."""
    context = ssl.create_default_context(cafile=secured.ca_file)
    return await asyncio.open_connection("127.0.0.1", secured.port, ssl=context, server_hostname="localhost")


async def test_a_token_and_a_certificate_say_who_asks(secured, session):
    review = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    async with session.post(review, json={}) as answer:
        assert answer.status == 201
        assert (await answer.json())["status"]["userInfo"]["username"] == "ali"
    context = ssl.create_default_context(cafile=secured.ca_file)
    context.load_cert_chain(secured.client_certificate, secured.client_key)
    async with (
        aiohttp.ClientSession(secured.url, connector=aiohttp.TCPConnector(ssl=context)) as certified,
        certified.post(review, json={}) as answer,
    ):
        user = (await answer.json())["status"]["userInfo"]
        assert user["username"] == "kubernetes-admin"
        assert "system:masters" in user["groups"]


async def test_one_connection_serves_many_requests(secured):
    reader, writer = await raw(secured)
    for method, path, status in (
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 403),
        ("GET", "/nothing", 403),
    ):
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith(f"HTTP/1.1 {status} ")
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        if method != "HEAD":
            await reader.readexactly(length)
    writer.close()


async def test_large_lists_and_streams_arrive_whole(session):
    for number in range(40):
        async with session.post(
            CONFIGS, json={"metadata": {"name": f"n{number}"}, "data": {"x": "y" * 20_000}}
        ) as made:
            assert made.status == 201
    async with session.get(CONFIGS) as answer:
        assert len((await answer.json())["items"]) == 40
        assert "Content-Encoding" not in answer.headers
    async with session.get(CONFIGS, params={"watch": "1"}) as watch:
        for number in range(40):
            event = json.loads(await watch.content.readuntil(b"\n"))
            assert event["type"] == "ADDED", number


async def test_a_watch_is_told_as_things_happen_and_ends_with_its_client(secured, session):
    collection = secured.collection("configmaps")
    async with session.get(CONFIGS, params={"watch": "1"}) as watch:
        async with session.post(CONFIGS, json={"metadata": {"name": "a"}}) as made:
            assert made.status == 201
        assert json.loads(await watch.content.readline())["object"]["metadata"]["name"] == "a"
        assert collection.statistics().watchers == 1
        watch.close()
    async with asyncio.timeout(5):
        while collection.statistics().watchers:
            async with session.get("/healthz") as answer:
                assert answer.status == 200


async def test_a_body_over_the_limit_is_413(session):
    async with session.post(CONFIGS, data=io.BytesIO(b"x" * (3 * 1024 * 1024 + 1))) as announced:
        assert announced.status == 413
        status = await announced.json()
        assert status["message"] == "Request entity too large: limit is 3145728"

    async def endless():
        for _ in range(64):
            yield b"x" * 65536

    async with session.post(CONFIGS, data=endless()) as streamed:
        assert streamed.status == 413


async def test_who_sends_nothing_or_trickles_is_cut_off(secured, monkeypatch):
    monkeypatch.setattr(wire, "BODY_SECONDS", 0.05)
    reader, writer = await raw(secured)
    writer.write(b"POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert head.startswith(b"HTTP/1.1 504 ")
    writer.close()


async def test_heads_over_the_limit_are_refused(secured):
    reader, writer = await raw(secured)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * (heads.MAX_HEAD + 1) + b"\r\n\r\n")
    head = await asyncio.wait_for(reader.readline(), 5)
    assert b" 431 " in head
    writer.close()


async def test_percent_encoded_paths_are_decoded(session):
    async with session.get("/api/v1/namespaces/default%20x") as answer:
        assert (await answer.json())["message"] == 'namespaces "default x" not found'


async def test_closing_finishes_answers_and_ends_watches(secured, session):
    async with session.get(CONFIGS, params={"watch": "1"}) as watch:
        closing = asyncio.ensure_future(secured.server.close())
        assert await asyncio.wait_for(watch.content.read(), 5) == b""
        await asyncio.wait_for(closing, 10)
    with pytest.raises(aiohttp.ClientConnectorError):
        async with session.get("/healthz"):
            pass
