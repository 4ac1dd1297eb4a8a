"""The containers of a node: making, starting, ending and removing them, and following what becomes of them.

A container's root is copied (or its overlay prepared) when it is created; the supervisor starts it and tells of its
end.  ``runtime`` is the face in front and knows the sandboxes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from podling.runtime import removal
from podling.runtime.events import EventHub
from podling.runtime.images import ImageStore, Rootfs
from podling.runtime.interface import (
    ContainerConfig,
    ContainerEvent,
    ContainerStats,
    CreateFault,
    ImageFault,
    NotFound,
    StartFault,
)
from podling.runtime.oci.spec import stop_signal

from . import launch, records, refusals, usage
from .cell import Cell
from .flatten import flatten
from .isolation import Isolation, Mode
from .launch import Plan, Surroundings
from .link import Link, Message, Refused
from .podroot import PodRoot
from .records import ContainerRecord, Exit, SandboxRecord
from .supervisor import kin

KILL_SECONDS = 10.0
_START_EXIT_CODE = 128
_POD_FILES = {"/etc/resolv.conf": "resolv.conf", "/etc/hostname": "hostname", "/etc/hosts": "hosts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A container to be made: ``own`` is its folder, ``pod`` that of its sandbox."""

    record: ContainerRecord
    own: Path
    sandbox: SandboxRecord
    pod: Path
    image: Rootfs
    isolation: Isolation
    roots: PodRoot


