"""Calls over one HTTP/2 connection, against grpcio's server on a unix socket."""

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc import aio

from podling.runtime.cri import grpc as ours
from podling.runtime.cri.channel import CallFault, Channel


async def _echo(request, context):
    return request


async def _refuse(request, context):
    await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: ä %")


async def _count(request, context):
    for number in range(int(request)):
        yield str(number).encode()


async def _never(request, context):
    yield b"first"
    try:
        await asyncio.sleep(3600)
    finally:
        _never.ended.set()


@asynccontextmanager
async def served(path):
    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(_echo),
        "Refuse": grpc.unary_unary_rpc_method_handler(_refuse),
        "Count": grpc.unary_stream_rpc_method_handler(_count),
        "Never": grpc.unary_stream_rpc_method_handler(_never),
    }
    server = aio.server(options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", handlers),))
    server.add_insecure_port(f"unix://{path}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


@pytest.fixture
async def channel(tmp_path):
    async with served(tmp_path / "s"):
        channel = Channel(f"unix://{tmp_path}/s")
        try:
            yield channel
        finally:
            channel.close()


async def test_many_calls_share_a_connection_and_each_gets_its_answer(channel):
    answers = await asyncio.gather(
        *(channel.call("/t.T/Echo", b"%d" % number, limit=60) for number in range(50))
    )
    assert answers == [b"%d" % number for number in range(50)]


async def test_a_socket_may_lie_deeper_than_the_kernel_takes_names(tmp_path):
    async with served(tmp_path / "s"):
        deep = tmp_path / ("d" * 100)
        deep.mkdir()
        (tmp_path / "s").rename(deep / "s")
        channel = Channel(f"unix://{deep}/s")
        assert await channel.call("/t.T/Echo", b"hello", limit=60) == b"hello"
        channel.close()


async def test_messages_larger_than_any_window_go_and_come(channel):
    large = bytes(range(256)) * 20_000
    assert await channel.call("/t.T/Echo", large, limit=60) == large


async def test_a_refusal_has_its_code_and_words(channel):
    with pytest.raises(CallFault, match="no such thing: ä %") as caught:
        await channel.call("/t.T/Refuse", b"", limit=60)
    assert caught.value.code == ours.NOT_FOUND


async def test_a_method_that_is_not_there_is_unimplemented(channel):
    with pytest.raises(CallFault) as caught:
        await channel.call("/t.T/Nothing", b"", limit=60)
    assert caught.value.code == ours.UNIMPLEMENTED


async def test_a_stream_gives_every_message_in_order(channel):
    async with channel.stream("/t.T/Count", b"1000") as messages:
        assert [int(message) async for message in messages] == list(range(1000))


async def test_leaving_a_stream_ends_it_at_the_server(channel):
    _never.ended = asyncio.Event()
    async with channel.stream("/t.T/Never", b"") as messages:
        assert await anext(messages) == b"first"
    await asyncio.wait_for(_never.ended.wait(), 60)
    assert await channel.call("/t.T/Echo", b"still", limit=60) == b"still"


async def test_a_call_past_its_limit_is_given_up(channel):
    _never.ended = asyncio.Event()
    with pytest.raises(CallFault) as caught:
        await channel.call("/t.T/Never", b"", limit=0.05)
    assert caught.value.code == ours.DEADLINE_EXCEEDED
    await asyncio.wait_for(_never.ended.wait(), 60)


async def test_a_server_that_went_away_is_unavailable_and_found_again(tmp_path):
    channel = Channel(f"unix://{tmp_path}/s")
    with pytest.raises(CallFault) as caught:
        await channel.call("/t.T/Echo", b"", limit=60)
    assert caught.value.code == ours.UNAVAILABLE
    async with served(tmp_path / "s"):
        assert await channel.call("/t.T/Echo", b"one", limit=60) == b"one"
        _never.ended = asyncio.Event()
        async with channel.stream("/t.T/Never", b"") as messages:
            assert await anext(messages) == b"first"
            waiting = asyncio.ensure_future(anext(messages))
            channel.close()
            with pytest.raises(CallFault) as caught:
                await waiting
    assert caught.value.code == ours.UNAVAILABLE
    async with served(tmp_path / "s"):
        assert await channel.call("/t.T/Echo", b"two", limit=60) == b"two"
    channel.close()
