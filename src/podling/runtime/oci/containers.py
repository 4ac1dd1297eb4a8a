"""Containers: created, started, stopped, removed, and their exits taken note of.

Creating prepares everything on disk and runs nothing; starting calls conmon, which calls the OCI runtime, and lets
the process go: so a command that cannot be run is a *start* failure, as CRI has it.  An exit is noted from conmon's
exit file; a container whose supervisor was killed has no such file and is killed and counted as lost.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path

from podling.aio import pipes, spawn
from podling.runtime.cgroups import CgroupFault
from podling.runtime.images import Rootfs
from podling.runtime.interface import (
    ContainerConfig,
    ContainerEvent,
    ContainerState,
    ContainerUser,
    CreateFault,
    ImageFault,
    NamespaceMode,
    NotFound,
    Resources,
    RuntimeFault,
    StartFault,
)

from . import conmon, plan, records, rootfs, sandboxes, spec
from .cell import Cell
from .context import Context
from .exits import ExitWatch
from .records import ContainerRecord, ProcessId
from .sandboxes import Box

_LOST = "ContainerStatusUnknown"
_TOOL_SECONDS = 60.0
_CONMON_SECONDS = 5.0


@dataclass(slots=True)
class Containers:
    """All containers of the node by id."""

    context: Context
    exits: ExitWatch = field(init=False)
    cells: dict[str, Cell] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.exits = ExitWatch(self.context.config.exits, self.exit_arrived)

    def get(self, container_id: str) -> Cell:
        """Raises ``NotFound``."""
        try:
            return self.cells[container_id]
        except KeyError:
            raise NotFound(f"cannot find container {container_id}") from None

    def of(self, sandbox_id: str | None) -> list[Cell]:
        return [c for c in self.cells.values() if sandbox_id is None or c.record.sandbox_id == sandbox_id]

    async def create(self, box: Box, config: ContainerConfig) -> Cell:
        """Prepare a container on disk; nothing is left if it fails or is cancelled."""
        if not box.is_ready:
            raise CreateFault(f"cannot create container {config.name}: sandbox {box.id} is not ready")
        try:
            image = self.context.images.rootfs(config.image)
        except NotFound as error:
            raise ImageFault(str(error)) from error
        self.context.warmth.kindle_nowait()
        container_id = secrets.token_hex(32)
        folder = self.context.config.containers / container_id
        record = _record(container_id, box, config, image)
        target = self._target(box, config)
        try:
            record = await self.context.workers.run(
                _prepare, self.context, box, record, image, folder, target
            )
        except BaseException as error:
            await self.context.workers.run(_discard, self.context, record, folder)
            if isinstance(error, (OSError, CgroupFault)):
                raise CreateFault(f"cannot create container {config.name}: {error}") from error
            raise
        cell = Cell(record, folder, group=f"{sandboxes.group(box.config)}/{container_id}")
        self.cells[container_id] = cell
        self.publish(cell)
        return cell

    def _target(self, box: Box, config: ContainerConfig) -> int:
        """The process whose PID namespace the container is to join; 0 for none.  Raises ``CreateFault``."""
        if not config.pid_target:
            return 0
        cell = self.cells.get(config.pid_target)
        pid = cell.view().pid if cell is not None and cell.record.sandbox_id == box.id else 0
        if not pid:
            why = f"container {config.pid_target} does not run in its sandbox"
            raise CreateFault(f"cannot create container {config.name} in the PID namespace of another: {why}")
        return pid

    async def start(self, cell: Cell) -> None:
        """Run the container's process.  Once begun it is carried through, also when the caller is cancelled."""
        task = self._task(self._start(cell), f"start {cell.id[:12]}")
        await asyncio.shield(task)

    async def _start(self, cell: Cell) -> None:
        async with cell.lock:
            if cell.removed:
                raise NotFound(f"cannot find container {cell.id}")
            if cell.state is not ContainerState.CREATED:
                raise RuntimeFault(f"cannot start container {cell.id}: it is {cell.state.value}")
            try:
                async with self.context.starting:
                    await self._launch(cell)
            except StartFault as fault:
                await self._start_failed(cell, fault)
                raise

    async def _launch(self, cell: Cell) -> None:
        config, launcher = cell.record.config, self.context.launcher(cell.record.handler)
        self.context.warmth.kindle_nowait()
        pid = await launcher.create(
            cell.id,
            cell.folder,
            log=cell.record.log_path,
            tty=config.tty,
            stdin=config.stdin,
            keep_stdin=not config.stdin_once,
        )
        process, supervisor = ProcessId.of(pid), _supervisor(cell.folder)
        await self._release(cell, launcher)
        cell.move(ContainerState.RUNNING, started_at=time.time_ns(), process=process, conmon=supervisor)
        self.publish(cell)
        self._guard(cell)
        await self.context.workers.run(_note_start, self.context, cell)

    async def _release(self, cell: Cell, launcher: conmon.Launcher) -> None:
        try:
            if launcher.is_crun:
                launcher.release(cell.id)
                return
            argv = [str(launcher.runtime), f"--root={self.context.config.run}", "start", cell.id]
            done = await spawn.run(argv, limit_seconds=_TOOL_SECONDS, thread=self.context.workers.executor)
        except (OSError, spawn.SpawnFault) as error:
            raise StartFault(f"cannot start container {cell.id}: {error}") from error
        if done.returncode:
            raise conmon.start_fault(cell.id, done.error_text)

    async def _start_failed(self, cell: Cell, fault: StartFault) -> None:
        await self.context.workers.run(_clean_runtime_state, self.context, cell)
        if cell.state is ContainerState.CREATED:
            now = time.time_ns()
            cell.move(
                ContainerState.EXITED,
                finished_at=now,
                exit_code=fault.exit_code,
                reason="StartError",
                message=str(fault),
                conmon=_supervisor(cell.folder),
            )
            await self.context.workers.run(records.save, cell.folder / "status.json", cell.status)
            self.publish(cell)

    async def stop(self, cell: Cell, *, grace: float) -> None:
        """Ask, wait, kill; returns when the exit is on record."""
        if cell.state is not ContainerState.RUNNING:
            return
        if grace > 0:
            cell.signal(cell.record.stop_signal)
            try:
                async with asyncio.timeout(grace):
                    await cell.exited.wait()
                return
            except TimeoutError:
                pass
        await self.kill(cell)

    async def update(self, cell: Cell, resources: Resources) -> None:
        """Set other limits while it runs.  What the kernel made of them is told from now on."""
        async with cell.lock:
            if cell.state is not ContainerState.RUNNING:
                raise RuntimeFault(f"cannot update container {cell.id}: it is {cell.state.value}")
            config = replace(cell.record.config, resources=resources)
            cell.record = replace(cell.record, config=config)
            try:
                cell.resources = await self.context.workers.run(_update, self.context, cell)
            except CgroupFault as error:
                raise RuntimeFault(f"cannot update container {cell.id}: {error}") from error
            self.publish(cell)

    async def kill(self, cell: Cell) -> None:
        """End the container now and wait for it."""
        cell.signal(signal.SIGKILL)
        if not cell.record.own_pids:
            await self.context.workers.run(self.context.tree.kill, cell.group)
        if cell.state is ContainerState.RUNNING:
            await cell.exited.wait()

    async def remove(self, cell: Cell) -> None:
        """End the container if need be and leave nothing of it but its log.  Idempotent."""
        while not cell.removed:
            await self.kill(cell)
            async with cell.lock:
                if cell.state is not ContainerState.RUNNING and not cell.removed:
                    await self._remove(cell)

    async def _remove(self, cell: Cell) -> None:
        cell.removed = True
        self._unguard(cell)
        await self._see_off(cell.status.conmon)
        await self.context.workers.run(_remove, self.context, cell)
        self.cells.pop(cell.id, None)
        cell.close()
        gone = ContainerEvent(container_id=cell.id, sandbox_id=cell.record.sandbox_id, container=None)
        self.context.events.publish(gone)

    async def _see_off(self, supervisor: ProcessId | None) -> None:
        """Wait for conmon, which ends by itself right after its container."""
        pidfd = supervisor.open() if supervisor is not None else -1
        if pidfd < 0:
            return
        try:
            async with asyncio.timeout(_CONMON_SECONDS):
                await pipes.wait_readable(pidfd)
        except TimeoutError:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        finally:
            os.close(pidfd)

    def publish(self, cell: Cell) -> None:
        view = cell.view()
        self.context.events.publish(
            ContainerEvent(container_id=cell.id, sandbox_id=view.sandbox_id, container=view)
        )

    def adopt(self, cell: Cell) -> None:
        """Take over a container that an earlier process made; its exit may be on disk already."""
        self.cells[cell.id] = cell
        if cell.state is ContainerState.RUNNING:
            self._guard(cell)

    def exit_arrived(self, container_id: str) -> None:
        cell = self.cells.get(container_id)
        if cell is not None:
            self._task(self._note_exit(cell, lost=False), f"exit of {container_id[:12]}")

    async def _note_exit(self, cell: Cell, *, lost: bool) -> None:
        """Put the exit on record, tell of it, then clean up what ran."""
        async with cell.lock:
            if cell.state is not ContainerState.RUNNING or cell.removed:
                return
            self._unguard(cell)
            if lost:
                cell.signal(signal.SIGKILL)
                await self.context.workers.run(self.context.tree.kill, cell.group)
            found = self.exits.read(
                cell.id
            )  # its time is a file's: by the kernel's coarse clock, some ms behind
            killed = self.context.tree.oom_kills(cell.group) if found and found.code else 0
            code = found.code if found else 137
            cell.move(
                ContainerState.EXITED,
                finished_at=max(cell.status.started_at, found.at if found else time.time_ns()),
                exit_code=code,
                reason=("OOMKilled" if killed else "Error" if code else "Completed") if found else _LOST,
                message="" if found else "the container's supervisor was lost",
            )
            self.publish(cell)
            await self.context.workers.run(_note_end, self.context, self.exits, cell)

    def _guard(self, cell: Cell) -> None:
        """Notice the death of the supervisor, which otherwise would take the exit with it."""
        cell.watch_processes()
        loop = asyncio.get_running_loop()
        if cell.conmon_fd >= 0:
            loop.add_reader(cell.conmon_fd, self._supervisor_died, cell)
        else:
            loop.call_soon(self._supervisor_died, cell)

    def _unguard(self, cell: Cell) -> None:
        if cell.conmon_fd >= 0:
            asyncio.get_running_loop().remove_reader(cell.conmon_fd)

    def _supervisor_died(self, cell: Cell) -> None:
        """Its last act is the exit file; without one the container is lost."""
        self._unguard(cell)
        lost = self.exits.read(cell.id) is None
        self._task(self._note_exit(cell, lost=lost), f"supervisor of {cell.id[:12]}")

    def _task(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"podling-oci {name}")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def close(self) -> None:
        """Finish what is under way and let go; containers run on."""
        self.exits.close()
        while self.tasks:
            await asyncio.wait(self.tasks)
        for cell in self.cells.values():
            self._unguard(cell)
            cell.close()


