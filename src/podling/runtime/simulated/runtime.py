"""``Runtime`` over a simulated ``World``: the interface's verbs, with the world's latencies and injected faults.

It holds nothing of its own but its event subscriptions: close it and make another over the same world, and that one
finds everything, as a real runtime finds its containers after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from signal import SIGKILL, SIGTERM

from podling import __version__
from podling.aio.broadcast import Broadcast
from podling.runtime.interface import (
    Container,
    ContainerConfig,
    ContainerEvent,
    ContainerState,
    ContainerStats,
    CreateFault,
    ExecResult,
    ImageFault,
    Images,
    NotFound,
    Resources,
    RuntimeFault,
    RuntimeInfo,
    Sandbox,
    SandboxConfig,
    SandboxNetwork,
    SandboxState,
    StartFault,
    Stream,
    Timeout,
    Unavailable,
)

from .script import BadScript, Script
from .streams import AttachStream, ExecStream, PortStream
from .world import KILLED, Life, World

EVENTS_HELD = 100_000
NOT_ISOLATED = ("everything: no process runs, containers are scripted",)


class SimulatedRuntime:
    """See the module.  ``network`` gives addresses, ``images`` names."""

    def __init__(self, world: World, *, network: SandboxNetwork, images: Images) -> None:
        self._world = world
        self._network = network
        self._images = images
        self._broadcast: Broadcast[ContainerEvent] = Broadcast("simulated events")
        self._unwatch: Callable[[], None] | None = None

    async def start(self) -> None:
        self._unwatch = self._world.watch(self._broadcast.publish)

    async def close(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        self._broadcast.close()

    def info(self) -> RuntimeInfo:
        return RuntimeInfo(
            name="simulated",
            version=__version__,
            not_isolated=NOT_ISOLATED,
            recursive_readonly=True,
            user_namespaces=True,
            strict_groups=True,
        )

    def events(self) -> AsyncIterator[ContainerEvent]:
        return self._broadcast.subscribe(limit=EVENTS_HELD)

    async def run_sandbox(self, config: SandboxConfig, *, handler: str = "") -> Sandbox:
        self._begin("run_sandbox")
        sandbox_id = self._world.new_id()
        try:
            await asyncio.sleep(self._world.draw(self._world.latency.run_sandbox))
            ips = await self._network.attach(sandbox_id, "", config)
        except BaseException as error:
            await self._network.detach(sandbox_id)
            if isinstance(error, OSError):
                raise RuntimeFault(
                    f"cannot run sandbox of {config.namespace}/{config.name}: {error}"
                ) from error
            raise
        sandbox = Sandbox(
            id=sandbox_id,
            name=config.name,
            namespace=config.namespace,
            uid=config.uid,
            attempt=config.attempt,
            state=SandboxState.READY,
            created_at=self._world.now(),
            ips=ips,
            labels=dict(config.labels),
            annotations=dict(config.annotations),
        )
        self._world.add_sandbox(sandbox, config)
        return sandbox

    async def stop_sandbox(self, sandbox_id: str) -> None:
        self._begin("stop_sandbox")
        if sandbox_id in self._world.sandboxes:
            for life in self._world.lives_of(sandbox_id):
                self._world.exit(life, KILLED, signal=SIGKILL)
            self._world.set_sandbox_state(sandbox_id, SandboxState.NOT_READY)
            await self._network.detach(sandbox_id)

    async def remove_sandbox(self, sandbox_id: str) -> None:
        self._begin("remove_sandbox")
        self._world.remove_sandbox(sandbox_id)
        await self._network.detach(sandbox_id)

    async def sandbox(self, sandbox_id: str) -> Sandbox:
        self._begin("sandbox")
        return self._world.sandbox(sandbox_id)

    async def list_sandboxes(self) -> list[Sandbox]:
        self._begin("list_sandboxes")
        return list(self._world.sandboxes.values())

    async def create_container(self, sandbox_id: str, config: ContainerConfig) -> str:
        self._begin("create_container")
        sandbox = self._world.sandbox(sandbox_id)
        if sandbox.state is not SandboxState.READY:
            raise CreateFault(f"cannot create container {config.name}: sandbox {sandbox_id} is not ready")
        image = await self._images.resolve(config.image)
        if image is None:
            raise ImageFault(f"cannot create container {config.name}: image {config.image} is not present")
        script = self._direct(sandbox_id, config)
        await asyncio.sleep(script.create_seconds + self._world.draw(self._world.latency.create))
        if script.create_fault:
            raise CreateFault(f"cannot create container {config.name}: {script.create_fault}")
        status = Container(
            id=self._world.new_id(),
            sandbox_id=sandbox_id,
            name=config.name,
            attempt=config.attempt,
            state=ContainerState.CREATED,
            image=next(iter(image.repo_tags), config.image),
            image_id=image.id,
            created_at=self._world.now(),
            log_path=config.log_path,
            labels=dict(config.labels),
            annotations=dict(config.annotations),
            resources=config.resources,
        )
        folder = self._world.configs[sandbox_id].log_directory
        log = Path(folder, config.log_path) if folder and config.log_path else None
        self._world.add(Life(status, config, script, log))
        return status.id

    async def start_container(self, container_id: str) -> None:
        self._begin("start_container")
        life = self._world.life(container_id)
        await asyncio.sleep(life.script.start_seconds + self._world.draw(self._world.latency.start))
        if life.script.start_fault:
            self._world.exit(life, 128, reason="StartError", message=life.script.start_fault)
            raise StartFault(f"cannot start container {life.status.name}: {life.script.start_fault}")
        self._world.start(life)

    async def stop_container(self, container_id: str, *, grace: float) -> None:
        self._begin("stop_container")
        life = self._world.lives.get(container_id)
        if life is None or not life.running:
            return
        self._world.terminate(life)
        try:
            async with asyncio.timeout(grace):
                await life.ended.wait()
        except TimeoutError:
            self._world.exit(life, KILLED, signal=SIGKILL)

    async def signal_container(self, container_id: str, signal: int) -> None:
        self._begin("signal_container")
        life = self._world.life(container_id)
        if signal == SIGKILL:
            self._world.exit(life, KILLED, signal=SIGKILL)
        elif signal == SIGTERM:
            self._world.terminate(life)

    async def remove_container(self, container_id: str) -> None:
        self._begin("remove_container")
        if life := self._world.lives.get(container_id):
            self._world.remove(life)

    async def container(self, container_id: str) -> Container:
        self._begin("container")
        return self._world.life(container_id).status

    async def list_containers(self, sandbox_id: str | None = None) -> list[Container]:
        self._begin("list_containers")
        lives = self._world.lives.values()
        return [life.status for life in lives if sandbox_id in (None, life.status.sandbox_id)]

    async def update_resources(self, container_id: str, resources: Resources) -> None:
        self._begin("update_resources")
        life = self._world.life(container_id)
        life.config = replace(life.config, resources=resources)
        self._world.change_resources(life, resources)

    async def update_sandbox(self, sandbox_id: str, resources: Resources) -> None:
        self._begin("update_sandbox")
        self._world.sandbox(sandbox_id)
        configs = self._world.configs
        configs[sandbox_id] = replace(configs[sandbox_id], resources=resources)

    async def reopen_log(self, container_id: str) -> None:
        """Nothing to do: the log file is opened for every line."""
        self._begin("reopen_log")
        self._world.life(container_id)

    async def stats(self, container_id: str | None = None, *, disk: bool = True) -> list[ContainerStats]:
        self._begin("stats")
        chosen = self._world.lives.values() if container_id is None else [self._world.life(container_id)]
        now = self._world.now()
        return [
            ContainerStats(
                container_id=life.status.id,
                at=now,
                cpu_usage=round(life.core_seconds() * 1e9),
                memory_usage=life.script.memory,
                memory_working_set=life.script.memory,
                memory_rss=life.script.memory,
                pids=1,
            )
            for life in chosen
            if life.running
        ]

    async def exec_sync(self, container_id: str, command: Sequence[str], *, limit: float) -> ExecResult:
        self._begin("exec_sync")
        return self._execute(self._running(container_id), command)

    def exec(
        self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool
    ) -> AbstractAsyncContextManager[Stream]:
        @asynccontextmanager
        async def session() -> AsyncIterator[Stream]:
            self._begin("exec")
            yield ExecStream(self._execute(self._running(container_id), command))

        return session()

    def attach(self, container_id: str, *, stdin: bool, tty: bool) -> AbstractAsyncContextManager[Stream]:
        @asynccontextmanager
        async def session() -> AsyncIterator[Stream]:
            self._begin("attach")
            with closing(AttachStream(self._running(container_id))) as stream:
                yield stream

        return session()

    def port_forward(self, sandbox_id: str, port: int) -> AbstractAsyncContextManager[Stream]:
        @asynccontextmanager
        async def session() -> AsyncIterator[Stream]:
            self._begin("port_forward")
            sandbox = self._world.sandbox(sandbox_id)
            running = [life for life in self._world.lives_of(sandbox_id) if life.running]
            if not running:
                raise RuntimeFault(f"cannot connect to port {port} of {sandbox.name}: connection refused")
            yield PortStream(f"{sandbox.name}\n", ready=all(life.ready() for life in running))

        return session()

    def _begin(self, verb: str) -> None:
        if self._unwatch is None:
            raise Unavailable(f"cannot {verb.replace('_', ' ')}: the simulated runtime is not started")
        self._world.raise_injected(verb)

    def _direct(self, sandbox_id: str, config: ContainerConfig) -> Script:
        try:
            return self._world.director(self._world.configs[sandbox_id], config)
        except BadScript as error:
            raise CreateFault(f"cannot create container {config.name}: {error}") from error

    def _running(self, container_id: str) -> Life:
        life = self._world.life(container_id)
        if not life.running:
            raise NotFound(f"cannot find a process of container {life.status.name}: it does not run")
        return life

    def _execute(self, life: Life, command: Sequence[str]) -> ExecResult:
        if not life.ready():
            return ExecResult(stdout=b"", stderr=b"not ready\n", exit_code=1)
        try:
            return life.script.execute(command)
        except TimeoutError as error:
            raise Timeout(f"cannot finish {command[0]} in {life.status.name}: no end in time") from error
