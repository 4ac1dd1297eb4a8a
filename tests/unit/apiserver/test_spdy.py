"""SPDY frames and sessions, with a client's frames made by hand."""

from __future__ import annotations

import asyncio
import json
import struct
import zlib

import pytest

from podling.aio.spdy import frames
from podling.apiserver import spdy
from podling.apiserver.spdy import session

STREAMS = {"error": 1, "stdin": 3, "stdout": 5, "stderr": 7, "resize": 9}


class Client:
    """Makes a client's frames; one compressor for the whole connection."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=frames.DICTIONARY)

    def open(self, name: str, *, last: bool = False) -> bytes:
        pair = [b"streamtype", name.encode()]
        text = struct.pack(">I", 1) + b"".join(struct.pack(">I", len(one)) + one for one in pair)
        block = self._deflate.compress(text) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIH", STREAMS.get(name, 11), 0, 0) + block
        return control(frames.SYN_STREAM, body, flags=frames.FIN if last else 0)


def control(kind: int, body: bytes, *, flags: int = 0) -> bytes:
    return struct.pack(">II", 0x80000000 | frames.VERSION << 16 | kind, flags << 24 | len(body)) + body


def data(name: str, content: bytes, *, last: bool = False) -> bytes:
    return frames.Writer().data(STREAMS[name], content, is_last=last)


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

    def streamed(self) -> dict[str, tuple[bytes, bool]]:
        """Per stream all data, and whether it was ended."""
        found: dict[str, tuple[bytes, bool]] = {}
        names = {number: name for name, number in STREAMS.items()}
        for frame in frames.Reader().feed(self.written):
            if isinstance(frame, frames.Data):
                before, _ = found.get(names[frame.stream], (b"", False))
                found[names[frame.stream]] = (before + frame.data, frame.is_last)
        return found


def test_the_dictionary_is_the_specifications() -> None:
    assert (len(frames.DICTIONARY), zlib.adler32(frames.DICTIONARY)) == (1423, 0xE3C6A7C2)


def test_frames_arrive_in_any_pieces() -> None:
    client, reader = Client(), frames.Reader()
    sent = client.open("error") + client.open("stdin") + data("stdin", b"x" * 70000, last=True)
    sent += (
        control(frames.PING, struct.pack(">I", 5))
        + control(4, b"settings")
        + control(frames.RST_STREAM, bytes(8))
    )
    found = [frame for byte in range(0, len(sent), 7) for frame in reader.feed(sent[byte : byte + 7])]
    assert found[0] == frames.Opened(1, {"streamtype": "error"}, False)
    assert found[1] == frames.Opened(3, {"streamtype": "stdin"}, False)
    pieces = [frame for frame in found if isinstance(frame, frames.Data)]
    assert b"".join(piece.data for piece in pieces) == b"x" * 70000
    assert [piece.is_last for piece in pieces] == [False, False, True]
    assert found[-2:] == [frames.Ping(5), frames.Reset(0)]


def bomb() -> bytes:
    text = struct.pack(">I", 1) + struct.pack(">I", 10_000_000) + bytes(10_000_000)
    deflate = zlib.compressobj(zdict=frames.DICTIONARY)
    block = deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return control(frames.SYN_STREAM, bytes(10) + block)


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">II", 1, frames.MAX_FRAME + 1),
        struct.pack(">II", 0x80020001, 0),
        control(frames.SYN_STREAM, b"short"),
        control(frames.SYN_STREAM, bytes(10) + b"no deflate"),
        control(frames.PING, b""),
        bomb(),
    ],
    ids=["large", "version", "short", "not compressed", "empty ping", "bomb"],
)
def test_what_is_no_spdy_is_refused(sent: bytes) -> None:
    with pytest.raises(frames.Malformed):
        list(frames.Reader().feed(sent))


async def test_a_session_looks_like_a_websocket() -> None:
    wire, client = Wire(), Client()
    talk = spdy.Session(wire)
    for name in STREAMS:
        talk.feed_data(client.open(name))
    talk.feed_data(data("stdin", b"hello") + data("resize", b'{"Width":10,"Height":5}\n{"Wid'))
    talk.feed_data(data("stdin", b"", last=True))
    assert [await talk.receive() for _ in range(3)] == [
        b"\x00hello",
        b'\x04{"Width":10,"Height":5}',
        b"\xff\x00",
    ]
    await talk.send(b"\x01out")
    await talk.send(b"\x02err")
    await talk.send(b'\x03{"status":"Success"}')
    await talk.close()
    await talk.close()
    assert wire.streamed() == {
        "stdout": (b"out", True),
        "stderr": (b"err", True),
        "error": (b'{"status":"Success"}', True),
    }


async def test_output_waits_for_its_stream() -> None:
    wire, client = Wire(), Client()
    talk = spdy.Session(wire)
    sending = asyncio.ensure_future(talk.send(b"\x01early"))
    receiving = asyncio.ensure_future(talk.receive())
    talk.feed_data(client.open("error"))
    talk.feed_data(client.open("stdout"))
    await sending
    assert wire.streamed()["stdout"] == (b"early", False)
    talk.feed_eof()
    assert await receiving is None


async def test_a_session_cut_short_is_no_success() -> None:
    wire, client = Wire(), Client()
    talk = spdy.Session(wire)
    talk.feed_data(client.open("error") + client.open("stdout"))
    await talk.close()
    status, is_last = wire.streamed()["error"]
    assert (json.loads(status)["status"], is_last) == ("Failure", True)


async def test_a_client_that_goes_ends_both_directions() -> None:
    talk = spdy.Session(Wire())
    sending = asyncio.ensure_future(talk.send(b"\x01x"))
    await asyncio.sleep(0)
    talk.feed_eof()
    with pytest.raises(ConnectionResetError):
        await sending
    assert await talk.receive() is None


async def test_what_nobody_fetches_stops_the_reading() -> None:
    wire, client = Wire(), Client()
    talk = spdy.Session(wire)
    talk.feed_data(client.open("stdin"))
    sent = 0
    while not wire.is_paused:
        talk.feed_data(data("stdin", bytes(frames.PIECE)))
        sent += frames.PIECE
    assert sent <= session.MAX_WAITING + frames.PIECE
    while wire.is_paused:
        await talk.receive()


async def test_nonsense_and_floods_end_the_session() -> None:
    for sent in (Client().open("video"), b"GET / HTTP/1.1\r\n\r\n"):
        talk = spdy.Session(Wire())
        talk.feed_data(sent)
        assert await talk.receive() is None
    wire = Wire()
    talk = spdy.Session(wire)
    pings = control(frames.PING, bytes(4)) * 1000
    for _ in range(200):
        talk.feed_data(pings)
        if wire.is_paused:
            break
    assert wire.is_paused
