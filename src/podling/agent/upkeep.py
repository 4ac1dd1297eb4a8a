"""Keeps the content of one Pod's volumes up to date: after changes of what they are filled from, and when tokens are due."""

from __future__ import annotations

import asyncio

from podling.aio.backoff import Backoff, Streak
from podling.aio.tasks import Tasks

from .errors import VolumeFaults
from .kit import Kit
from .podmemory import Memory

_AGAIN = Backoff(first=2.0, cap=120.0)
_MIN_TOKEN_SECONDS = 10.0


class Upkeep:
    """Nothing happens before the volumes are mounted, nor after `stop`."""

    def __init__(self, kit: Kit, memory: Memory, *, tasks: Tasks) -> None:
        self._kit = kit
        self._memory = memory
        self._tasks = tasks
        self._streak = Streak(_AGAIN)
        self._again = False
        self._stopped = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def refresh(self) -> None:
        """Something may have changed."""
        if self._stopped or not self._memory.volumes_ready:
            return
        if self._task is not None:
            self._again = True
            return
        self._task = self._tasks.start(self._refresh(), name="refresh volumes")

    def schedule(self) -> None:
        """Volumes have just been mounted: see when the first token is due."""
        self._set_timer(self._due())

    def stop(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    async def _refresh(self) -> None:
        delay: float | None = None
        try:
            self._again = True
            while self._again:
                self._again = False
                delay = await self._try()
        finally:
            self._task = None
        self._set_timer(delay)

    async def _try(self) -> float | None:
        """Bring all up to date that can be; returns after how many seconds to look again."""
        try:
            await self._kit.volumes.refresh(self._memory.pod)
        except VolumeFaults as failed:
            for fault in failed.faults.values():
                self._kit.tell(self._memory.pod, "Warning", fault.event, str(fault))
            return self._streak.fail(asyncio.get_running_loop().time())
        self._streak.reset()
        return self._due()

    def _due(self) -> float | None:
        """Seconds until the first token or certificate is to be renewed."""
        at = self._kit.volumes.renew_at(self._memory.uid)
        return None if at is None else max(_MIN_TOKEN_SECONDS, at - self._kit.clock.now())

    def _set_timer(self, delay: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if delay is not None and not self._stopped:
            self._timer = asyncio.get_running_loop().call_later(delay, self.refresh)