class Containers:
    """All containers below ``folder``; changes are published on ``hub``."""

    def __init__(
        self, folder: Path, *, link: Link, images: ImageStore, hub: EventHub, owned: tuple[Path, ...]
    ) -> None:
        self._folder = folder
        self._link = link
        self._images = images
        self._hub = hub
        self._owned = owned
        self._cells: dict[str, Cell] = {}

    def load(self, *, running: Collection[str]) -> None:
        """Find what an earlier process left.  What should run and is not ``running`` at the supervisor is lost."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for folder in sorted(self._folder.iterdir()):
            record = records.load(folder / "container.json", ContainerRecord)
            if record is None:
                removal.remove(folder)
                continue
            cell = Cell(record, folder)
            cell.load()
            self._cells[record.id] = cell
            if cell.running and record.id not in running:
                self.lost(cell)

    def get(self, container_id: str) -> Cell:
        """Raises ``NotFound``."""
        cell = self._cells.get(container_id)
        if cell is None:
            raise NotFound(f"cannot find container {container_id}: it does not exist")
        return cell

    def find(self, container_id: str) -> Cell | None:
        return self._cells.get(container_id)

    def of(self, sandbox_id: str | None) -> list[Cell]:
        """Those of a sandbox, or all, oldest first."""
        cells = sorted(self._cells.values(), key=lambda cell: cell.record.created_at)
        return [cell for cell in cells if sandbox_id in (None, cell.record.sandbox_id)]

    async def create(
        self, sandbox: SandboxRecord, config: ContainerConfig, *, folder: Path, isolation: Isolation
    ) -> Cell:
        """Make a container in the sandbox that lives in ``folder``.  Nothing stays if that fails or is cancelled."""
        own = Path(os.path.realpath(folder))  # who followed a volume's name names it by where it lies now
        refusals.check_container(config, isolation, owned=(*self._owned, own))
        try:
            image = self._images.rootfs(config.image)
        except NotFound as error:
            raise ImageFault(str(error)) from error
        record = ContainerRecord(
            id=secrets.token_hex(32),
            sandbox_id=sandbox.id,
            config=config,
            image_id=image.image_id,
            created_at=time.time_ns(),
            stop_signal=stop_signal(config, image.config),
            log=_log_path(sandbox, config),
        )
        order = Order(
            record=record,
            own=self._folder / record.id,
            sandbox=sandbox,
            pod=folder,
            image=image,
            isolation=isolation,
            roots=PodRoot(folder, isolation.mode, owned=self._owned),
        )
        work = asyncio.ensure_future(asyncio.to_thread(self._prepare, order))
        try:
            await asyncio.shield(work)
        except BaseException:
            await asyncio.wait([work])
            await asyncio.to_thread(self._discard, record)
            raise
        cell = Cell(record, order.own)
        self._cells[record.id] = cell
        self._publish(cell)
        return cell

    async def start(self, cell: Cell) -> None:
        """Raises ``StartFault``; then the container counts as exited."""
        if cell.started is not None or cell.exit is not None:
            raise StartFault(f"cannot start container {cell.record.config.name}: it is {cell.state.value}")
        try:
            await self._link.ask("start", plan=self.plan(cell))
        except Refused as error:
            message = f"cannot start container {cell.record.config.name}: {error.stage}: {error}"
            cell.fail(
                Exit(
                    code=_START_EXIT_CODE,
                    signal=0,
                    finished_at=time.time_ns(),
                    reason="StartError",
                    message=message,
                )
            )
            self._publish(cell)
            raise StartFault(message, exit_code=_START_EXIT_CODE) from error
        self._note_start(cell)

    def plan(self, cell: Cell) -> Plan:
        plan: Plan = json.loads((cell.folder / "plan.json").read_text())
        return plan

    async def stop(self, cell: Cell, *, grace: float) -> None:
        """Ask the main process to end, then kill all of the container; return when it has ended."""
        if not cell.running:
            return
        if grace > 0:
            await self.signal(cell, cell.record.stop_signal)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await cell.ended.wait()
        await self.kill(cell)

    async def signal(self, cell: Cell, number: int) -> None:
        """Signal the main process; nothing happens if it has ended."""
        if cell.running:
            with contextlib.suppress(Refused):
                await self._link.ask("signal", id=cell.record.id, number=number)

    async def kill(self, cell: Cell) -> None:
        """End all processes of the container and wait until that is so."""
        if cell.running:
            with contextlib.suppress(Refused):
                await self._link.ask("kill", id=cell.record.id)
            async with asyncio.timeout(KILL_SECONDS):
                await cell.ended.wait()

    async def remove(self, cell: Cell) -> None:
        """Remove it, by force if it runs."""
        await self.kill(cell)
        await asyncio.to_thread(self._discard, cell.record)
        if self._cells.pop(cell.record.id, None) is not None:
            self._hub.publish(
                ContainerEvent(container_id=cell.record.id, sandbox_id=cell.record.sandbox_id, container=None)
            )

    async def reopen_log(self, cell: Cell) -> None:
        if cell.running:
            with contextlib.suppress(Refused):
                await self._link.ask("reopen", id=cell.record.id)

    def stats(self, cells: Iterable[Cell]) -> list[ContainerStats]:
        """Blocking: reads /proc."""
        mains = {cell.started.pid for cell in self._cells.values() if cell.started and cell.running}
        found = []
        for cell in cells:
            if not cell.running or cell.started is None:
                continue
            main = cell.started.pid
            others = kin.members(cell.record.id, main, supervisor=self._link.pid, others=mains - {main})
            used = usage.of_processes([main, *others])
            found.append(
                ContainerStats(
                    container_id=cell.record.id,
                    at=time.time_ns(),
                    cpu_usage=used.cpu,
                    memory_usage=used.resident,
                    memory_working_set=used.resident,
                    memory_rss=used.private,
                    pids=used.processes,
                )
            )
        return found

    def told(self, event: Message) -> None:
        """The supervisor tells of an end."""
        cell = self._cells.get(event["id"])
        if cell is not None and cell.exit is None:
            self._note_start(cell)
            cell.note_end()
            self._publish(cell)

    def supervisor_lost(self) -> None:
        """With the supervisor its containers died; what is left of them is killed."""
        for cell in self._cells.values():
            if cell.running:
                cell.note_end()
                if cell.running:
                    self.lost(cell)
                self._publish(cell)

    def lost(self, cell: Cell) -> None:
        """Mark a container whose supervisor is gone; its main process, if it lives on, must not."""
        started = cell.started
        if started is not None and kin.start_time(started.pid) == started.start_time:
            for pid in (*kin.descendants(started.pid), started.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        cell.lose()

    def _prepare(self, order: Order) -> None:
        """Everything on disk that a container needs; its record last.  Blocking.  Raises ``CreateFault``."""
        own, record = order.own, order.record
        own.mkdir(mode=0o700)
        self._images.content.hold(record.image_id, record.id, own)
        try:
            plan = _make_root(order)
        except OSError as error:
            raise CreateFault(f"cannot create container {record.config.name}: {error}") from error
        (own / "plan.json").write_text(json.dumps(plan))
        records.save(own / "container.json", record)

    def _discard(self, record: ContainerRecord) -> None:
        """Blocking.  The root folder stays with its Pod: the next attempt takes it over."""
        removal.remove(self._folder / record.id)
        self._images.content.release(record.image_id, record.id)

    def _note_start(self, cell: Cell) -> None:
        """Once: the supervisor may tell of the end before the answer to the start is looked at."""
        if cell.started is None:
            cell.note_start()
            self._publish(cell)

    def _publish(self, cell: Cell) -> None:
        status = cell.status()
        self._hub.publish(
            ContainerEvent(container_id=status.id, sandbox_id=status.sandbox_id, container=status)
        )


def _make_root(order: Order) -> Plan:
    """The container's root folder, and how its process is launched in it."""
    config, roots, isolation = order.record.config, order.roots, order.isolation
    root = roots.place(config.name)
    files = {target: order.pod / name for target, name in _POD_FILES.items()}
    _fill(root, order.image, isolation)
    if isolation.mode is Mode.CHROOT:
        roots.furnish(root)
        for target, file in files.items():
            _copy_in(file, root, target)
        roots.link(root, config.mounts)
    around = Surroundings(
        isolation=isolation,
        sandbox=order.sandbox.config,
        ips=order.sandbox.ips,
        image=order.image,
        root=root,
        files=files,
    )
    return launch.container(
        config, around, container_id=order.record.id, folder=order.own, log=order.record.log
    )


def _log_path(sandbox: SandboxRecord, config: ContainerConfig) -> str:
    """Where the container's log is, "" if it has none."""
    folder = sandbox.config.log_directory
    return str(Path(folder, config.log_path)) if folder and config.log_path else ""


def _fill(root: Path, image: Rootfs, isolation: Isolation) -> None:
    layers = [Path(image.layers_dir, name) for name in image.lower]
    if isolation.overlay:
        for part in ("upper", "work"):
            place = root.with_name(f"{root.name}~{part}")
            removal.remove(place)
            place.mkdir()
            place.chmod(0o755)
    else:
        flatten(layers, root, relative_links=isolation.mode is Mode.PLAIN)


def _copy_in(file: Path, root: Path, target: str) -> None:
    """A Pod's own file in the place of the image's."""
    place = root / target.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.write_bytes(file.read_bytes())
    place.chmod(0o644)
