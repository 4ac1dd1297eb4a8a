"""Asks nodes what they use, when somebody wants to know, and keeps what is needed to make rates of it.

An answer is at most a second old. The window that it is about is the 15 seconds before (upstream's resolution), as far as
somebody asked then; the first to ask after a silence waits half a second for the second sample. A node that does not
answer within three seconds is left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from podling.aio.clock import Clock
from podling.api.errors import ApiError

from .samples import Sample, parse

log = logging.getLogger(__name__)

FRESH_SECONDS = 1.0
"""A sample that is younger serves everybody who asks."""
LEAST_SECONDS = 0.5
"""The shortest window from which a rate is told."""
WINDOW_SECONDS = 15.0
"""The window that is aimed at."""
KEPT_SECONDS = 60.0
"""The longest window; older samples are dropped."""
APART_SECONDS = 5.0
"""Samples closer together than this are not both kept."""
ANSWER_SECONDS = 3.0
AT_ONCE = 32
"""Nodes that are asked at the same time."""


class Nodes(Protocol):
    async def read(self, node_name: str, path: str) -> str:
        """A document of a node's kubelet; raises ApiError in words for the user, and what HTTP clients raise."""


class Pair(NamedTuple):
    """The newest sample and the one that rates are made from."""

    now: Sample
    before: Sample


@dataclass(slots=True)
class Track:
    """The samples of one node, oldest first; one asks at a time."""

    samples: list[Sample] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def is_fresh(self, now: float) -> bool:
        return bool(self.samples) and now - self.samples[-1].taken < FRESH_SECONDS

    def add(self, sample: Sample) -> None:
        """Take in the newest, drop what is too old or too close to what is kept."""
        kept = [one for one in self.samples if 0 < sample.taken - one.taken <= KEPT_SECONDS]
        if len(kept) > 1 and kept[-1].taken - kept[-2].taken < APART_SECONDS:
            del kept[-1]
        self.samples = [*kept, sample]

    def pair(self) -> Pair | None:
        """None while there is no earlier sample to compare with."""
        *earlier, newest = self.samples
        usable = [one for one in earlier if newest.taken - one.taken >= LEAST_SECONDS]
        if not usable:
            return None
        return Pair(newest, min(usable, key=lambda one: abs(newest.taken - one.taken - WINDOW_SECONDS)))


class Collector:
    """``nodes`` is the way to kubelets."""

    def __init__(self, nodes: Nodes, clock: Clock) -> None:
        self._nodes = nodes
        self._clock = clock
        self._tracks: dict[str, Track] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def of(self, names: Iterable[str]) -> Mapping[str, Pair]:
        """What these nodes use now, by name; those that do not tell are missing."""
        wanted = dict.fromkeys(names)
        self._forget()
        found = await asyncio.gather(*(self._one(name) for name in wanted))
        return {name: pair for name, pair in zip(wanted, found, strict=True) if pair is not None}

    async def _one(self, name: str) -> Pair | None:
        track = self._tracks.setdefault(name, Track())
        try:
            async with self._room, track.lock:
                return await self._pair(name, track)
        except (ApiError, OSError, TimeoutError, ValueError) as error:
            log.info("node %s does not tell what it uses: %s", name, error or type(error).__name__)
            return None

    async def _pair(self, name: str, track: Track) -> Pair | None:
        if not track.is_fresh(self._clock.now()):
            track.add(await self._sample(name))
        if (pair := track.pair()) is None:
            await asyncio.sleep(LEAST_SECONDS)
            track.add(await self._sample(name))
            pair = track.pair()
        return pair

    async def _sample(self, name: str) -> Sample:
        async with asyncio.timeout(ANSWER_SECONDS):
            return parse(await self._nodes.read(name, "/metrics/resource"), now=self._clock.now())

    def _forget(self) -> None:
        """Let go of nodes about which nobody has asked for long."""
        oldest = self._clock.now() - KEPT_SECONDS
        for name, track in [*self._tracks.items()]:
            if not track.lock.locked() and (not track.samples or track.samples[-1].taken < oldest):
                del self._tracks[name]
