"""What the suites of the runtime interface share: a world to test in, a watcher of its events, programs to run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from podling.runtime.interface import (
    Container,
    ContainerConfig,
    ContainerEvent,
    ContainerState,
    DnsConfig,
    Runtime,
    Sandbox,
    SandboxConfig,
)

LIMIT = 20.0  # seconds after which a wait in these tests has failed


@dataclass(slots=True)
class World:
    """A started ``runtime``; ``image`` is the id of an image it can run; ``logs`` a folder for container logs.

    ``restart`` lets go of the runtime, runs the given work while nobody watches, and starts another one over the same
    state, which it returns.  The fixture cleans up whatever runtime is the last.
    """

    runtime: Runtime
    image: str
    logs: Path
    restart: Callable[[Callable[[], Awaitable[None]]], Awaitable[Runtime]]


class Watcher:
    """Follows a runtime's events from its making on; ``until`` waits for a container to be in a state."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._events = runtime.events()
        self.seen: list[ContainerEvent] = []

    async def until(self, container_id: str, state: ContainerState) -> Container:
        async with asyncio.timeout(LIMIT):
            container = await self._runtime.container(container_id)
            while container.state is not state:
                event = await anext(self._events)
                self.seen.append(event)
                if event.container_id == container_id and event.container is not None:
                    container = event.container
            return container

    async def told(self, container_id: str, state: ContainerState | None) -> None:
        """Read events until one says that the container is in ``state`` (None: gone)."""
        async with asyncio.timeout(LIMIT):
            while state not in self.states(container_id):
                self.seen.append(await anext(self._events))

    def states(self, container_id: str) -> list[ContainerState | None]:
        return [
            e.container.state if e.container else None for e in self.seen if e.container_id == container_id
        ]


class Suite:
    """What both suites share."""

    lacks: frozenset[str] = frozenset()
    """Names of what the runtime refuses: users, readonly_rootfs, mounts, readonly_mounts, tty, attach, stats,
    workdir, network (Pods share localhost), background (an exec waits for what its command left behind), tty_name
    (a terminal has no name inside), rootfs (containers write to the machine's own root)."""

    @pytest.fixture
    def world(self) -> AsyncIterator[World]:
        raise NotImplementedError("the suite needs a fixture `world`")

    def program(
        self,
        *,
        prints: str = "",
        complains: str = "",
        exit_code: int | None = None,
        ignores_term: bool = False,
    ) -> dict[str, Any]:
        """Fields of a ``ContainerConfig`` for a container that writes lines, then ends or (None) runs until stopped."""
        trap = 'trap "" TERM' if ignores_term else "trap 'exit 143' TERM"
        end = f"exit {exit_code}" if exit_code is not None else "while :; do sleep 1000 & wait; done"
        script = [
            trap,
            f"echo '{prints}'" if prints else "",
            f"echo '{complains}' >&2" if complains else "",
            end,
        ]
        return {"command": ["sh", "-c", "\n".join(script)]}

    def missing_program(self) -> dict[str, Any]:
        """Fields of a ``ContainerConfig`` whose command does not exist."""
        return {"command": ["no-such-command"]}

    def needs(self, feature: str) -> None:
        if feature in self.lacks:
            pytest.skip(f"declared by the runtime: no {feature}")

    def sandbox_config(self, world: World, name: str = "pod", **more: Any) -> SandboxConfig:
        config = SandboxConfig(
            name=name,
            namespace="default",
            uid=f"uid-of-{name}",
            hostname=name,
            log_directory=str(world.logs / name),
            dns=DnsConfig(
                servers=("10.96.0.10",), searches=("default.svc.cluster.local",), options=("ndots:5",)
            ),
            labels={"app": name},
            annotations={"note": "kept"},
        )
        return replace(config, **more)

    def container_config(self, world: World, name: str = "main", **more: Any) -> ContainerConfig:
        fields = {"image": world.image, "log_path": f"{name}.log", **self.program(), **more}
        return ContainerConfig(name=name, **fields)

    async def sandbox(self, world: World, name: str = "pod", **more: Any) -> Sandbox:
        return await world.runtime.run_sandbox(self.sandbox_config(world, name, **more))

    async def running(
        self, world: World, sandbox: Sandbox | None = None, name: str = "main", **more: Any
    ) -> str:
        """A started container; in a sandbox of its own if none is given."""
        box = sandbox or await self.sandbox(world)
        container = await world.runtime.create_container(box.id, self.container_config(world, name, **more))
        await world.runtime.start_container(container)
        return container

    async def ended(self, world: World, sandbox: Sandbox | None = None, **more: Any) -> Container:
        """A container that was started and has ended by itself."""
        watcher = Watcher(world.runtime)
        container = await self.running(world, sandbox, **more)
        return await watcher.until(container, ContainerState.EXITED)
