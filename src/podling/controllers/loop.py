"""Runs the controllers of the table: informers feed queues, workers empty them, trouble is tried again and shown.

One `ControllerLoop` for each record, all held by `Controllers`. A controller that fails, even by a bug, neither stops nor delays the others:
its error is logged, kept for `statistics()` and the key tried again with a backoff.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podling.aio.backoff import Backoff
from podling.aio.service import Service
from podling.aio.tasks import supervise
from podling.aio.workqueue import Shutdown, WorkQueue
from podling.api.errors import Conflict
from podling.client.informer import Handler

from .reconcile import Again, Context, Controller, Enqueue, Key, Terminal, Watch

log = logging.getLogger(__name__)

Build = Callable[[Context], Controller]
FEED_RETRY = Backoff(first=0.1, cap=30.0, jitter=0.5, reset_after=60.0)


@dataclass(frozen=True, slots=True)
class ControllerStatistics:
    queued: int
    delayed: int
    processing: int
    reconciled: int
    retries: int
    """How often a key was queued again with a backoff."""
    failed: int
    last_error: str
    """Of the latest failure, with its key; "" when the key has succeeded since."""
    last_error_at: float
    """Epoch seconds of it, 0 without one."""
    slowest: float
    """Seconds of the slowest reconcile."""


class ControllerLoop:
    """One controller at work."""

    def __init__(self, controller: Controller, context: Context) -> None:
        self.controller = controller
        self.queue: WorkQueue[Key] = WorkQueue(
            controller.name, backoff=controller.retry, random=context.random
        )
        self._context = context
        self._reconciled = self._failed = 0
        self._slowest = 0.0
        self._last_error: tuple[Key | None, Exception] | None = None
        self._last_error_at = 0.0

    def listen(self) -> None:
        """Let the informers feed the queue, with what they hold already and all that comes."""
        for watch in self.controller.watches:
            watch.informer(self._context.informers).add_handler(self._handler(watch))

    async def wait_synced(self) -> None:
        for watch in self.controller.watches:
            await watch.informer(self._context.informers).wait_synced()

    async def work(self) -> None:
        """One worker: until the queue is shut down."""
        while True:
            try:
                key = await self.queue.get()
            except Shutdown:
                return
            try:
                await self._reconcile(key)
            finally:
                self.queue.done(key)

    async def fed(self, feed: Callable[[Enqueue], Awaitable[None]]) -> None:
        """The controller's own source of keys, kept going through failures."""
        await supervise(
            lambda: feed(self.queue.add),
            name=f"feed of {self.controller.name}",
            backoff=FEED_RETRY,
            random=self._context.random,
        )

    def statistics(self) -> ControllerStatistics:
        queue = self.queue.statistics()
        return ControllerStatistics(
            queued=queue.queued,
            delayed=queue.delayed,
            processing=queue.processing,
            reconciled=self._reconciled,
            retries=queue.retries,
            failed=self._failed,
            last_error="{}: {}".format(*self._last_error) if self._last_error else "",
            last_error_at=self._last_error_at if self._last_error else 0.0,
            slowest=self._slowest,
        )

    def __repr__(self) -> str:
        return f"<ControllerLoop {self.controller.name} {self.queue!r}>"

    def _handler(self, watch: Watch) -> Handler[Any]:
        def updated(old: Any, new: Any) -> None:
            self._enqueue(watch, old)
            self._enqueue(watch, new)

        def one(obj: Any) -> None:
            self._enqueue(watch, obj)

        return Handler(on_add=one, on_update=updated, on_delete=one)

    def _enqueue(self, watch: Watch, obj: Any) -> None:
        try:
            for key in watch.keys(obj):
                self.queue.add(key)
        except Exception as error:  # a bug in one mapping must not stop the informer that all share
            self._remember(None, error)
            log.exception("controller %s cannot map a %s", self.controller.name, watch.kind.kind)

    async def _reconcile(self, key: Key) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            outcome = await self.controller.reconcile(key)
        except Terminal as error:
            self.queue.forget(key)
            self._remember(key, error)
            log.warning("controller %s gives up on %s: %s", self.controller.name, key, error)
        except Conflict as error:
            log.debug("controller %s was overtaken on %s: %s", self.controller.name, key, error)
            self.queue.add_rate_limited(key)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown and tried again; other keys go on
            self._remember(key, error)
            self._log_failure(key, error)
            self.queue.add_rate_limited(key)
        else:
            self._succeeded(key)
            if isinstance(outcome, Again):
                self.queue.add_after(key, outcome.after)
        finally:
            self._reconciled += 1
            self._slowest = max(self._slowest, loop.time() - started)

    def _succeeded(self, key: Key) -> None:
        self.queue.forget(key)
        if self._last_error is not None and self._last_error[0] == key:
            self._last_error = None

    def _remember(self, key: Key | None, error: Exception) -> None:
        self._failed += 1
        self._last_error = (key, error)
        self._last_error_at = self._context.clock.now()

    def _log_failure(self, key: Key, error: Exception) -> None:
        """The first failure of a key is told; the next ones only when they go on for long."""
        level = logging.WARNING if self.queue.retries(key) in (0, 8) else logging.DEBUG
        log.log(level, "controller %s failed on %s: %s", self.controller.name, key, error, exc_info=error)


class Controllers(Service):
    """All controllers of a table as one service. The informers must be started; they may still be syncing."""

    def __init__(self, context: Context, rows: Mapping[str, Build]) -> None:
        super().__init__("controllers")
        self._loops = tuple(ControllerLoop(build(context), context) for build in rows.values())
        self.services = tuple(service for loop in self._loops for service in loop.controller.services)

    def statistics(self) -> dict[str, ControllerStatistics]:
        return {loop.controller.name: loop.statistics() for loop in self._loops}

    @property
    def queues(self) -> Iterator[WorkQueue[Key]]:
        return (loop.queue for loop in self._loops)

    async def wait_idle(self) -> None:
        """Wait until nothing is queued or worked on anywhere (what is delayed does not count)."""
        while any(len(loop.queue) or loop.statistics().processing for loop in self._loops):
            for loop in self._loops:
                await loop.queue.wait_drained()

    async def _start(self) -> None:
        for service in self.services:
            await service.start()
        for loop in self._loops:
            loop.listen()
        for loop in self._loops:
            await loop.wait_synced()
        for loop in self._loops:
            for number in range(loop.controller.workers):
                self.tasks.start(loop.work(), name=f"{loop.controller.name}/{number}")
            if loop.controller.feed is not None:
                self.tasks.start(loop.fed(loop.controller.feed), name=f"{loop.controller.name}/feed")

    async def _drain(self) -> None:
        for loop in self._loops:
            loop.queue.shutdown()
        for loop in self._loops:
            await loop.queue.wait_drained()

    async def _close(self) -> None:
        for loop in self._loops:
            loop.queue.shutdown()
        for service in reversed(self.services):
            await service.stop()
