"""One further node, as the cluster's process sees it: a host, and the process that is its agent now.

    OFF ──power_on──> STARTING ──ready──> READY <──unpause── PAUSED
     ^                   ^  │ exit          │ └────pause───────^
     │                   └──┴──back-off─────┘ exit
     └──power_off── (any)

An agent that died is started again, at first at once and then ever more slowly; its Pods go on meanwhile.  An agent
whose pipe ends leaves its Pods running and goes; the next ``up`` starts another that finds them.  What a host is made
of is ``nodehost``'s business, what an agent does ``nodeagent``'s.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import os
import sys
from collections.abc import Callable

from podling.aio import pipes, spawn
from podling.aio.backoff import Backoff, Streak
from podling.aio.tasks import Tasks
from podling.network.errors import NetworkFault

from .errors import NotRunning, StartFailed
from .layout import Layout
from .nodeagent import DOWN, GO
from .nodehost import NodeHost
from .nodes import NodePlan
from .progress import Outcome, read_report

log = logging.getLogger(__name__)

_AGAIN = Backoff(first=0.2, cap=30.0, reset_after=60.0)
_DOWN_SECONDS = 45.0
_LEAVE_SECONDS = 10.0


class State(enum.Enum):
    OFF = "off"
    STARTING = "starting"
    READY = "ready"
    PAUSED = "paused"


class Member:
    """One further node: its host, and the process that is its agent now."""

    def __init__(self, layout: Layout, plan: NodePlan, host: NodeHost) -> None:
        self.plan = plan
        self.host = host
        self.state = State.OFF
        self.pid = 0
        self._layout = layout
        self._changing = asyncio.Lock()
        self._process: spawn.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def power_on(self, tasks: Tasks, go: asyncio.Event) -> None:
        """Make the host and keep an agent on it, which begins when ``go`` is set."""
        async with self._changing:
            if self.state is not State.OFF:
                raise NotRunning(f"cannot start node {self.plan.name}: it is {self.state.value}")
            self._settled = asyncio.get_running_loop().create_future()
            await _in_thread(self.host.make)
            self.state = State.STARTING
            self._keeper = tasks.start(self._keep(go), name=self.plan.name)

    async def wait_ready(self) -> None:
        """Return when the node is registered and Ready; raises ``StartFailed`` with the agent's words."""
        await asyncio.shield(self._settled)

    async def pause(self) -> None:
        """Every process of the node stops between two instructions: to the others it is lost."""
        async with self._changing:
            if self.state is not State.READY:
                raise NotRunning(f"cannot pause node {self.plan.name}: it is {self.state.value}")
            await _in_thread(lambda: self.host.freeze(frozen=True))
            self.state = State.PAUSED

    async def unpause(self) -> None:
        """Go on where ``pause`` stopped."""
        async with self._changing:
            if self.state is not State.PAUSED:
                raise NotRunning(f"cannot unpause node {self.plan.name}: it is {self.state.value}")
            await _in_thread(lambda: self.host.freeze(frozen=False))
            self.state = State.READY

    async def power_off(self) -> None:
        """The power fails: agent, Pods and host vanish.  Safe to repeat."""
        async with self._changing:
            await self._forsake()
            await _in_thread(self.host.power_off)
            self._let_go()
            self.state = State.OFF

    async def leave(self, *, keep_pods: bool) -> None:
        """End the agent as the cluster ends; one that does not end by itself is powered off with all it has."""
        await self._forsake()
        process = self._process
        if process is None or process.returncode is not None:
            if not keep_pods and self.state is not State.OFF:
                await _in_thread(self.host.power_off)
            self._let_go()
            return
        await _in_thread(lambda: self.host.freeze(frozen=False))
        if not keep_pods:
            await _say(process, DOWN)
        process.close_stdin()
        try:
            await asyncio.wait_for(process.wait(), _LEAVE_SECONDS if keep_pods else _DOWN_SECONDS)
        except TimeoutError:
            log.warning("node %s does not end: powered off", self.plan.name)
            await _in_thread(self.host.power_off)
        self._let_go()
        self.state = State.OFF

    async def _forsake(self) -> None:
        """Nobody starts the agent again from now on."""
        if self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            keeper.cancel()
            await asyncio.wait([keeper])
        self._settle(NotRunning(f"node {self.plan.name} was stopped before it was ready"))

    def _let_go(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None
        self.pid = 0

    async def _keep(self, go: asyncio.Event) -> None:
        streak = Streak(_AGAIN)
        while True:
            try:
                if streak.failures:
                    await _in_thread(self.host.make)
                process = await self._boot(go)
                code = await process.wait()
                log.warning("the agent of node %s ended with %s; it is started again", self.plan.name, code)
            except (StartFailed, NetworkFault, spawn.SpawnFault) as error:
                log.warning("%s", error)
                self._settle(error)
            self.state = State.STARTING
            self._let_go()
            await asyncio.sleep(streak.fail(asyncio.get_running_loop().time()))

    async def _boot(self, go: asyncio.Event) -> spawn.Process:
        """An agent that has said that it is Ready."""
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            process = self._process = await self._spawn(writer)
        finally:
            os.close(writer)
        try:
            self.pid = process.pid
            await go.wait()
            await _say(process, GO)
            outcome = await _outcome(reader)
        finally:
            os.close(reader)
        if outcome is None or outcome.error:
            why = outcome.error if outcome else f"its agent ended with {await process.wait()}"
            raise StartFailed(f"cannot start node {self.plan.name}: {why}; see {self._layout.log}")
        self.state = State.READY
        self._settle(None)
        return process

    def _settle(self, error: Exception | None) -> None:
        """How the start went, for whoever waits; nobody has to."""
        if self._settled.done():
            return
        if error is None:
            self._settled.set_result(None)
        else:
            self._settled.set_exception(error)
            self._settled.exception()

    async def _spawn(self, report: int) -> spawn.Process:
        return await spawn.spawn(
            [
                sys.executable,
                "-m",
                "podling.cluster.nodeagent",
                str(self._layout.data_dir),
                self._layout.name,
                self.plan.name,
                str(report),
            ],
            stdin=spawn.PIPE,
            pass_fds=(report,),
            new_session=True,
        )


async def _say(process: spawn.Process, word: bytes) -> None:
    """Tell the agent; one that is gone is noticed elsewhere."""
    try:
        await pipes.write(process.stdin, word)
    except BrokenPipeError:
        log.debug("agent %s does not listen any more", process.pid)


async def _outcome(reader: int) -> Outcome | None:
    """What the agent says of its start; None if it died without a word."""
    said = b""
    while chunk := await pipes.read(reader):
        said += chunk
    outcomes = [item for item in read_report(said.splitlines()) if isinstance(item, Outcome)]
    return outcomes[-1] if outcomes else None


async def _in_thread(work: Callable[[], None]) -> None:
    """Do what blocks.  A cancelled caller waits for its end, so that undoing comes after doing."""
    future = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
