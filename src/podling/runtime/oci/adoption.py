"""Taking over what an earlier process left: its sandboxes and containers, running or ended meanwhile, and its debris.

Containers and their supervisors do not need us to live, so a restart finds them as they are.  The exit folder is
watched *before* anything is read.  Whatever was half-made when a process was killed is undone.  A reboot ends all and
takes the records with it; what is left on disk then is swept.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

from podling.runtime.interface import ContainerState

from . import records, rootfs, sandboxes
from .cell import Cell
from .containers import Containers
from .context import Context
from .mountspace import CONMON_GROUP
from .records import ContainerRecord, ContainerStatus, ProcessId
from .sandboxes import Sandboxes


async def adopt(context: Context, boxes: Sandboxes, containers: Containers) -> None:
    """Fill ``boxes`` and ``containers`` from disk.  Exits that are on disk are noted before this returns."""
    ended = containers.exits.start()
    for folder in _folders(context.config.sandboxes):
        await _adopt_sandbox(boxes, folder)
    for folder in _folders(context.config.containers):
        await _adopt_container(context, boxes, containers, folder)
    await context.workers.run(_end_strays, context, boxes, containers)
    await _sweep_disk(context, boxes, containers)
    for name in ended:
        if name in containers.cells:
            containers.exit_arrived(name)
        else:
            containers.exits.forget(name)
    while containers.tasks:
        await asyncio.wait(containers.tasks)


async def _adopt_sandbox(boxes: Sandboxes, folder: Path) -> None:
    box = sandboxes.load(folder)
    if box is None:
        await boxes.context.workers.run(sandboxes.clear, boxes.context.config, folder.name)
        return  # killed before its first line was written
    if not box.record.made:
        await boxes.undo(box)
        return
    boxes.boxes[box.id] = box


async def _adopt_container(context: Context, boxes: Sandboxes, containers: Containers, folder: Path) -> None:
    record = records.load(folder / "container.json", ContainerRecord)
    box = boxes.boxes.get(record.sandbox_id) if record is not None else None
    if record is None or box is None:
        await context.workers.run(rootfs.remove, folder, context.config.writable / folder.name)
        return
    cell = Cell(record, folder, group=f"{sandboxes.group(box.config)}/{record.id}")
    _restore(context, cell)
    if cell.state is ContainerState.RUNNING:
        cell.resources = context.tree.in_force(cell.group, record.config.resources)
    containers.adopt(cell)


def _restore(context: Context, cell: Cell) -> None:
    """Where the container stood.  Between ``start`` and its record only the pid file tells that it runs."""
    status = records.load(cell.folder / "status.json", ContainerStatus)
    if status is not None and status.finished_at:
        cell.move(ContainerState.EXITED)
        cell.status = status
        return
    if status is not None:
        cell.move(ContainerState.RUNNING)
        cell.status = status
        return
    if _was_released(context, cell):
        cell.move(
            ContainerState.RUNNING,
            started_at=(cell.folder / "pid").stat().st_mtime_ns,
            process=_process(cell.folder / "pid"),
            conmon=_process(cell.folder / "conmon.pid"),
        )


def _was_released(context: Context, cell: Cell) -> bool:
    """Its process got past the start, though nobody lived to write that down."""
    state = context.config.run / cell.id
    return (cell.folder / "pid").exists() and state.is_dir() and not (state / "exec.fifo").exists()


def _end_strays(context: Context, boxes: Sandboxes, containers: Containers) -> None:
    """End what a killed process had only begun to start, and forget the OCI runtime's memory of it."""
    running = {cell.id for cell in containers.cells.values() if cell.state is not ContainerState.CREATED}
    begun = [cell for cell in containers.cells.values() if cell.id not in running]
    for pid in context.tree.processes(CONMON_GROUP):
        words = _command_line(pid)
        if (
            pid != os.getpid()
            and words
            and running.isdisjoint(words)
            and str(context.config.run) in " ".join(words)
        ):
            _kill(pid)
    for cell in begun:
        context.tree.remove(cell.group)
        for name in ("pid", "conmon.pid"):
            (cell.folder / name).unlink(missing_ok=True)
    holders = {f"pause-{box_id}" for box_id in boxes.boxes}
    for state in _folders(context.config.run):
        if state.name not in running | holders and not state.name.startswith("."):
            shutil.rmtree(state, ignore_errors=True)


async def _sweep_disk(context: Context, boxes: Sandboxes, containers: Containers) -> None:
    """Take back the networks and the writable folders of what is no more."""
    for marker in sorted(context.config.known.iterdir()):
        if marker.name not in boxes.boxes:
            await context.network.detach(marker.name)
            marker.unlink(missing_ok=True)
    for folder in _folders(context.config.writable):
        if folder.name not in containers.cells:
            await context.workers.run(shutil.rmtree, folder, ignore_errors=True)


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _process(file: Path) -> ProcessId | None:
    try:
        return ProcessId.of(int(file.read_text()))
    except (FileNotFoundError, ValueError):
        return None


def _folders(parent: Path) -> list[Path]:
    return sorted(p for p in parent.iterdir() if p.is_dir()) if parent.is_dir() else []
