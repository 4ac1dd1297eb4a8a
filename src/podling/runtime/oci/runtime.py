"""``OciRuntime``: sandboxes and containers by conmon and crun (else runc), behind ``interface.Runtime``.

The face and the order of starting and stopping; the work is in ``sandboxes``, ``containers`` and ``sessions``.  One
process drives a state folder at a time (a lock says so); what runs there needs none.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

from podling.aio import spawn
from podling.runtime import cgroups, linux
from podling.runtime.events import EventHub
from podling.runtime.images import ImageStore
from podling.runtime.interface import (
    Container,
    ContainerConfig,
    ContainerEvent,
    ContainerStats,
    ExecResult,
    Resources,
    RuntimeInfo,
    Sandbox,
    SandboxConfig,
    SandboxNetwork,
    Stream,
    Unavailable,
)

from . import adoption, mountspace, stats, streams, usernamespaces
from .config import OciConfig, Tools, find_tools
from .conmon import Launcher
from .containers import Containers
from .context import Context
from .mountspace import CONMON_GROUP, MountSpace, Workers
from .pause import Pause
from .sandboxes import Sandboxes
from .seccomp import Filters
from .sessions import Sessions

_VERSION_SECONDS = 20.0


class OciRuntime:
    """See the module's text.  Every method but ``start`` needs a started runtime."""

    def __init__(self, config: OciConfig, *, images: ImageStore, network: SandboxNetwork) -> None:
        config.validate()
        self._config = config
        self._images = images
        self._network = network
        self._lock = -1
        self._events = EventHub()
        self._info = RuntimeInfo(name="oci", version="")

    def __repr__(self) -> str:
        return f"<OciRuntime {self._config.state_dir}>"

    async def start(self) -> None:
        """Make ready and adopt what runs already.  Raises ``Unavailable`` with what is missing."""
        tools = find_tools(self._config)
        version = await _version(tools)
        self._lock = _lock(self._config)
        try:
            await self._open(tools, version)
        except (OSError, cgroups.CgroupFault) as error:
            self._unlock()
            raise Unavailable(f"cannot run containers: {error}") from error
        except BaseException:
            self._unlock()
            raise

    async def _open(self, tools: Tools, version: str) -> None:
        config = self._config
        layout = await asyncio.to_thread(cgroups.detect)
        tree = cgroups.CgroupTree(layout, config.cgroup_root)
        supervisors = cgroups.CgroupTree(layout, config.cgroup_root, everywhere=True)
        space = await asyncio.to_thread(_prepare, config, supervisors)
        self._space = space
        self._workers = Workers(os.cpu_count() or 2, space, tree)
        launchers = {
            program.name: await self._launcher(replace(tools, runtime=program), layout, supervisors)
            for program in (tools.runtime, *tools.others)
        }
        default = launchers[tools.runtime.name]
        self._context = context = Context(
            config=config,
            tools=tools,
            tree=tree,
            supervisors=supervisors,
            workers=self._workers,
            launchers={"": default, "oci": default, **launchers},
            filters=Filters(config.state_dir / "seccomp", version, enabled=tools.is_crun),
            images=self._images,
            network=self._network,
            events=self._events,
            starting=asyncio.Semaphore(config.at_once),
            space=space,
            warmth=cgroups.Warmth(layout),
        )
        self._sandboxes = Sandboxes(context, Pause(config, default.runtime, self._workers, tree))
        self._containers = Containers(context)
        self._sessions = Sessions(context, self._containers)
        self._info = RuntimeInfo(
            name=tools.runtime.name,
            version=version,
            handlers=("", *launchers),
            recursive_readonly=linux.can_change_mount_trees(),
            strict_groups=True,
            user_namespaces=not usernamespaces.fault(config.state_dir),
        )
        await adoption.adopt(context, self._sandboxes, self._containers)

    async def _launcher(self, tools: Tools, layout: cgroups.Layout, groups: cgroups.CgroupTree) -> Launcher:
        program = await self._workers.run(_program, self._config, tools)
        return Launcher(self._config, tools, program, self._workers, groups, must_move=_must_move(layout))

    async def close(self) -> None:
        """Let go; containers run on.  With no sandbox left, nothing of ours stays mounted either."""
        await self._containers.close()
        await asyncio.to_thread(self._workers.close)
        await asyncio.to_thread(self._context.warmth.close)
        self._space.close()
        if not self._sandboxes.boxes and not self._containers.cells:
            await asyncio.to_thread(_leave_nothing, self._config, self._context.supervisors)
        self._events.close()
        self._unlock()

    def info(self) -> RuntimeInfo:
        return self._info

    async def run_sandbox(self, config: SandboxConfig, *, handler: str = "") -> Sandbox:
        return (await self._sandboxes.run(config, handler=handler)).view()

    async def stop_sandbox(self, sandbox_id: str) -> None:
        box = self._sandboxes.boxes.get(sandbox_id)
        if box is not None:
            await asyncio.gather(*(self._containers.kill(cell) for cell in self._containers.of(sandbox_id)))
            await self._sandboxes.stop(box)

    async def remove_sandbox(self, sandbox_id: str) -> None:
        box = self._sandboxes.boxes.get(sandbox_id)
        if box is not None:
            await asyncio.gather(*(self._containers.remove(cell) for cell in self._containers.of(sandbox_id)))
            await self._sandboxes.stop(box)
            await self._sandboxes.remove(box)

    async def sandbox(self, sandbox_id: str) -> Sandbox:
        return self._sandboxes.get(sandbox_id).view()

    async def list_sandboxes(self) -> list[Sandbox]:
        return [box.view() for box in self._sandboxes.boxes.values() if box.record.made]

    async def create_container(self, sandbox_id: str, config: ContainerConfig) -> str:
        return (await self._containers.create(self._sandboxes.get(sandbox_id), config)).id

    async def start_container(self, container_id: str) -> None:
        await self._containers.start(self._containers.get(container_id))

    async def stop_container(self, container_id: str, *, grace: float) -> None:
        cell = self._containers.cells.get(container_id)
        if cell is not None:
            await self._containers.stop(cell, grace=grace)

    async def signal_container(self, container_id: str, signal: int) -> None:
        self._containers.get(container_id).signal(signal)

    async def remove_container(self, container_id: str) -> None:
        cell = self._containers.cells.get(container_id)
        if cell is not None:
            await self._containers.remove(cell)

    async def container(self, container_id: str) -> Container:
        return self._containers.get(container_id).view()

    async def list_containers(self, sandbox_id: str | None = None) -> list[Container]:
        return [cell.view() for cell in self._containers.of(sandbox_id)]

    async def update_resources(self, container_id: str, resources: Resources) -> None:
        await self._containers.update(self._containers.get(container_id), resources)

    async def update_sandbox(self, sandbox_id: str, resources: Resources) -> None:
        await self._sandboxes.update(self._sandboxes.get(sandbox_id), resources)

    async def reopen_log(self, container_id: str) -> None:
        streams.control(self._containers.get(container_id).folder, "2 0 0\n")

    async def stats(self, container_id: str | None = None, *, disk: bool = True) -> list[ContainerStats]:
        cells = self._containers.of(None) if container_id is None else [self._containers.get(container_id)]
        return await self._workers.run(stats.read, self._context, cells, disk=disk)

    async def exec_sync(self, container_id: str, command: Sequence[str], *, limit: float) -> ExecResult:
        return await self._sessions.exec_sync(self._containers.get(container_id), command, limit=limit)

    def exec(
        self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool
    ) -> AbstractAsyncContextManager[Stream]:
        return self._sessions.exec(self._containers.get(container_id), command, stdin=stdin, tty=tty)

    def attach(self, container_id: str, *, stdin: bool, tty: bool) -> AbstractAsyncContextManager[Stream]:
        return self._sessions.attach(self._containers.get(container_id))

    def port_forward(self, sandbox_id: str, port: int) -> AbstractAsyncContextManager[Stream]:
        return self._sessions.port_forward(self._sandboxes.get(sandbox_id), port)

    def events(self) -> AsyncIterator[ContainerEvent]:
        return self._events.subscribe()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _lock(config: OciConfig) -> int:
    try:
        config.state_dir.mkdir(parents=True, exist_ok=True)
        fd = os.open(config.state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"cannot use state folder {config.state_dir}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise Unavailable(f"cannot use state folder {config.state_dir}: another process drives it") from error
    return fd


def _prepare(config: OciConfig, tree: cgroups.CgroupTree) -> MountSpace:
    tree.make(CONMON_GROUP)
    space = MountSpace.make(config.state_dir, tree)
    for folder in (config.live, config.writable, config.known):
        folder.mkdir(exist_ok=True)
    config.writable.chmod(0o700)  # set-uid programs that containers make are not for the node's users
    mountspace.mount_live(config.live)
    for folder in (config.sandboxes, config.containers, config.exits, config.run):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)  # to be passed by Pods with users of their own, and listed by nobody
    return space


def _program(config: OciConfig, tools: Tools) -> Path:
    return (
        mountspace.read_only_copy(tools.runtime, config.state_dir / "bin") if tools.is_crun else tools.runtime
    )


def _must_move(layout: cgroups.Layout) -> bool:
    return layout.mode is cgroups.Mode.V2 or (
        layout.unified is not None and Path("/run/systemd/system").is_dir()
    )


def _leave_nothing(config: OciConfig, supervisors: cgroups.CgroupTree) -> None:
    for target in mountspace.mounted_below(config.state_dir):
        linux.unmount(target)
    supervisors.remove("")  # our own threads leave it a moment after they are joined
    supervisors.prune()


async def _version(tools: Tools) -> str:
    try:
        done = await spawn.run([str(tools.runtime), "--version"], limit_seconds=_VERSION_SECONDS)
    except spawn.SpawnFault as error:
        raise Unavailable(f"cannot run containers: {error}") from error
    words = done.stdout.decode(errors="replace").split()
    return words[2] if len(words) > 2 else "unknown"
