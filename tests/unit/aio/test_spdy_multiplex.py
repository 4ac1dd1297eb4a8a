"""One SPDY connection of many streams, with a client's frames made by hand."""

from __future__ import annotations

import asyncio
import struct
import zlib

import pytest

from podling.aio import spdy
from podling.aio.spdy import frames, multiplex


class Client:
    """Makes a client's frames; one compressor for the whole connection."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=frames.DICTIONARY)

    def open(self, number: int, *, last: bool = False, **headers: str) -> bytes:
        words = [word.encode() for pair in headers.items() for word in pair]
        text = struct.pack(">I", len(headers)) + b"".join(struct.pack(">I", len(one)) + one for one in words)
        block = self._deflate.compress(text) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return control(
            frames.SYN_STREAM, struct.pack(">IIH", number, 0, 0) + block, flags=frames.FIN if last else 0
        )


def control(kind: int, body: bytes, *, flags: int = 0) -> bytes:
    return struct.pack(">II", 0x80000000 | frames.VERSION << 16 | kind, flags << 24 | len(body)) + body


def data(number: int, content: bytes, *, last: bool = False) -> bytes:
    return frames.Writer().data(number, content, is_last=last)


def reset(number: int) -> bytes:
    return frames.Writer().reset(number)


class Wire:
    """What was written, read back as frames."""

    def __init__(self) -> None:
        self.written = b""
        self.is_paused = False

    async def write(self, data: bytes) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def frames(self) -> list[frames.Frame]:
        return list(frames.Reader().feed(self.written))


async def test_streams_carry_bytes_both_ways_and_end_each_way_by_itself() -> None:
    wire, client = Wire(), Client()
    connection = spdy.Connection(wire)
    connection.feed_data(client.open(1, streamtype="error", last=True) + client.open(3, streamtype="data"))
    error, stream = await connection.accept(), await connection.accept()
    assert error is not None and stream is not None
    assert (error.headers, stream.headers) == ({"streamtype": "error"}, {"streamtype": "data"})
    assert await error.read() == b""
    connection.feed_data(data(3, b"one") + data(3, b"two", last=True))
    assert [await stream.read() for _ in range(3)] == [b"one", b"two", b""]
    await stream.write(b"answer")
    await stream.finish()
    await stream.finish()
    await error.finish()
    assert wire.frames() == [
        frames.Data(3, b"answer", False),
        frames.Data(3, b"", True),
        frames.Data(1, b"", True),
    ]
    assert connection.statistics() == {"streams": 0, "waiting": 0}


async def test_a_reset_stream_ends_alone() -> None:
    wire, client = Wire(), Client()
    connection = spdy.Connection(wire)
    connection.feed_data(client.open(1) + client.open(3) + data(1, b"lost") + data(3, b"kept"))
    first, second = await connection.accept(), await connection.accept()
    assert first is not None and second is not None
    connection.feed_data(reset(1))
    with pytest.raises(ConnectionResetError):
        await first.read()
    with pytest.raises(ConnectionResetError):
        await first.write(b"x")
    assert await second.read() == b"kept"
    await second.reset()
    assert wire.frames() == [frames.Reset(3)]
    assert connection.statistics() == {"streams": 0, "waiting": 0}


async def test_a_client_that_goes_ends_every_stream_and_the_waiting_for_new_ones() -> None:
    client = Client()
    connection = spdy.Connection(Wire())
    connection.feed_data(client.open(1))
    stream = await connection.accept()
    assert stream is not None
    reading, accepting = asyncio.ensure_future(stream.read()), asyncio.ensure_future(connection.accept())
    await asyncio.sleep(0)
    connection.feed_eof()
    with pytest.raises(ConnectionResetError):
        await reading
    assert await accepting is None


async def test_what_nobody_reads_stops_the_reading_until_it_is_read_or_given_up() -> None:
    for gives_up in (False, True):
        wire, client = Wire(), Client()
        connection = spdy.Connection(wire)
        connection.feed_data(client.open(1))
        stream = await connection.accept()
        assert stream is not None
        while not wire.is_paused:
            connection.feed_data(data(1, bytes(frames.PIECE)))
        waiting = connection.statistics()["waiting"]
        assert multiplex.MAX_WAITING < waiting <= multiplex.MAX_WAITING + frames.PIECE
        if gives_up:
            await stream.reset()
        while wire.is_paused:
            await stream.read()


async def test_pings_are_answered_while_somebody_waits_for_streams() -> None:
    wire = Wire()
    connection = spdy.Connection(wire)
    accepting = asyncio.ensure_future(connection.accept())
    connection.feed_data(control(frames.PING, struct.pack(">I", 7)))
    connection.feed_data(Client().open(1))
    await accepting
    assert wire.frames()[0] == frames.Ping(7)


async def test_nonsense_ends_the_connection() -> None:
    for sent in (b"GET / HTTP/1.1\r\n\r\n", Client().open(3) + Client().open(3)):
        connection = spdy.Connection(Wire())
        connection.feed_data(sent)
        while await connection.accept() is not None:
            pass


async def test_too_many_streams_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiplex, "MAX_STREAMS", 1)
    wire, client = Wire(), Client()
    connection = spdy.Connection(wire)
    connection.feed_data(client.open(1) + client.open(3))
    assert await connection.accept() is not None
    connection.feed_eof()
    assert await connection.accept() is None
    assert wire.frames() == [frames.Reset(3)]


async def test_what_one_side_opens_the_other_accepts():
    client, server = Wire(), Wire()
    asking, serving = multiplex.Connection(client), multiplex.Connection(server)
    opened = [await asking.open({"streamtype": kind}) for kind in ("error", "stdin")]
    await opened[1].write(b"hello")
    await opened[1].finish()
    serving.feed_data(client.written)
    error, stdin = await serving.accept(), await serving.accept()
    assert (error.headers, stdin.headers) == ({"streamtype": "error"}, {"streamtype": "stdin"})
    assert [await stdin.read(), await stdin.read()] == [b"hello", b""]
    await error.write(b"no")
    await error.finish()
    asking.feed_data(server.written)
    assert [await opened[0].read(), await opened[0].read()] == [b"no", b""]


async def test_a_connection_that_is_gone_opens_no_stream():
    connection = multiplex.Connection(Wire())
    connection.feed_eof()
    with pytest.raises(ConnectionError):
        await connection.open({})


async def test_what_was_said_is_read_after_the_other_side_has_gone():
    client = Client()
    connection = multiplex.Connection(Wire())
    connection.feed_data(client.open(1) + client.open(3) + data(1, b"all", last=True) + data(3, b"half"))
    whole, cut = await connection.accept(), await connection.accept()
    connection.feed_eof()
    assert [await whole.read(), await whole.read()] == [b"all", b""]
    assert await cut.read() == b"half"
    with pytest.raises(ConnectionError):
        await cut.read()
    with pytest.raises(ConnectionError):
        await whole.write(b"late")
