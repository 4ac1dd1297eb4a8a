"""Background tasks with a parent and a name, whose exceptions cannot get lost.

`asyncio.TaskGroup` serves work that has an end: use it there. This module serves work that lasts as long as
its owner: `Tasks` holds the children of one owner, hands the exception of a failed child to the owner at
once (not when somebody happens to look), and ends all children when closed. `supervise` keeps one piece of
work going through failures, with a backoff. What a failure means is left to the owner's `on_failure`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, Self, TypeVar

from .backoff import Backoff, Streak

log = logging.getLogger(__name__)

T = TypeVar("T")
OnFailure = Callable[[str, BaseException], None]
"""Called with the name of the failed task and its exception, from the event loop, exactly once a failure."""


class TasksClosed(RuntimeError):
    """A child was to be started after its parent had been closed."""


@dataclass(frozen=True, slots=True)
class TasksStatistics:
    running: tuple[str, ...]
    started: int
    failed: int


def log_failure(name: str, error: BaseException) -> None:
    """The `on_failure` of owners that live on without the child: one log line with the traceback."""
    log.error("task %s failed: %s", name, error, exc_info=error)


class Tasks:
    """The children of one owner.

    A child that returns or is cancelled just leaves. A child that raises is reported to `on_failure`
    (unless started with `watched=False`, for a caller that awaits the task itself). `close()` cancels what
    is left and waits for it. Also an async context manager that closes on leaving.
    """

    def __init__(self, name: str, *, on_failure: OnFailure = log_failure) -> None:
        self.name = name
        self._on_failure = on_failure
        self._children: dict[asyncio.Task[Any], None] = {}  # a dict keeps the order of starting
        self._closed = False
        self._started = 0
        self._failed = 0

    def start(self, work: Coroutine[Any, Any, T], *, name: str, watched: bool = True) -> asyncio.Task[T]:
        """Run `work` as the child `<owner>/<name>`. Raises TasksClosed after `close()`."""
        if self._closed:
            work.close()
            raise TasksClosed(f"cannot start task {name}: {self.name} is closed")
        task = asyncio.get_running_loop().create_task(work, name=f"{self.name}/{name}")
        self._children[task] = None
        self._started += 1
        task.add_done_callback(self._ended if watched else self._left)
        return task

    async def close(self) -> None:
        """Cancel all children, latest first, and wait until each has ended. Safe to repeat."""
        self._closed = True
        me = asyncio.current_task()
        while children := [task for task in reversed(self._children) if task is not me]:
            for task in children:
                task.cancel()
            await asyncio.wait(children)

    def statistics(self) -> TasksStatistics:
        return TasksStatistics(
            running=tuple(task.get_name() for task in self._children),
            started=self._started,
            failed=self._failed,
        )

    def __len__(self) -> int:
        return len(self._children)

    def __repr__(self) -> str:
        return f"<Tasks {self.name} running={len(self._children)}{' closed' if self._closed else ''}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _left(self, task: asyncio.Task[Any]) -> None:
        self._children.pop(task, None)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._children.pop(task, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._failed += 1
            self._on_failure(task.get_name(), error)


async def supervise(
    work: Callable[[], Awaitable[None]], *, name: str, backoff: Backoff, random: Random | None = None
) -> None:
    """Run `work()` until it returns; when it raises, log, wait as `backoff` says and run it again.

    Set `backoff.reset_after`, so that a failure after hours of good work is retried quickly. Cancellation
    ends the supervision. Only Exceptions are survived: a BaseException (KeyboardInterrupt) is passed on.
    """
    loop = asyncio.get_running_loop()
    streak = Streak(backoff)
    while True:
        try:
            await work()
        except Exception as error:  # whatever it is, it is told and the work tried again
            delay = streak.fail(loop.time(), random)
            log.warning("%s failed, again in %.3g s: %s", name, delay, error, exc_info=error)
            await asyncio.sleep(delay)
        else:
            return


async def cancel_and_wait(task: asyncio.Task[Any]) -> None:
    """Cancel one task and wait for its end. Its exception, if it had one, is raised here; its cancellation not."""
    task.cancel()
    await asyncio.wait([task])
    with suppress(asyncio.CancelledError):
        task.result()
