"""One call of gRPC's health protocol, `grpc.health.v1.Health/Check`, as bytes in and bytes out (pure).

HTTP/2 itself is h2's. The two messages are a string and an enum, so they are written and read here.
(Source: gRPC's health checking protocol and its HTTP/2 mapping.)
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

PATH = "/grpc.health.v1.Health/Check"
STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
OK, UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, UNAVAILABLE = 0, 2, 4, 12, 14
MAX_ANSWER = 64 << 10
_STREAM = 1
_PREFIX = 5
"""Bytes before a message: whether it is compressed, and its length."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the call ended: gRPC's status ``code`` with its ``message``; of a call that is OK, the ``status`` told."""

    code: int
    message: str = ""
    status: str = ""


class Call:
    """Send ``begin()``, then what ``feed`` returns for every piece received, until ``verdict`` is there."""

    def __init__(self, authority: str, service: str, *, scheme: str, user_agent: str) -> None:
        self._http = H2Connection(H2Configuration(client_side=True))
        self._headers = [
            (":method", "POST"),
            (":scheme", scheme),
            (":path", PATH),
            (":authority", authority),
            ("content-type", "application/grpc"),
            ("user-agent", user_agent),
            ("te", "trailers"),
        ]
        self._request = _framed(_string_field(1, service.encode()))
        self._told: dict[str, str] = {}
        self._answer = b""
        self.verdict: Verdict | None = None

    def begin(self) -> bytes:
        """The whole request."""
        self._http.initiate_connection()
        self._http.send_headers(_STREAM, self._headers)
        self._http.send_data(_STREAM, self._request, end_stream=True)
        return self._http.data_to_send()

    def feed(self, data: bytes) -> bytes:
        """Take what came; empty = the server has closed the connection. Returns what is to be sent."""
        if not data:
            self._close("the server closed the connection")
            return b""
        try:
            self._take(self._http.receive_data(data))
        except ProtocolError as error:
            self._close(f"the server does not speak HTTP/2: {error}")
        return self._http.data_to_send()

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, ResponseReceived | TrailersReceived):
                self._told |= {_text(name): _text(value) for name, value in event.headers}
            elif isinstance(event, DataReceived):
                self._answer += event.data[: MAX_ANSWER - len(self._answer)]
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                self.verdict = _judge(self._told, self._answer)
            elif isinstance(event, StreamReset):
                self._close(f"stream terminated by RST_STREAM with error code: {_name(event.error_code)}")
            elif isinstance(event, ConnectionTerminated):
                self._close(f"the server ended the connection with error code: {_name(event.error_code)}")

    def _close(self, why: str) -> None:
        if self.verdict is None:
            self.verdict = Verdict(UNAVAILABLE, why)


def _judge(headers: dict[str, str], answer: bytes) -> Verdict:
    if "grpc-status" not in headers:
        return Verdict(UNKNOWN, f"unexpected HTTP status code received from server: {headers.get(':status')}")
    code = headers["grpc-status"]
    if code != "0":
        number = int(code) if code.isdecimal() else UNKNOWN
        return Verdict(number, urllib.parse.unquote(headers.get("grpc-message", "")))
    return Verdict(OK, status=_status(answer[_PREFIX:]))


def _status(message: bytes) -> str:
    """Field 1 of a HealthCheckResponse; absent = 0."""
    number = message[1] if len(message) >= 2 and message[0] == 1 << 3 else 0
    return STATUSES[number] if number < len(STATUSES) else str(number)


def _framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(_PREFIX - 1, "big") + message


def _string_field(number: int, text: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(text)) + text if text else b""


def _varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _name(code: int | None) -> str:
    names = {known.value: known.name for known in ErrorCodes}
    return names.get(code or 0, str(code))


def _text(header: bytes | str) -> str:
    return header.decode(errors="replace") if isinstance(header, bytes) else header
