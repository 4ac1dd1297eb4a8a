"""A watch that goes on over broken connections.

The server ends every watch after some minutes, networks break, servers restart: `Follow` connects again from the last revision it saw
(bookmarks keep that fresh while nothing happens), with a backoff, and its reader notices nothing. What it cannot heal it raises: 410
`Expired` (the server no longer has that revision: list again) and refusals that will not go away by themselves (403 and the like).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from random import Random
from typing import Generic, Self, TypeVar

from podling.aio.backoff import Backoff, Streak
from podling.api.errors import ApiError

from .errors import ConnectionFault
from .resource import Resource
from .wire import Batch

log = logging.getLogger(__name__)
T = TypeVar("T")

RECONNECT = Backoff(first=0.02, cap=10.0, jitter=0.5)
"""A server on this machine is back within a second; one that stays away is not hammered."""
WATCH_SECONDS = (300.0, 600.0)
"""A watch is asked to end after a random time in between (as client-go's reflector), so that a connection that died unnoticed is found out."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind: those in a namespace (None: all), with labels and fields as selected."""

    namespace: str | None = None
    label_selector: str = ""
    field_selector: str = ""


class Follow(Generic[T]):
    """An async iterator over batches of changes after `revision`, without end. Close it with `aclose()`."""

    def __init__(
        self, resource: Resource[T], selection: Selection, *, resource_version: str, random: Random
    ) -> None:
        self.resource = resource
        self.selection = selection
        self.revision = resource_version
        """The last revision seen."""
        self.reconnects = 0
        self._random = random
        self._streak = Streak(RECONNECT)
        self._batches: AsyncGenerator[Batch[T], None] | None = None

    async def next(self) -> Batch[T]:
        """What has happened since the last call, at least one event. Raises ApiError for what only the caller can heal."""
        while True:
            if self._batches is None:
                self._batches = self._connect()
            try:
                batch = await anext(self._batches, None)
            except (ConnectionFault, ApiError) as error:
                if not heals_by_itself(error):
                    raise
                await self._pause(error)
                continue
            if batch is None:
                await self._ended()
                continue
            self._streak.reset()
            self.revision = batch[-1].resource_version
            return batch

    async def aclose(self) -> None:
        batches, self._batches = self._batches, None
        if batches is not None:
            await batches.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch[T]:
        return await self.next()

    def _connect(self) -> AsyncGenerator[Batch[T], None]:
        selection = self.selection
        return self.resource.watch_batches(
            namespace=selection.namespace,
            label_selector=selection.label_selector,
            field_selector=selection.field_selector,
            resource_version=self.revision,
            timeout=self._random.uniform(*WATCH_SECONDS),
        )

    async def _ended(self) -> None:
        """The server ended the watch in good order; one that does so at once, again and again, is not asked faster and faster."""
        self._batches = None
        self.reconnects += 1
        await asyncio.sleep(self._streak.fail(asyncio.get_running_loop().time(), self._random))

    async def _pause(self, error: Exception) -> None:
        self._batches = None
        self.reconnects += 1
        delay = self._streak.fail(asyncio.get_running_loop().time(), self._random)
        log.debug("watch of %s broke off, again in %.2g s: %s", self.resource.kind.resource, delay, error)
        await asyncio.sleep(delay)


def heals_by_itself(error: Exception) -> bool:
    """Whether the same request may succeed a little later: no connection, an overloaded or restarting server."""
    if isinstance(error, ApiError):
        return error.code == 429 or error.code >= 500
    return isinstance(error, ConnectionFault)
