"""The part of the pipeline that keeps the audit log: one `Trail` for each request of which anything is to be told.

trail = auditor.begin(request)      who asks is known      RequestReceived
trail.started(code)                 a stream begins        ResponseStarted
trail.complete(code, body)          the answer is whole    ResponseComplete
trail.panic()                       nobody foresaw that    Panic
"""

from __future__ import annotations

import gzip
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from podling.aio.clock import Clock
from podling.aio.metrics import text
from podling.api import errors, times
from podling.apiserver import negotiate
from podling.apiserver.body import BODIES, as_json
from podling.apiserver.metrics import families as named
from podling.apiserver.request import Request, UserInfo

from . import event
from .log import RotatedLog, Rotation
from .policy import COMPLETE, PANIC, RECEIVED, STARTED, Extent, Policy, extent

GZIPPED = b"\x1f\x8b"

log = logging.getLogger(__name__)


class Auditor:
    """Writes what `policy` asks for."""

    def __init__(self, policy: Policy, path: Path, rotation: Rotation, clock: Clock) -> None:
        self._policy = policy
        self._log = RotatedLog(path, rotation)
        self._clock = clock
        self._events = self._errors = 0
        self._levels: Counter[tuple[str, ...]] = Counter()
        self._is_failing = False

    def begin(self, request: Request) -> Trail | None:
        """The trail of a request, begun; None if nothing is to be told of it."""
        found = extent(self._policy, request.user, request.info)
        self._levels[(found.level,)] += 1
        return Trail(self, request, found) if found.level != "None" else None

    def now(self) -> float:
        return self._clock.now()

    def write(self, document: event.Document) -> None:
        """One event; a log that cannot be written is told of once, and counted."""
        self._events += 1
        try:
            self._log.write(msgspec.json.encode(document) + b"\n", now=self._clock.now())
        except OSError as error:
            self._errors += 1
            if not self._is_failing:
                log.error("the audit log cannot be written: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False

    def close(self) -> None:
        self._log.close()

    def lines(self) -> Iterator[str]:
        """For `/metrics`."""
        yield from text(named.AUDIT_EVENTS, [((), self._events)])
        yield from text(named.AUDIT_ERRORS, [(("log",), self._errors)] if self._errors else [])
        yield from text(named.AUDIT_LEVELS, list(self._levels.items()))


class Trail:
    """What is told of one request."""

    def __init__(self, auditor: Auditor, request: Request, told: Extent) -> None:
        self._auditor, self._request, self._told = auditor, request, told
        self._document = event.begun(request, told.level, received=auditor.now())
        self._annotations: dict[str, str] = {}
        self._has_ended = False
        self._say(RECEIVED)

    def impersonates(self, user: UserInfo) -> None:
        """The request is served as if somebody else had made it."""
        self._document["impersonatedUser"] = event.user_of(user)

    def decided(self, allowed: bool, reason: str) -> None:
        """Whether the sender may."""
        self._annotations["authorization.k8s.io/decision"] = "allow" if allowed else "forbid"
        self._annotations["authorization.k8s.io/reason"] = reason

    def started(self, code: int) -> None:
        """A stream begins."""
        self._say(STARTED, code=code)

    def complete(self, code: int, body: bytes = b"") -> None:
        """It is over; safe to repeat, as a stream that breaks ends twice."""
        if not self._has_ended:
            self._has_ended = True
            self._say(COMPLETE, code=code, body=body)

    def panic(self) -> None:
        self._say(PANIC, code=500)

    def _say(self, stage: str, *, code: int = 0, body: bytes = b"") -> None:
        if stage in self._told.omitted:
            return
        document = {
            **self._document,
            "stage": stage,
            "stageTimestamp": times.rfc3339_micro(self._auditor.now()),
        }
        if stage != RECEIVED:
            self._tell_object(document)
        if code:
            answer = self._answer(body) if code >= 400 or self._told.says_response else None
            document["responseStatus"] = event.status_of(code, answer)
            if self._told.says_response:
                self._put(document, "responseObject", answer)
        if self._annotations:
            document["annotations"] = self._annotations
        self._auditor.write(document)

    def _tell_object(self, document: event.Document) -> None:
        """What the request is about: its object where that is to be told, and the name of what it makes."""
        makes = self._request.info.verb == "create" and not self._request.info.name
        if not (self._told.says_request or makes):
            return
        found = self._request_object()
        if makes and isinstance(found, dict):
            document["objectRef"] = event.named(document.get("objectRef", {}), found)
        if self._told.says_request:
            self._put(document, "requestObject", found)

    def _request_object(self) -> Any | None:
        request = self._request
        if not request.body:
            return None
        try:
            data = as_json(request.body, negotiate.body_type(request.headers, BODIES))
        except errors.ApiError:
            data = request.body  # a patch, or nothing that we read
        return event.object_of(data, without_managed_fields=self._told.without_managed_fields)

    def _answer(self, body: bytes) -> Any | None:
        data = gzip.decompress(body) if body.startswith(GZIPPED) else body
        return event.object_of(data, without_managed_fields=self._told.without_managed_fields)

    @staticmethod
    def _put(document: event.Document, name: str, value: Any | None) -> None:
        if value is not None:
            document[name] = value
