"""An event loop whose time jumps to the next timer as soon as nothing else can happen.

Hours of back-off, leases and probes pass in milliseconds, and always in the same order: the time a callback
sees depends on the timers only, never on how fast the machine is. Decided here:
- time stands still while callbacks run or file descriptors are readable, and while a `run_in_executor` call is
  under way (its answer is waited for in real time, at no virtual cost);
- it jumps only when the loop would otherwise sleep, and exactly to the earliest timer;
- when there is no timer either and nothing arrives from outside for `patience` real seconds, the program hangs
  for good: `Deadlock` is raised instead.

`looptime` from PyPI was weighed: it patches pytest-asyncio's loops through a plugin of its own, lets 42 empty
rounds pass before each jump and moves its time while threads work, so runs differ; this is smaller and exact.
Real subprocesses and remote peers do not know of virtual time: test those in real time.
"""

from __future__ import annotations

import asyncio
import functools
import math
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, Unpack

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Deadlock(RuntimeError):
    """No timer, no callback and no descriptor is left that could make anything happen."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module. `patience` is the real time in seconds that outside events may take to arrive."""

    def __init__(self, *, start: float = 0.0, patience: float = 10.0) -> None:
        self._virtual_now = start
        self._calls_in_threads = 0
        self.jumps = 0
        super().__init__(_JumpingSelector(self, patience))

    def time(self) -> float:
        return self._virtual_now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._calls_in_threads += 1
        future.add_done_callback(self._thread_returned)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the threads however long it takes: `timeout` would be over at once in virtual time."""
        self._calls_in_threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._calls_in_threads -= 1

    def _thread_returned(self, future: asyncio.Future[Any]) -> None:
        self._calls_in_threads -= 1

    def _jump(self) -> None:
        # to the timer's own number: now + (when - now) would differ from it by rounding
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        self._virtual_now = max(self._virtual_now, timers[0].when())
        # what the loop adds to 'now' when it asks which timers are due: the next number, so that exactly those are
        self._clock_resolution = math.ulp(self._virtual_now)
        self.jumps += 1


class _JumpingSelector(selectors.DefaultSelector):
    """Where an event loop sleeps, this one moves its loop's time."""

    def __init__(self, loop: VirtualTimeLoop, patience: float) -> None:
        super().__init__()
        self._loop = loop
        self._patience = patience

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self._loop._calls_in_threads:
            return self._wait_for_outside()
        self._loop._jump()
        return ready

    def _wait_for_outside(self) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(self._patience)
        if not ready:
            waiting = "a thread" if self._loop._calls_in_threads else "something that never happens"
            raise Deadlock(
                f"cannot go on: after {self._patience:g} real seconds all tasks still wait for {waiting}"
            )
        return ready


def run(main: Coroutine[Any, Any, T], *, start: float = 0.0) -> T:
    """Run `main` on a fresh virtual-time loop, as `asyncio.run` does on a real one."""
    with asyncio.Runner(loop_factory=functools.partial(VirtualTimeLoop, start=start)) as runner:
        return runner.run(main)


def virtual(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Decorator: the async test runs on a loop of its own that starts at time 0.

    pytest sees a plain function, so its async fixtures would live on another loop: give such a test plain
    fixtures only, or take the loop for the whole module (`loop_factories`).
    """

    @functools.wraps(test)
    def in_virtual_time(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(test(*args, **kwargs))

    return in_virtual_time


def loop_factories(default: Callable[[], asyncio.AbstractEventLoop]) -> Mapping[str, Callable[[], Any]]:
    """For a conftest's `pytest_asyncio_loop_factories`: choose with `@pytest.mark.asyncio(loop_factories=[...])`."""
    return {"real": default, "virtual": VirtualTimeLoop}
