"""Heads of requests while they arrive, on aiohttp's own parser."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_parser import HttpRequestParser

from podling.apiserver.budget import Budget
from podling.apiserver.heads import MAX_HEAD, MAX_LINES, HeadRefused, Heads

START = b"GET /api HTTP/1.1\r\nHost: x\r\n"


def heads(budget, remote="10.0.0.1"):
    loop = asyncio.get_running_loop()
    parser = HttpRequestParser(
        BaseProtocol(loop),
        loop,
        2**16,
        max_line_size=MAX_HEAD,
        max_field_size=MAX_HEAD,
        max_headers=MAX_LINES,
    )
    return Heads(parser, budget, remote)


def lines(first, count):
    return b"".join(b"X-%d: %b\r\n" % (number, b"y" * 10_000) for number in range(first, first + count))


async def test_a_head_in_pieces_is_held_until_it_is_there():
    budget = Budget(10 * MAX_HEAD)
    arriving = heads(budget)
    assert not arriving.feed_data(START)[0]
    assert budget.used == 0, "small heads are not counted"
    for number in range(0, 40, 10):
        assert not arriving.feed_data(lines(number, 10))[0]
    assert budget.used > 300_000
    ((message, _),) = arriving.feed_data(b"\r\n")[0]
    assert message.path == "/api"
    assert budget.used == 0


async def test_a_head_is_limited_over_all_its_lines():
    arriving = heads(Budget(10 * MAX_HEAD))
    arriving.feed_data(START)
    for number in range(0, 100, 10):
        arriving.feed_data(lines(number, 10))
    with pytest.raises(LineTooLong):
        arriving.feed_data(lines(100, 10))


async def test_bodies_are_not_taken_for_heads():
    budget = Budget(10 * MAX_HEAD)
    arriving = heads(budget)
    ((_, body),) = arriving.feed_data(b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n")[0]
    for _ in range(30):
        arriving.feed_data(b"z" * 2_000)
    assert body.is_eof()
    assert budget.used == 0
    arriving.feed_data(START)
    assert len(arriving.feed_data(b"\r\n")[0]) == 1


async def test_many_heads_from_one_place_are_refused():
    budget = Budget(800_000)
    for _ in range(3):
        heads(budget).feed_data(START + lines(0, 10))
    with pytest.raises(HeadRefused):
        heads(budget).feed_data(START + lines(0, 10))
    heads(budget, "10.0.0.2").feed_data(START + lines(0, 10))


async def test_what_is_never_finished_is_forgotten_with_its_connection():
    budget = Budget(10 * MAX_HEAD)
    arriving = heads(budget)
    arriving.feed_data(START + lines(0, 10))
    assert budget.used
    arriving.forget()
    arriving.forget()
    assert budget.used == 0
