"""Parts with a life: started until ready, stopped in reverse order, drained with a deadline.

    NEW --start--> STARTING --ready--> READY --stop--> STOPPING --> STOPPED
                      |                  |                            ^
                      +----- error ----> FAILED --------stop----------+

`Service` is what a part derives from: it fills in `_start`, `_drain` and `_close` and gets states, readiness,
child tasks and failure reporting. `Services` starts several in order and stops them in reverse order. What a
service does and which ones there are is left to the programs and to `podling.cluster`.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from .tasks import Tasks

log = logging.getLogger(__name__)


class State(enum.Enum):
    NEW = "new"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


_MOVES: dict[State, tuple[State, ...]] = {
    State.NEW: (State.STARTING, State.STOPPED),
    State.STARTING: (State.READY, State.FAILED),
    State.READY: (State.STOPPING, State.FAILED),
    State.STOPPING: (State.STOPPED,),
    State.FAILED: (State.STOPPING,),
    State.STOPPED: (),
}


# Errors:  ServiceError +- IllegalMove    a method was called in a state that does not allow it
#                       +- ServiceFailed  the service, or a child task of it, broke; the cause is chained
#                       +- StartTimeout   it was not ready within its deadline
class ServiceError(Exception):
    """Something is wrong with the life of a service."""


class IllegalMove(ServiceError):
    """A method was called in a state that does not allow it."""


class ServiceFailed(ServiceError):
    """The service, or one of its child tasks, broke. `__cause__` is the reason."""


class StartTimeout(ServiceError):
    """The service was not ready within its deadline."""


class Service:
    """One named part. Derive from it and override `_start`, and where needed `_drain` and `_close`.

    Contract for the hooks, each called at most once and never at the same time as another:
    - `_start()` returns when the part is ready to serve; background work goes to `self.tasks`;
    - `_drain()` ends what others may still wait for; it may be cut off by the deadline of `stop()`;
    - `_close()` gives everything back; it runs in every case, after the child tasks have ended, also after a
      failed or cancelled `_start`, so it must cope with a half-started part.
    A child task that raises makes the service FAILED; `wait_stopped()` tells.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = State.NEW
        self.failure: BaseException | None = None
        self.tasks = Tasks(name, on_failure=self._child_failed)
        self._settled = asyncio.Event()  # ready, or never to be
        self._over = asyncio.Event()
        self._stopping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start and return when ready. On an error everything is given back and the error raised."""
        self._move(State.STARTING)
        try:
            await self._start()
            if self.failure is not None:
                raise ServiceFailed(f"cannot start {self.name}: {self.failure}") from self.failure
        except BaseException as error:
            self.failure = self.failure or error
            if self.state is State.STARTING:
                self._move(State.FAILED)
            await self.stop(drain_seconds=0)
            raise
        self._move(State.READY)
        self._settled.set()

    async def stop(self, *, drain_seconds: float = 10.0) -> None:
        """Drain for at most `drain_seconds`, end the child tasks, close. Safe to repeat and from any state.

        Several callers wait for the one stop. Cancelling a caller does not cancel the stop.
        """
        if self.state is State.NEW:
            self._move(State.STOPPED)
            self._end()
        if self.state is State.STARTING:
            raise IllegalMove(f"cannot stop {self.name}: it is starting; cancel its start() instead")
        if self._stopping is None and self.state is not State.STOPPED:
            # not a child: the children are what it ends
            self._stopping = asyncio.get_running_loop().create_task(
                self._stop(drain_seconds), name=f"{self.name}/stop"
            )
        if self._stopping is not None:
            await asyncio.shield(self._stopping)

    async def wait_ready(self) -> None:
        """Wait until the service is ready. Raises ServiceFailed if it broke or stopped before that."""
        await self._settled.wait()
        if self.state is not State.READY:
            raise ServiceFailed(f"cannot wait for {self.name}: it is {self.state.value}") from self.failure

    async def wait_stopped(self) -> None:
        """Wait until the service has stopped or failed. Raises ServiceFailed in the latter case."""
        await self._over.wait()
        if self.failure is not None:
            raise ServiceFailed(f"{self.name} failed: {self.failure}") from self.failure

    async def _start(self) -> None:
        """Become ready."""

    async def _drain(self) -> None:
        """Finish what is under way."""

    async def _close(self) -> None:
        """Give everything back."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.state.value} tasks={len(self.tasks)}>"

    def _move(self, to: State) -> None:
        if to not in _MOVES[self.state]:
            raise IllegalMove(f"cannot make {self.name} {to.value}: it is {self.state.value}")
        self.state = to

    def _child_failed(self, name: str, error: BaseException) -> None:
        log.error("%s failed: %s", name, error, exc_info=error)
        self.failure = self.failure or error
        if self.state is State.READY:
            self._move(State.FAILED)
            self._end()

    async def _stop(self, drain_seconds: float) -> None:
        drain = self.state is State.READY
        self._move(State.STOPPING)
        try:
            if drain:
                await self._drain_within(drain_seconds)
        finally:
            await self.tasks.close()
            try:
                await self._close()
            finally:
                self._move(State.STOPPED)
                self._end()

    def _end(self) -> None:
        self._over.set()
        self._settled.set()

    async def _drain_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._drain()
        except TimeoutError:
            log.warning("%s did not drain within %g s", self.name, seconds)


class Services(Service):
    """Several services as one: started in the given order, stopped in reverse order.

    When one fails to start, or is not ready within `start_seconds`, those before it are stopped again, in
    reverse order, and its error is raised. A failing member makes the whole FAILED.
    """

    def __init__(self, name: str, members: Iterable[Service], *, start_seconds: float = 60.0) -> None:
        super().__init__(name)
        self.members = tuple(members)
        self._start_seconds = start_seconds
        self._started: list[Service] = []

    async def _start(self) -> None:
        for member in self.members:
            try:
                async with asyncio.timeout(self._start_seconds) as limit:
                    await member.start()
            except TimeoutError as error:
                if not limit.expired():
                    raise
                raise StartTimeout(
                    f"cannot start {member.name}: not ready within {self._start_seconds:g} s"
                ) from error
            self._started.append(member)
            self.tasks.start(member.wait_stopped(), name=f"watch-{member.name}")

    async def _drain(self) -> None:
        await self._stop_members()

    async def _close(self) -> None:
        await self._stop_members()

    async def _stop_members(self) -> None:
        errors: list[Exception] = []
        while self._started:
            member = self._started[-1]
            try:
                await member.stop()
            except Exception as error:  # noqa: BLE001 - the others must be stopped too; raised together below
                errors.append(error)
            self._started.pop()
        if errors:
            raise ExceptionGroup(f"cannot stop all of {self.name}", errors)
