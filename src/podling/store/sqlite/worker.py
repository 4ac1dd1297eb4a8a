"""The thread that owns the database connection.

It runs one job after the other, in the order given, and brings each outcome back to the event loop. SQLite
releases the interpreter lock once for every statement and must win it back afterwards, which under a busy loop
takes milliseconds: jobs therefore use few statements, each doing much.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
Done = Callable[[Any, BaseException | None], None]
"""Called on the event loop with the job's result, or None and its exception."""


class Worker:
    """See the module."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Done] | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        # a daemon, so that a process that ends without closing the store ends; what was acknowledged is on disk
        self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], Any], done: Done) -> None:
        """Run `job` on the thread and then `done` on the loop."""
        self._jobs.put((job, done))

    async def call(self, job: Callable[[], T]) -> T:
        """Run `job` on the thread; its result or exception. A cancelled caller leaves the job running."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.submit(job, done)
        return await future

    async def stop(self) -> None:
        """Let the jobs given so far run and end the thread."""
        if self._thread is not None:
            self._jobs.put(None)
            thread, self._thread = self._thread, None
            await asyncio.get_running_loop().run_in_executor(None, thread.join)

    def _work(self) -> None:
        loop = self._loop
        if loop is None:
            raise AssertionError("the worker runs before start()")
        while (item := self._jobs.get()) is not None:
            job, done = item
            result: Any = None
            failure: BaseException | None = None
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the one who gave the job
                failure = error
            try:
                loop.call_soon_threadsafe(done, result, failure)
            except RuntimeError:
                return  # the loop was closed without closing the store: nobody is left to be told
            del item, job, done, result, failure  # an idle thread must not keep the last job's bytes alive
