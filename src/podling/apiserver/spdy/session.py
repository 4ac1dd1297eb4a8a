"""One SPDY connection as a `request.Socket`: streams on the wire, messages of `v5.channel.k8s.io` for who serves it.

SPDY as Kubernetes uses it has no flow control of its own, so what is read but not yet received is bounded: above
`MAX_WAITING` bytes reading stops until it is fetched. A client that sees its connection end without a word on the
error stream takes the command for a success, so `close` says that it failed if nothing else was said.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from podling.aio.inflow import Inflow
from podling.aio.spdy import Wire, frames
from podling.api import codec
from podling.api.types import meta_v1

UPGRADE = "SPDY/3.1"
PROTOCOL = "v4.channel.k8s.io"
MAX_WAITING = 1024 * 1024
MAX_STREAMS = 16
_CHANNELS = {"stdin": 0, "stdout": 1, "stderr": 2, "error": 3, "resize": 4}
_STDIN, _ERROR, _RESIZE = _CHANNELS["stdin"], _CHANNELS["error"], _CHANNELS["resize"]
_OUTPUTS = (_CHANNELS["stdout"], _CHANNELS["stderr"], _ERROR)
_END_OF_STDIN = bytes((255, _STDIN))


class Session:
    """`feed_data` and `feed_eof` are for the connection, the rest is `request.Socket`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._reader = frames.Reader()
        self._writer = frames.Writer()
        self._streams: dict[int, int] = {}
        self._by_channel: dict[int, int] = {}
        self._messages: deque[bytes] = deque()
        self._answers: deque[bytes] = deque()
        self._inflow = Inflow(wire, most=MAX_WAITING)
        self._has_status = self._is_closed = False
        self._resizes = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Bytes from the client."""
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
        except frames.Malformed:
            self._inflow.end()
        self._inflow.fed()
        return False, b""

    def feed_eof(self) -> None:
        """The client has gone."""
        self._inflow.end()

    async def receive(self) -> bytes | None:
        """The next message; None when the client has gone."""
        while True:
            await self._answer()
            if self._messages:
                message = self._messages.popleft()
                self._inflow.fetched(len(message))
                return message
            if self._inflow.has_ended:
                return None
            await self._inflow.wait_change()

    async def send(self, data: bytes) -> None:
        """Send one message; waits until the client has opened its stream. Raises ConnectionError."""
        stream = await self._stream(data[0])
        self._has_status = self._has_status or data[0] == _ERROR
        await self._wire.write(self._writer.data(stream, data[1:]))

    async def close(self, code: int = 1000) -> None:
        """End every stream; safe to repeat."""
        if self._is_closed or self._inflow.has_ended:
            return
        self._is_closed = True
        with suppress(ConnectionError):
            await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        await self._answer()
        if not self._has_status and _ERROR in self._by_channel:
            why = "the session ended before the command did"
            status = meta_v1.Status(status="Failure", reason="InternalError", message=why, code=500)
            await self.send(bytes((_ERROR,)) + codec.struct_encode(status))
        for channel in _OUTPUTS:
            if channel in self._by_channel:
                last = self._writer.data(self._by_channel[channel], b"", is_last=True)
                await self._wire.write(last)
        await self._wire.write(self._writer.goodbye(max(self._streams, default=0)))

    def _take(self, frame: frames.Frame) -> None:
        match frame:
            case frames.Opened(stream, headers, is_last):
                channel = _CHANNELS.get(headers.get("streamtype", ""))
                if len(self._streams) >= MAX_STREAMS:
                    raise frames.Malformed(f"more than {MAX_STREAMS} streams")
                if channel is None:
                    raise frames.Malformed(f"a stream of the unknown type {headers.get('streamtype')!r}")
                self._streams[stream] = channel
                self._by_channel[channel] = stream
                self._owe(self._writer.reply(stream))
                if is_last and channel == _STDIN:
                    self._put(_END_OF_STDIN)
            case frames.Data(stream, data, is_last):
                self._take_data(self._streams.get(stream), data, is_last=is_last)
            case frames.Ping(number):
                self._owe(self._writer.ping(number))
            case frames.Reset(stream):
                if self._streams.get(stream) == _STDIN:
                    self._put(_END_OF_STDIN)

    def _take_data(self, channel: int | None, data: bytes, *, is_last: bool) -> None:
        if channel == _STDIN and data:
            self._put(bytes((_STDIN,)) + data)
        elif channel == _RESIZE:
            *lines, self._resizes = (self._resizes + data).split(b"\n")
            for line in filter(None, lines):
                self._put(bytes((_RESIZE,)) + line)
        if channel == _STDIN and is_last:
            self._put(_END_OF_STDIN)

    def _put(self, message: bytes) -> None:
        self._messages.append(message)
        self._inflow.came(len(message))

    def _owe(self, answer: bytes) -> None:
        self._answers.append(answer)
        self._inflow.came(len(answer))

    async def _answer(self) -> None:
        """Write what is owed: replies to streams and pings."""
        while self._answers:
            answer = self._answers.popleft()
            await self._wire.write(answer)
            self._inflow.fetched(len(answer))

    async def _stream(self, channel: int) -> int:
        while channel not in self._by_channel:
            if self._inflow.has_ended:
                raise ConnectionResetError("the client has gone")
            await self._inflow.wait_change()
        return self._by_channel[channel]