def _record(container_id: str, box: Box, config: ContainerConfig, image: Rootfs) -> ContainerRecord:
    log = os.path.join(box.config.log_directory, config.log_path) if config.log_path else ""
    return ContainerRecord(
        id=container_id,
        sandbox_id=box.id,
        config=config,
        image_id=image.image_id,
        created_at=time.time_ns(),
        log_path=log,
        stop_signal=spec.stop_signal(config, image.config),
        own_pids=box.config.namespaces.pid is NamespaceMode.CONTAINER and not config.pid_target,
        handler=box.record.handler,
    )


def _prepare(
    context: Context, box: Box, record: ContainerRecord, image: Rootfs, folder: Path, target: int
) -> ContainerRecord:
    """The record as it was written down, with who the container's process will be."""
    folder.mkdir(mode=0o711)
    for used in _images(record):
        context.images.content.hold(used, record.id, folder)
    who = plan.write(context, box, record.id, record.config, image, folder, pid_target=target)
    record = replace(record, user=ContainerUser(uid=who.uid, gid=who.gid, groups=who.groups))
    if record.log_path:
        Path(record.log_path).parent.mkdir(parents=True, exist_ok=True)
    records.save(folder / "container.json", record)
    return record


def _discard(context: Context, record: ContainerRecord, folder: Path) -> None:
    rootfs.remove(folder, context.config.writable / record.id)
    for used in _images(record):
        context.images.content.release(used, record.id)


