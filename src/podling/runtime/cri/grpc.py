"""gRPC calls over one HTTP/2 connection, as bytes in and bytes out (pure); HTTP/2 itself is h2's.

Why not grpcio: CRI needs plain calls and server streams over a unix socket.  h2 is a dependency already (for gRPC
probes); grpcio would bring threads of its own and 15 MB for what stands below.

``start`` begins a call and returns its number; what comes of it is in ``Update``s, which ``feed`` gives: messages in
order, then the end with gRPC's status.  Whatever there is to send is in ``pending``; requests larger than the peer's window wait
in here and leave as it opens.  (Source: gRPC over HTTP/2, `PROTOCOL-HTTP2.md`.)
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

OK, CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS = 0, 1, 2, 4, 5, 6
UNIMPLEMENTED, UNAVAILABLE = 12, 14
_PREFIX = 5
"""Bytes before a message: whether it is compressed, and its length."""
_WINDOW = 1 << 20


@dataclass(frozen=True, slots=True)
class Status:
    """How a call ended."""

    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """Call ``number`` got a ``message``, or its end with ``status``."""

    number: int
    message: bytes = b""
    status: Status | None = None


@dataclass(slots=True)
class _Call:
    rest: bytes
    headers: dict[str, str] = field(default_factory=dict)
    came: bytearray = field(default_factory=bytearray)


class Connection:
    """See the module's text.  ``is_over``: no call can be made any more."""

    def __init__(self, user_agent: str) -> None:
        self._http = H2Connection(H2Configuration(client_side=True))
        self._http.initiate_connection()
        self._http.increment_flow_control_window(_WINDOW * 16)
        self._calls: dict[int, _Call] = {}
        self._user_agent = user_agent
        self.is_over = False

    def pending(self) -> bytes:
        """What is to be sent now."""
        return self._http.data_to_send()

    def start(self, path: str, request: bytes, *, metadata: tuple[tuple[str, str], ...] = ()) -> int:
        """Begin a call of ``path`` with the one message ``request``."""
        number = self._http.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("user-agent", self._user_agent),
            ("te", "trailers"),
            *metadata,
        ]
        self._http.send_headers(number, headers)
        self._http.increment_flow_control_window(_WINDOW * 16, number)
        self._calls[number] = _Call(b"\0" + len(request).to_bytes(_PREFIX - 1, "big") + request)
        self._send(number)
        return number

    def cancel(self, number: int) -> None:
        """Give a call up; nothing comes of it any more."""
        if self._calls.pop(number, None) is not None and not self.is_over:
            self._http.reset_stream(number, ErrorCodes.CANCEL)

    def feed(self, data: bytes) -> list[Update]:
        """Take what came; empty = the server has closed the connection."""
        if not data:
            return list(self._close("the server closed the connection"))
        try:
            events = self._http.receive_data(data)
        except ProtocolError as error:
            return list(self._close(f"the server does not speak HTTP/2: {error}"))
        return [update for event in events for update in self._take(event)]

    def _take(self, event: Event) -> Iterator[Update]:
        if isinstance(event, WindowUpdated | RemoteSettingsChanged):
            for number in list(self._calls):
                self._send(number)
        elif isinstance(event, ConnectionTerminated):
            yield from self._close(f"the server ended the connection ({_name(event.error_code)})")
        elif isinstance(event, DataReceived):
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id in self._calls:
                yield from self._messages(event.stream_id, event.data)
        elif isinstance(event, ResponseReceived | TrailersReceived) and event.stream_id in self._calls:
            told = {_text(name): _text(value) for name, value in event.headers}
            self._calls[event.stream_id].headers |= told
        elif isinstance(event, StreamReset):
            yield from self._end(event.stream_id, Status(UNAVAILABLE, _name(event.error_code)))
        elif isinstance(event, StreamEnded) and event.stream_id in self._calls:
            yield from self._end(event.stream_id, _judge(self._calls[event.stream_id].headers))

    def _messages(self, number: int, data: bytes) -> Iterator[Update]:
        came = self._calls[number].came
        came += data
        while len(came) >= _PREFIX:
            size = _PREFIX + int.from_bytes(came[1:_PREFIX], "big")
            if len(came) < size:
                return
            message = bytes(came[_PREFIX:size])
            del came[:size]
            yield Update(number, message)

    def _end(self, number: int, status: Status) -> Iterator[Update]:
        if self._calls.pop(number, None) is not None:
            yield Update(number, status=status)

    def _close(self, why: str) -> Iterator[Update]:
        self.is_over = True
        for number in list(self._calls):
            yield from self._end(number, Status(UNAVAILABLE, why))

    def _send(self, number: int) -> None:
        """As much of the request as the peer's window takes."""
        call = self._calls[number]
        while call.rest:
            room = min(
                self._http.local_flow_control_window(number),
                self._http.max_outbound_frame_size,
                len(call.rest),
            )
            if room <= 0:
                return
            piece, call.rest = call.rest[:room], call.rest[room:]
            self._http.send_data(number, piece, end_stream=not call.rest)


def _judge(headers: dict[str, str]) -> Status:
    if "grpc-status" not in headers:
        return Status(UNKNOWN, f"unexpected HTTP status code received from server: {headers.get(':status')}")
    code = headers["grpc-status"]
    return Status(
        int(code) if code.isdecimal() else UNKNOWN, urllib.parse.unquote(headers.get("grpc-message", ""))
    )


def _name(code: int | None) -> str:
    return {known.value: known.name for known in ErrorCodes}.get(code or 0, str(code))


def _text(header: bytes | str) -> str:
    return header.decode(errors="replace") if isinstance(header, bytes) else header
