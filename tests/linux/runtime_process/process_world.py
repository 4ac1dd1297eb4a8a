"""A process runtime with all it stands on, in a folder of its own; nothing is left when it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from podling.network.addresses import LoopbackNetwork
from podling.runtime.images import ImageStore
from podling.runtime.interface import (
    Container,
    ContainerConfig,
    ContainerState,
    Mount,
    Sandbox,
    SandboxConfig,
)
from podling.runtime.process import Mode, ProcessRuntime
from podling.runtime.process.supervisor import kin

LIMIT = 20.0


@dataclass
class World:
    folder: Path
    mode: Mode
    images: ImageStore
    network: LoopbackNetwork
    runtime: ProcessRuntime
    busybox: str
    owned: Path

    def new_runtime(self) -> ProcessRuntime:
        return ProcessRuntime(
            self.folder / "runtime",
            images=self.images,
            network=self.network,
            owned=[self.owned],
            at_most=self.mode,
        )

    async def restart(self) -> None:
        """As if Podling were killed and started again: nothing is said to the supervisor."""
        await self.runtime.close()
        self.runtime = self.new_runtime()
        await self.runtime.start()

    async def sandbox(self, name: str = "pod") -> Sandbox:
        return await self.runtime.run_sandbox(
            SandboxConfig(
                name=name,
                namespace="default",
                uid=f"uid-{name}",
                hostname=name,
                log_directory=str(self.folder / "logs" / name),
            )
        )

    def volume(self, pod: str, name: str) -> Path:
        path = self.folder / "pods" / f"uid-{pod}" / "volumes" / name
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o777)
        return path

    async def create(
        self,
        sandbox: Sandbox,
        *command: str,
        name: str = "c",
        mounts: tuple[Mount, ...] = (),
        **more: object,
    ) -> str:
        config = ContainerConfig(
            name=name, image=self.busybox, command=command, mounts=mounts, log_path=f"{name}.log", **more
        )  # type: ignore[arg-type]
        return await self.runtime.create_container(sandbox.id, config)

    async def run(self, sandbox: Sandbox, *command: str, **more: object) -> str:
        container_id = await self.create(sandbox, *command, **more)  # type: ignore[arg-type]
        await self.runtime.start_container(container_id)
        return container_id

    async def ended(self, container_id: str) -> Container:
        """The container once it has ended."""
        events = self.runtime.events()
        async with asyncio.timeout(LIMIT):
            found = await self.runtime.container(container_id)
            while found.state in (ContainerState.CREATED, ContainerState.RUNNING):
                event = await anext(events)
                found = await self.runtime.container(container_id)
                assert event.container_id
        return found

    async def has(self, container_id: str, processes: int) -> None:
        """Return when the container has that many processes."""

        async def right() -> bool:
            return (await self.runtime.stats(container_id))[0].pids == processes

        await eventually(right)

    def log(self, name: str = "c", pod: str = "pod") -> list[str]:
        """The log's lines without their times."""
        path = self.folder / "logs" / pod / f"{name}.log"
        return [line.split(" ", 1)[1] for line in path.read_text().splitlines()]

    async def output(self, container_id: str, *command: str) -> str:
        result = await self.runtime.exec_sync(container_id, command, limit=LIMIT)
        return (result.stdout + result.stderr).decode()


@asynccontextmanager
async def world(folder: Path, mode: Mode, *, owned: Path | None = None) -> AsyncIterator[World]:
    folder.chmod(0o755)
    images = ImageStore(folder / "images")
    await images.start()
    network = LoopbackNetwork(f"127.42.{secrets.randbelow(250) + 2}.0/24", folder=folder / "addresses")
    await network.start()
    busybox = (await images.busybox()).id
    made = World(folder, mode, images, network, None, busybox, owned or folder / "pods")  # type: ignore[arg-type]
    made.runtime = made.new_runtime()
    await made.runtime.start()
    supervisors = {made.runtime._link.pid}
    try:
        yield made
    finally:
        with contextlib.suppress(Exception):
            supervisors.add(made.runtime._link.pid)
            for sandbox in await made.runtime.list_sandboxes():
                await made.runtime.remove_sandbox(sandbox.id)
        await made.runtime.close()
        await gone(*supervisors)


async def eventually(condition: Callable[[], Awaitable[bool] | bool]) -> None:
    """Return when the condition holds.  For what happens in other processes, which tell nobody of it."""
    async with asyncio.timeout(LIMIT):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.01)


async def gone(*pids: int) -> None:
    """Return when the processes have ended."""
    await eventually(lambda: all(kin._stat(pid) == kin._DEAD for pid in pids))


def pages(mounts: Sequence[tuple[str, Path]]) -> tuple[Mount, ...]:
    return tuple(Mount(container_path=target, host_path=str(source)) for target, source in mounts)