def _images(record: ContainerRecord) -> set[str]:
    """Its own and those that it mounts."""
    return {record.image_id, *(mount.image for mount in record.config.mounts if mount.image)}


def _update(context: Context, cell: Cell) -> Resources:
    wanted = cell.record.config.resources
    context.tree.apply(cell.group, wanted)
    records.save(cell.folder / "container.json", cell.record)
    return context.tree.in_force(cell.group, wanted)


def _supervisor(folder: Path) -> ProcessId | None:
    try:
        return ProcessId.of(int((folder / "conmon.pid").read_text()))
    except (FileNotFoundError, ValueError):
        return None


def _note_start(context: Context, cell: Cell) -> None:
    records.save(cell.folder / "status.json", cell.status)
    key = plan.filter_key(context, cell.folder)
    if key is not None:
        context.filters.keep(key, context.config.run / cell.id / "seccomp.bpf")


def _note_end(context: Context, exits: ExitWatch, cell: Cell) -> None:
    records.save(cell.folder / "status.json", cell.status)
    exits.forget(cell.id)
    _clean_runtime_state(context, cell)


def _clean_runtime_state(context: Context, cell: Cell) -> None:
    """What ``crun delete`` would do, without starting it: the container's control groups and the runtime's memory."""
    try:
        context.tree.remove(cell.group)
    except CgroupFault:
        return  # still dying in the kernel; removing the sandbox removes the group above
    context.space.forget_group(context.tree.absolute(cell.group))
    shutil.rmtree(context.config.run / cell.id, ignore_errors=True)


def _remove(context: Context, cell: Cell) -> None:
    _clean_runtime_state(context, cell)
    _discard(context, cell.record, cell.folder)
    (context.config.exits / cell.id).unlink(missing_ok=True)
