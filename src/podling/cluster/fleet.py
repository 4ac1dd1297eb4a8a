"""The further nodes, as the cluster's process sees them: each a host and an agent process, started, watched, ended.

    OFF ──power_on──> STARTING ──ready──> READY <──unpause── PAUSED
     ^                   ^  │ exit          │ └────pause───────^
     │                   └──┴──back-off─────┘ exit
     └──power_off── (any)

The cluster's process alone starts agents, and starts one that died again, at first at once and then ever more slowly.
An agent whose pipe ends leaves its Pods running and goes; the next ``up`` starts another that finds them.
What a host is made of is ``nodehost``'s business, what an agent does ``nodeagent``'s.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import os
import sys

from podling.aio import pipes, spawn
from podling.aio.backoff import Backoff
from podling.aio.tasks import Tasks

from . import machine, nodes
from .config import ClusterConfig
from .errors import BadConfig, ClusterError, NotRunning, StartFailed
from .layout import Layout
from .nodeagent import DOWN, GO
from .nodehost import NodeHost
from .nodes import NodePlan
from .progress import Outcome, read_report

log = logging.getLogger(__name__)

_AGAIN = Backoff(first=0.2, cap=30.0)
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
        self._process: spawn.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def power_on(self, tasks: Tasks, go: asyncio.Event) -> None:
        """Make the host and keep an agent on it, which begins when ``go`` is set."""
        self.state = State.STARTING
        self._settled = asyncio.get_running_loop().create_future()
        await asyncio.to_thread(self.host.make)
        self._keeper = tasks.start(self._keep(go), name=self.plan.name)

    async def wait_ready(self) -> None:
        """Return when the node is registered and Ready; raises ``StartFailed`` with the agent's words."""
        await asyncio.shield(self._settled)

    async def pause(self) -> None:
        if self.state is not State.READY:
            raise NotRunning(f"cannot pause node {self.plan.name}: it is {self.state.value}")
        await asyncio.to_thread(self.host.freeze, frozen=True)
        self.state = State.PAUSED

    async def unpause(self) -> None:
        if self.state is not State.PAUSED:
            raise NotRunning(f"cannot unpause node {self.plan.name}: it is {self.state.value}")
        await asyncio.to_thread(self.host.freeze, frozen=False)
        self.state = State.READY

    async def power_off(self) -> None:
        """The power fails: agent, Pods and host vanish.  Safe to repeat."""
        await self._forsake()
        await asyncio.to_thread(self.host.power_off)
        self._let_go()
        self.state = State.OFF

    async def leave(self, *, keep_pods: bool) -> None:
        """End the agent as the cluster ends; one that does not end by itself is powered off with all it has."""
        await self._forsake()
        process = self._process
        if process is None or process.returncode is not None:
            self._let_go()
            return
        await asyncio.to_thread(self.host.freeze, frozen=False)
        if not keep_pods:
            await _say(process, DOWN)
        process.close_stdin()
        try:
            await asyncio.wait_for(process.wait(), _LEAVE_SECONDS if keep_pods else _DOWN_SECONDS)
        except TimeoutError:
            log.warning("node %s does not end: powered off", self.plan.name)
            await asyncio.to_thread(self.host.power_off)
        self._let_go()
        self.state = State.OFF

    async def _forsake(self) -> None:
        """Nobody starts the agent again from now on."""
        if self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            keeper.cancel()
            await asyncio.wait([keeper])

    def _let_go(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None
        self.pid = 0

    async def _keep(self, go: asyncio.Event) -> None:
        failures = 0
        while True:
            try:
                process = await self._boot(go)
                failures = 0
                code = await process.wait()
                log.warning("the agent of node %s ended with %s; it is started again", self.plan.name, code)
            except (StartFailed, spawn.SpawnFault) as error:
                log.warning("%s", error)
                if not self._settled.done():
                    self._settled.set_exception(error)
                    self._settled.exception()  # whoever waits gets it, and nobody has to
            self.state = State.STARTING
            self._let_go()
            failures += 1
            await asyncio.sleep(_AGAIN.delay(failures))
            await asyncio.to_thread(self.host.make)

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
        if not self._settled.done():
            self._settled.set_result(None)
        return process

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


class Fleet:
    """All further nodes of one cluster.  Nothing happens where there are none."""

    def __init__(self, layout: Layout, config: ClusterConfig) -> None:
        self._first, *further = nodes.plans(config)
        self._transit = machine.transit_of(layout, config)
        self._tasks = Tasks("nodes")
        self._go = asyncio.Event()
        self.members = {
            plan.name: Member(layout, plan, NodeHost(layout, plan, transit=self._transit)) for plan in further
        }

    async def prepare(self) -> None:
        """Make the hosts and start their processes, which then wait for ``begin``: they load while others start."""
        if self.members:
            await asyncio.to_thread(self._transit.set_up)
            async with asyncio.TaskGroup() as group:
                for member in self.members.values():
                    group.create_task(member.power_on(self._tasks, self._go), name=member.plan.name)

    def begin(self) -> None:
        """The API server listens where the nodes reach it."""
        self._go.set()

    async def wait_ready(self) -> None:
        """Return when every node is Ready.  Raises ``StartFailed``."""
        for member in self.members.values():
            await member.wait_ready()

    async def stop(self, *, keep_pods: bool) -> None:
        """End all agents side by side.  Safe to repeat."""
        await asyncio.gather(*(member.leave(keep_pods=keep_pods) for member in self.members.values()))
        await self._tasks.close()

    async def power_on(self, name: str) -> None:
        """Power a stopped node on and return when it is Ready."""
        member = self._member("start", name)
        if member.state is not State.OFF:
            raise NotRunning(f"cannot start node {name}: it is {member.state.value}")
        await member.power_on(self._tasks, self._go)
        await member.wait_ready()

    async def power_off(self, name: str) -> None:
        """Cut a node's power."""
        await self._member("stop", name).power_off()

    async def pause(self, name: str) -> None:
        await self._member("pause", name).pause()

    async def unpause(self, name: str) -> None:
        await self._member("unpause", name).unpause()

    def _member(self, verb: str, name: str) -> Member:
        if name == self._first.name:
            raise BadConfig(
                f"cannot {verb} node {name}: it lives in the cluster's own process, with the API server; "
                "'podling down' stops that"
            )
        if name not in self.members:
            known = ", ".join([self._first.name, *self.members])
            raise ClusterError(f"there is no node {name!r}; the cluster's nodes are {known}")
        return self.members[name]


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
