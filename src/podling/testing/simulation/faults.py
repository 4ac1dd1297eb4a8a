"""A bad line to the API server: requests are refused, cut off or answered in vain, watches drop, and the process at this end may die.

`Weather` decides, from a seeded `Random`, what befalls a request; `FaultyTransport` lets it happen on the way to any other transport, so it fits
every client of the API; `Mortal` is the process that sends: once dead it neither sends nor hears anything. What becomes of the rest is left to
whoever runs the process.

    request ──> refused (409, 410, 429, 5xx: nothing was done)
            ──> cut     (never arrived)
            ──> lost    (done, but the answer does not come back)
            ──> fatal   (done, and the sender dies before it hears of it)
    watch   ──> drops after some messages, or is told that its place is gone (410)
"""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from random import Random

import msgspec

from podling.api.types import meta_v1
from podling.client.errors import ConnectionFault
from podling.client.transport import Request, Response, Transport

READS = {"GET", "HEAD"}
REFUSALS: Mapping[int, str] = {
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
READ_REFUSALS = (410, 429, 500, 503, 504)


class Fate(enum.Enum):
    """What befalls one request."""

    FINE = "fine"
    REFUSED = "refused"
    CUT = "cut"
    LOST = "lost"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How likely each fault is, from 0 to 1, for each request; of a watch, for each message."""

    refused: float = 0.0
    cut: float = 0.0
    lost: float = 0.0
    """Writes only: a read has no effect that could be lost."""
    fatal: float = 0.0
    """Writes only."""
    dropped: float = 0.0
    expired: float = 0.0


CALM = Rates()


class Weather:
    """Draws fates from `chance`; `tell` hears of each that is not fine. `rates` may be changed at any time."""

    def __init__(self, chance: Random, tell: Callable[[str], None] = lambda line: None) -> None:
        self.rates = CALM
        self._chance = chance
        self._tell = tell

    def fate(self, request: Request) -> Fate:
        rates, drawn = self.rates, self._chance.random()
        is_read = request.method in READS
        chances = (
            (Fate.REFUSED, rates.refused),
            (Fate.CUT, rates.cut),
            (Fate.LOST, 0.0 if is_read else rates.lost),
            (Fate.FATAL, 0.0 if is_read else rates.fatal),
        )
        for fate, chance in chances:
            if drawn < chance:
                self._tell(f"{fate.value}: {request.method} {request.path}")
                return fate
            drawn -= chance
        return Fate.FINE

    def refusal(self, request: Request) -> int:
        """The status of a refusal that this request could get."""
        codes = READ_REFUSALS if request.method in READS else tuple(REFUSALS)
        return self._chance.choice(codes)

    def ends_watch(self, request: Request) -> bytes | Exception | None:
        """What ends a watch instead of its next message: a line that says so, or a broken connection; None: nothing."""
        drawn = self._chance.random()
        if drawn < self.rates.dropped:
            self._tell(f"dropped: watch {request.path}")
            return ConnectionFault(f"cannot watch {request.path}: the connection broke")
        if drawn < self.rates.dropped + self.rates.expired:
            self._tell(f"expired: watch {request.path}")
            return b'{"type":"ERROR","object":%s}\n' % status(410)
        return None


def status(code: int) -> bytes:
    """The body of a refusal."""
    words = "the weather is bad"
    return msgspec.json.encode(
        meta_v1.Status(
            api_version="v1",
            kind="Status",
            status="Failure",
            code=code,
            reason=REFUSALS[code],
            message=words,
        )
    )


class Mortal:
    """A process: its requests pass while it lives. `on_death` is called once, the moment it dies."""

    def __init__(self, on_death: Callable[[], None] = lambda: None) -> None:
        self.alive = True
        self._on_death = on_death

    def die(self) -> None:
        if self.alive:
            self.alive = False
            self._on_death()

    async def pass_on(self) -> None:
        """Return if it lives; the dead wait for ever."""
        if not self.alive:
            await asyncio.get_running_loop().create_future()


class FaultyTransport:
    """Everything sent through it goes to `inner`, as far as the weather and the sender's life allow."""

    def __init__(self, inner: Transport, weather: Weather, sender: Mortal) -> None:
        self._inner = inner
        self._weather = weather
        self._sender = sender

    async def send(self, request: Request) -> Response:
        await self._sender.pass_on()
        fate = self._weather.fate(request)
        if fate is Fate.REFUSED:
            code = self._weather.refusal(request)
            return _Said(code, status(code))
        if fate is Fate.CUT:
            raise ConnectionFault(f"cannot {request.method} {request.path}: the connection broke")
        answer = await self._inner.send(request)
        if fate is Fate.FATAL:
            self._sender.die()
        await self._sender.pass_on()
        if fate is Fate.LOST:
            await answer.close()
            raise ConnectionFault(f"cannot {request.method} {request.path}: no answer came back")
        if ("watch", "true") in request.query and answer.status < 400:
            return _Watched(answer, request, self._weather, self._sender)
        return answer

    async def close(self) -> None:
        await self._inner.close()


@dataclass(slots=True)
class _Said:
    """A refusal that no server gave."""

    status: int
    body: bytes

    @property
    def headers(self) -> Mapping[str, str]:
        return {"content-type": "application/json", **({"retry-after": "1"} if self.status == 429 else {})}

    async def read(self) -> bytes:
        return self.body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body

    async def close(self) -> None:
        """Nothing to give back."""


class _Watched:
    """A watch that may end before each of its messages."""

    def __init__(self, answer: Response, request: Request, weather: Weather, reader: Mortal) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._answer = answer
        self._request = request
        self._weather = weather
        self._reader = reader

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        chunks = self._answer.chunks()
        for _ in itertools.count():
            chunk = await anext(chunks, None)
            await self._reader.pass_on()
            if chunk is None:
                return
            end = self._weather.ends_watch(self._request)
            if isinstance(end, Exception):
                raise end
            if end is not None:
                yield end
                return
            yield chunk

    async def close(self) -> None:
        await self._answer.close()
