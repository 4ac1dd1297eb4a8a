"""An agent's death at a chosen step of its work, as by SIGKILL: what it was doing is cut off and nothing is tidied up.

A step is a request that changes something: a verb of the runtime, or a write of a Pod to the API.  The agent dies as it takes
its N-th step, which either never happens or happens unheard (the answer is lost).  From then on every step of that agent waits, until
its remains are taken away with `bury`, and then fails; so nothing of it reaches the world any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from podling.client.errors import ConnectionFault
from podling.client.transport import Request, Response, Transport
from podling.runtime.interface import Runtime, RuntimeFault, Unavailable

T = TypeVar("T")

VERBS = frozenset(
    {
        "run_sandbox",
        "stop_sandbox",
        "remove_sandbox",
        "create_container",
        "start_container",
        "stop_container",
        "remove_container",
        "exec_sync",
    }
)


class Fate:
    """``steps``: with which one the agent dies, 0 = never; ``unheard``: that one still takes effect."""

    def __init__(self, steps: int = 0, *, unheard: bool = False) -> None:
        self.taken = 0
        self.last = ""
        """What the agent died of."""
        self.died = asyncio.Event()
        self._steps = steps
        self._unheard = unheard
        self._doomed = False
        self._buried = asyncio.Event()

    async def step(self, what: str, act: Callable[[], Awaitable[T]]) -> T:
        """Do ``act``, if the agent lives to see it.  Raises ``Unavailable`` or what ``act`` raises."""
        if not self._doomed:
            self.taken += 1
            if self.taken != self._steps:
                return await act()
            self._doomed, self.last = True, what
            if self._unheard:
                with suppress(RuntimeFault):
                    await act()
            self.died.set()
        await self._buried.wait()
        raise Unavailable(f"cannot {what}: the agent is dead")

    def bury(self) -> None:
        """Let what waits fail, so that the dead agent's parts can be stopped."""
        self._buried.set()

    def over_runtime(self, runtime: Runtime) -> Any:
        """The runtime as this agent reaches it."""
        return _Reached(self, runtime)

    def over_transport(self, transport: Transport) -> Transport:
        """The API server as this agent reaches it."""
        return _Sent(self, transport)


class _Reached:
    def __init__(self, fate: Fate, runtime: Runtime) -> None:
        self._fate = fate
        self._runtime = runtime

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._runtime, name)
        if name not in VERBS:
            return verb

        async def reached(*args: Any, **options: Any) -> Any:
            return await self._fate.step(name, lambda: verb(*args, **options))

        return reached


class _Sent:
    def __init__(self, fate: Fate, transport: Transport) -> None:
        self._fate = fate
        self._transport = transport

    async def send(self, request: Request) -> Response:
        if request.method == "GET" or "/pods/" not in request.path:
            return await self._transport.send(request)
        try:
            return await self._fate.step(
                f"{request.method} {request.path}", lambda: self._transport.send(request)
            )
        except Unavailable as fault:
            raise ConnectionFault(str(fault)) from fault

    async def close(self) -> None:
        await self._transport.close()
