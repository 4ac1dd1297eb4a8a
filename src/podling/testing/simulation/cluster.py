"""A whole control plane in this process, in memory: the real API server, scheduler and controllers, over simulated nodes.

    async with SimulatedCluster(seed=7) as cluster:
        await cluster.client.resource(apps_v1.Deployment).create(...)
        await cluster.quiet(seconds=120)

Run it on a `virtualtime` loop. All chance comes from the seed, so the same seed gives the same bytes. The controllers are a process that
`crash`es and is started anew; between it and the API server is the weather (`faults`).
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from random import Random
from types import TracebackType
from typing import Any, NoReturn, Self

from podling.aio.clock import LoopClock
from podling.aio.service import Service
from podling.aio.tasks import Tasks
from podling.api.kinds import Kind
from podling.apiserver.config import Config
from podling.apiserver.request import UserInfo
from podling.apiserver.server import ApiServer
from podling.client.client import Client
from podling.client.events import EventRecorder
from podling.client.informers import Informers
from podling.client.transport import Transport
from podling.cluster import users
from podling.cluster.inprocess import InProcessTransport
from podling.controllers.loop import Build, Controllers
from podling.controllers.reconcile import Context
from podling.controllers.registry import CONTROLLERS
from podling.controllers.settings import ControllerSettings
from podling.scheduler import Scheduler
from podling.store.memory import MemoryStore

from .chronicle import Chronicle
from .faults import FaultyTransport, Mortal, Weather
from .nodes import Course, Director, SimulatedNodes

EPOCH = 1_700_000_000.0
ADMIN = UserInfo("admin", groups=("system:masters", "system:authenticated"))
RESTART_SECONDS = 1.0


class NoNodes:
    """Nobody can be called on simulated nodes."""

    async def connect(self, node_name: str) -> NoReturn:
        raise ConnectionRefusedError(f"cannot call node {node_name}: it is simulated")

    async def read(self, node_name: str, path: str) -> NoReturn:
        raise ConnectionRefusedError(f"cannot call node {node_name}: it is simulated")


class SimulatedCluster:
    """See the module. Without `beats` nodes renew no Leases, which spares time where no controller looks at them. `client` is an administrator's and `chronicle` the whole truth, whatever the weather."""

    def __init__(
        self,
        seed: object,
        *,
        nodes: Sequence[str] = ("node-1", "node-2", "node-3"),
        rows: Mapping[str, Build] = CONTROLLERS,
        direct: Director = lambda pod: Course(),
        beats: bool = True,
        guard: bool = False,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.clock = LoopClock(EPOCH)
        self.weather = Weather(Random(f"{seed}/weather"), tell)
        self.crashes = 0
        self._seed = seed
        self._rows = rows
        self._node_names = nodes
        self._direct = direct
        self._beats = beats
        self._guard = guard
        self._tell = tell
        self._stack = AsyncExitStack()
        self._tasks = Tasks("simulation")
        self._process: _Process | None = None
        self._chores: list[asyncio.Task[None]] = []
        self._closing = False

    async def __aenter__(self) -> Self:
        store = MemoryStore()
        await store.start()
        self._stack.push_async_callback(store.close)
        self.chronicle = Chronicle(store)
        await self._stack.enter_async_context(self._tasks)
        self._tasks.start(self.chronicle.run(), name="chronicle")
        self.server = ApiServer(
            Config(), store=store, clock=self.clock, random=self.chance("server"), dial=NoNodes()
        )
        await self.server.start()
        self._stack.push_async_callback(self.server.close)
        self.client = self.client_of(ADMIN)
        seen = Informers(self.client, random=self.chance("seen"))
        await self._run(seen)
        self.nodes = SimulatedNodes(
            self._node_names,
            client_of=lambda name: self.client_of(users.node(name)),
            informers=seen,
            clock=self.clock,
            direct=self._direct,
            beats=self._beats,
        )
        await self._run(self.nodes)
        await self._start_scheduler()
        await self._start_controllers()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self.crash()
        for chore in self._chores:
            await chore
        await self._stack.aclose()

    def chance(self, name: str) -> Random:
        """A source of chance of its own, so that one part drawing more does not change the others' luck."""
        return Random(f"{self._seed}/{name}")

    def client_of(
        self, user: UserInfo, through: Callable[[Transport], Transport] = lambda line: line
    ) -> Client:
        name = user.name.rpartition(":")[2]
        return Client(
            through(InProcessTransport(self.server, user)),
            user_agent=f"podling/{name}",
            field_manager=name,
        )

    async def _start_controllers(self) -> None:
        """A new process of controllers, with nothing but what the API tells it."""
        number = self.crashes
        process = _Process(self, Mortal(self._died), self.chance(f"controllers {number}"))
        self._process = process
        await process.start()

    def crash(self) -> None:
        """Kill the controllers: nothing more of them reaches the API. RESTART_SECONDS later they are started anew."""
        if self._process is not None:
            self._process.mortal.die()

    async def until(self, condition: Callable[[], Any], *, seconds: float = 3600) -> Any:
        """Wait until `condition()` is true, which is asked after every change."""
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                self.chronicle.changed.clear()
                await self.chronicle.changed.wait()
        return found

    async def quiet(self, *, seconds: float, at_most: float) -> bool:
        """Wait until nothing has changed for so many seconds; False if that is not so `at_most` seconds from now."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while (due := max(begun, self.chronicle.changed_at) + seconds) > loop.time():
            if due > begun + at_most:
                return False
            await asyncio.sleep(due - loop.time())
        return True

    def all(self, kind: Kind) -> list[Any]:
        """What there is of a kind, by name."""
        found = self.chronicle.objects((kind,))[kind]
        return sorted(found, key=lambda obj: (obj.metadata.namespace or "", obj.metadata.name))

    def _died(self) -> None:
        """Clear the dead process away, and start another a little later."""
        process, self._process = self._process, None
        assert process is not None
        self.crashes += 1
        self._tell(f"the controllers die ({self.crashes})")
        self._chores.append(asyncio.create_task(process.end(), name="end of the controllers"))
        if not self._closing:
            self._chores.append(asyncio.create_task(self._start_anew(), name="controllers anew"))

    async def _start_anew(self) -> None:
        await asyncio.sleep(RESTART_SECONDS)
        await self._start_controllers()

    async def _run(self, part: Service) -> None:
        await part.start()
        self._stack.push_async_callback(functools.partial(part.stop, drain_seconds=0))

    async def _start_scheduler(self) -> None:
        client = self.client_of(users.SCHEDULER)
        informers = Informers(client, random=self.chance("scheduler's informers"))
        await self._run(informers)
        events = EventRecorder(client, component="default-scheduler", clock=self.clock)
        await self._run(events)
        await self._run(Scheduler(client, informers, events, chance=self.chance("scheduler")))


class _Process:
    """The controllers with all that is theirs alone."""

    def __init__(self, cluster: SimulatedCluster, mortal: Mortal, chance: Random) -> None:
        self.mortal = mortal

        def client_of(user: UserInfo) -> Client:
            return cluster.client_of(user, lambda line: FaultyTransport(line, cluster.weather, mortal))

        self.informers = Informers(client_of(users.CONTROLLERS), random=chance, guard=cluster._guard)
        context = Context(
            clients=functools.cache(lambda name: client_of(users.controller(name))),
            informers=self.informers,
            clock=cluster.clock,
            random=chance,
            settings=ControllerSettings(root_ca="CA"),
        )
        self.controllers = Controllers(context, cluster._rows)
        self._starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.informers.start()
        self._starting = asyncio.create_task(self.controllers.start(), name="start of the controllers")

    async def end(self) -> None:
        """What is left of a process that died: its tasks, none of which gets anything through any more."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting])
        for service in self.controllers.services:
            await service.stop(drain_seconds=0)
        await self.controllers.stop(drain_seconds=0)
        await self.informers.stop(drain_seconds=0)
