"""SPDY/3.1's frames, as far as Kubernetes' clients use them (the SPDY Protocol, draft 3.1, sections 2.2 and 2.6).

A frame has a head of eight bytes. Header blocks are compressed with one context for the whole connection, so every block
has to be read, whatever becomes of its stream.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

VERSION = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7
FIN = 0x01
REFUSED_STREAM, CANCEL = 3, 5
MAX_FRAME = 1024 * 1024
MAX_HEADERS = 64 * 1024
PIECE = 32 * 1024
_CONTROL = 0x80000000
_STREAM = 0x7FFFFFFF
_HEAD = struct.Struct(">II")

_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status"
)
_MORE_WORDS = ("200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin")
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = (
    b"".join(struct.pack(">I", len(word)) + word.encode() for word in (*_WORDS.split(), *_MORE_WORDS))
    + _TAIL.encode()
)
"""What both sides' compressors know beforehand: section 2.6.10.1."""


class Malformed(ValueError):
    """The bytes are no SPDY."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The other side opens a stream."""

    stream: int
    headers: dict[str, str]
    is_last: bool


@dataclass(frozen=True, slots=True)
class Data:
    stream: int
    data: bytes
    is_last: bool


@dataclass(frozen=True, slots=True)
class Ping:
    number: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The other side gives a stream up."""

    stream: int


Frame: TypeAlias = Opened | Data | Ping | Reset


class Reader:
    """Frames out of bytes that come in any pieces. Frames that mean nothing here are passed over."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete; raises Malformed."""
        self._rest += data
        while len(self._rest) >= _HEAD.size:
            first, second = _HEAD.unpack_from(self._rest)
            size = second & 0xFFFFFF
            if size > MAX_FRAME:
                raise Malformed(f"a frame of {size} bytes: {MAX_FRAME} are the limit")
            if len(self._rest) < _HEAD.size + size:
                return
            body = bytes(self._rest[_HEAD.size : _HEAD.size + size])
            del self._rest[: _HEAD.size + size]
            frame = self._frame(first, second >> 24, body)
            if frame is not None:
                yield frame

    def _frame(self, first: int, flags: int, body: bytes) -> Frame | None:
        if not first & _CONTROL:
            return Data(first, body, bool(flags & FIN))
        version, kind = first >> 16 & 0x7FFF, first & 0xFFFF
        if version != VERSION:
            raise Malformed(f"SPDY version {version}: only {VERSION} is spoken")
        if kind == SYN_STREAM:
            if len(body) < 10:
                raise Malformed("a SYN_STREAM frame that is too short")
            return Opened(_number(body) & _STREAM, self._headers(body[10:]), bool(flags & FIN))
        if kind == PING:
            return Ping(_number(body))
        if kind == RST_STREAM:
            return Reset(_number(body) & _STREAM)
        return None

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            text = self._inflate.decompress(block, MAX_HEADERS)
        except zlib.error as error:
            raise Malformed(f"a header block cannot be decompressed: {error}") from error
        if self._inflate.unconsumed_tail:
            raise Malformed(f"a header block of more than {MAX_HEADERS} bytes")
        strings, at = [], 4
        for _ in range(2 * _number(text)):
            size = _number(text[at : at + 4])
            if at + 4 + size > len(text):
                raise Malformed("a header block that is too short")
            strings.append(text[at + 4 : at + 4 + size].decode(errors="replace"))
            at += 4 + size
        return dict(zip(strings[::2], strings[1::2], strict=True))


class Writer:
    """Frames as bytes."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def open(self, stream: int, headers: Mapping[str, str]) -> bytes:
        """Open a stream."""
        return _control(SYN_STREAM, struct.pack(">IIH", stream, 0, 0) + self._block(headers))

    def reply(self, stream: int) -> bytes:
        """Accept a stream, with no headers."""
        return _control(SYN_REPLY, struct.pack(">I", stream) + self._block({}))

    def data(self, stream: int, data: bytes, *, is_last: bool = False) -> bytes:
        """Data in frames that clients expect; `is_last` says that this side is done with the stream."""
        pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)] or [b""]
        flags = [0] * (len(pieces) - 1) + [FIN if is_last else 0]
        return b"".join(
            _HEAD.pack(stream, flag << 24 | len(piece)) + piece
            for piece, flag in zip(pieces, flags, strict=True)
        )

    def reset(self, stream: int, why: int = CANCEL) -> bytes:
        """Give a stream up."""
        return _control(RST_STREAM, struct.pack(">II", stream, why))

    def ping(self, number: int) -> bytes:
        return _control(PING, struct.pack(">I", number))

    def goodbye(self, last: int) -> bytes:
        return _control(GOAWAY, struct.pack(">II", last, 0))

    def _block(self, headers: Mapping[str, str]) -> bytes:
        words = [word.encode() for pair in headers.items() for word in pair]
        text = struct.pack(">I", len(headers))
        text += b"".join(struct.pack(">I", len(word)) + word for word in words)
        return self._deflate.compress(text) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


def _control(kind: int, body: bytes) -> bytes:
    return _HEAD.pack(_CONTROL | VERSION << 16 | kind, len(body)) + body


def _number(data: bytes) -> int:
    if len(data) < 4:
        raise Malformed("a frame that is too short")
    return int.from_bytes(data[:4], "big")
