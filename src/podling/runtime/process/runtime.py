"""``ProcessRuntime``: Pods as plain processes, for machines that allow nothing better, behind ``interface.Runtime``.

The face, and the sandboxes, which are hardly more than an address and a folder here; ``containers`` has the rest.  The
supervisor keeps everything running while this process is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

from podling import __version__
from podling.runtime import removal
from podling.runtime.events import EventHub
from podling.runtime.images import ImageStore
from podling.runtime.interface import (
    Container,
    ContainerConfig,
    ContainerEvent,
    ContainerStats,
    CreateFault,
    DnsConfig,
    ExecResult,
    NamespaceMode,
    NotFound,
    Resources,
    RuntimeFault,
    RuntimeInfo,
    Sandbox,
    SandboxConfig,
    SandboxNetwork,
    SandboxState,
    Stream,
    Unavailable,
)

from . import isolation as ways
from . import records, refusals, sessions
from .containers import Containers
from .isolation import Isolation, Mode
from .link import Link
from .podroot import PodRoot
from .records import SandboxRecord
from .sessions import Command


class ProcessRuntime:
    """``state_dir`` is this runtime's own folder.  ``owned`` names folders of the agent whose children are each one
    Pod's (its volumes): in a chroot they are moved below the Pod's root while it runs, and stay good under their names.

    ``at_most`` rules out better isolation than that; for who wants less than the machine allows.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        images: ImageStore,
        network: SandboxNetwork,
        owned: Sequence[Path] = (),
        at_most: Mode = Mode.NAMESPACES,
    ) -> None:
        self._state_dir = state_dir
        self._network = network
        self._at_most = at_most
        self._owned = tuple(Path(os.path.realpath(folder)) for folder in owned)
        self._hub = EventHub()
        self._link = Link(state_dir, on_event=self._told, on_lost=self._lost)
        self._containers = Containers(
            state_dir / "containers", link=self._link, images=images, hub=self._hub, owned=self._owned
        )
        self._sandboxes: dict[str, SandboxRecord] = {}
        self._isolation: Isolation | None = None
        self._lock = -1

    @property
    def isolation(self) -> Isolation:
        """How containers are kept apart; known once started."""
        if self._isolation is None:
            raise Unavailable("cannot use process containers: the runtime is not started")
        return self._isolation

    async def start(self) -> None:
        """Find or start the supervisor and adopt what runs.  Raises ``Unavailable`` with what is missing."""
        self._lock = _lock(self._state_dir)
        try:
            await self._link.open()
            self._isolation = ways.choose(self._link.abilities, at_most=self._at_most)
            await asyncio.to_thread(self._load)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go; containers run on.  Safe to repeat."""
        self._link.close()
        self._hub.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def info(self) -> RuntimeInfo:
        """How far containers are kept apart is in it once started."""
        way = self._isolation
        return RuntimeInfo(
            name="process",
            version=__version__,
            not_isolated=way.not_isolated if way else (),
            strict_groups=way is not None and way.every_id,
            isolation=way.mode.value if way else "",
        )

    def events(self) -> AsyncIterator[ContainerEvent]:
        return self._hub.subscribe()

    async def run_sandbox(self, config: SandboxConfig, *, handler: str = "") -> Sandbox:
        refusals.check_sandbox(config)
        for known in self._sandboxes.values():
            if (known.config.uid, known.config.attempt) == (config.uid, config.attempt):
                raise RuntimeFault(
                    f"cannot run sandbox of {config.namespace}/{config.name}: attempt {config.attempt} has one, {known.id}"
                )
        record = SandboxRecord(
            id=secrets.token_hex(32),
            config=config,
            created_at=time.time_ns(),
            boot=records.boot_id(),
            mode=self.isolation.mode.value,
        )
        folder = self._folder(record.id)
        try:
            record = replace(record, ips=await self._attach(record))
            folder.mkdir(mode=0o711, parents=True)
            _write_pod_files(folder, record)
            records.save(folder / "sandbox.json", record)
        except BaseException as error:
            await self._network.detach(record.id)
            await asyncio.to_thread(removal.remove, folder)
            if isinstance(error, OSError):
                raise RuntimeFault(
                    f"cannot run sandbox of {config.namespace}/{config.name}: {error}"
                ) from error
            raise
        self._sandboxes[record.id] = record
        return _view(record)

    async def stop_sandbox(self, sandbox_id: str) -> None:
        record = self._sandboxes.get(sandbox_id)
        if record is None:
            return
        await asyncio.gather(*(self._containers.kill(cell) for cell in self._containers.of(sandbox_id)))
        await asyncio.to_thread(self._root(record).give_back)
        await self._network.detach(sandbox_id)
        stopped = replace(record, ready=False)
        if sandbox_id in self._sandboxes:
            records.save(self._folder(sandbox_id) / "sandbox.json", stopped)
            self._sandboxes[sandbox_id] = stopped

    async def remove_sandbox(self, sandbox_id: str) -> None:
        if sandbox_id not in self._sandboxes:
            return
        await self.stop_sandbox(sandbox_id)
        for cell in self._containers.of(sandbox_id):
            await self._containers.remove(cell)
        await asyncio.to_thread(removal.remove, self._folder(sandbox_id))
        self._sandboxes.pop(sandbox_id, None)

    async def sandbox(self, sandbox_id: str) -> Sandbox:
        return _view(self._record(sandbox_id))

    async def list_sandboxes(self) -> list[Sandbox]:
        return [_view(record) for record in sorted(self._sandboxes.values(), key=lambda r: r.created_at)]

    async def create_container(self, sandbox_id: str, config: ContainerConfig) -> str:
        record = self._record(sandbox_id)
        if not record.ready:
            raise CreateFault(f"cannot create container {config.name}: sandbox {sandbox_id} is not ready")
        cell = await self._containers.create(
            record, config, folder=self._folder(sandbox_id), isolation=self._isolation_of(record)
        )
        return cell.record.id

    async def start_container(self, container_id: str) -> None:
        await self._containers.start(self._containers.get(container_id))

    async def stop_container(self, container_id: str, *, grace: float) -> None:
        if cell := self._containers.find(container_id):
            await self._containers.stop(cell, grace=grace)

    async def signal_container(self, container_id: str, signal: int) -> None:
        await self._containers.signal(self._containers.get(container_id), signal)

    async def remove_container(self, container_id: str) -> None:
        if cell := self._containers.find(container_id):
            await self._containers.remove(cell)

    async def container(self, container_id: str) -> Container:
        return self._containers.get(container_id).status()

    async def list_containers(self, sandbox_id: str | None = None) -> list[Container]:
        return [cell.status() for cell in self._containers.of(sandbox_id)]

    async def update_sandbox(self, sandbox_id: str, resources: Resources) -> None:
        """Nothing to do, for the same reason as in ``update_resources``."""
        self._record(sandbox_id)

    async def update_resources(self, container_id: str, resources: Resources) -> None:
        """Nothing to do: limits are not enforced, as ``info`` announces."""
        self._containers.get(container_id)

    async def reopen_log(self, container_id: str) -> None:
        await self._containers.reopen_log(self._containers.get(container_id))

    async def stats(self, container_id: str | None = None, *, disk: bool = True) -> list[ContainerStats]:
        cells = self._containers.of(None) if container_id is None else [self._containers.get(container_id)]
        return await asyncio.to_thread(self._containers.stats, cells)

    async def exec_sync(self, container_id: str, command: Sequence[str], *, limit: float) -> ExecResult:
        return await sessions.exec_sync(self._link, self._command(container_id, command), limit=limit)

    def exec(
        self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool
    ) -> AbstractAsyncContextManager[Stream]:
        return sessions.execute(self._link, self._command(container_id, command), stdin=stdin, tty=tty)

    def attach(self, container_id: str, *, stdin: bool, tty: bool) -> AbstractAsyncContextManager[Stream]:
        return sessions.attach(self._link, self._containers.get(container_id), stdin=stdin)

    def port_forward(self, sandbox_id: str, port: int) -> AbstractAsyncContextManager[Stream]:
        return sessions.port_forward(_view(self._record(sandbox_id)), port)

    def _command(self, container_id: str, command: Sequence[str]) -> Command:
        cell = self._containers.get(container_id)
        return Command(cell, self._containers.plan(cell), command)

    def _isolation_of(self, record: SandboxRecord) -> Isolation:
        """A sandbox keeps the way it was made in, whatever was allowed since."""
        return replace(self.isolation, mode=Mode(record.mode))

    def _root(self, record: SandboxRecord) -> PodRoot:
        return PodRoot(self._folder(record.id), Mode(record.mode), owned=self._owned)

    def _folder(self, sandbox_id: str) -> Path:
        return self._state_dir / "sandboxes" / sandbox_id

    def _record(self, sandbox_id: str) -> SandboxRecord:
        if sandbox_id not in self._sandboxes:
            raise NotFound(f"cannot find sandbox {sandbox_id}: it does not exist")
        return self._sandboxes[sandbox_id]

    async def _attach(self, record: SandboxRecord) -> tuple[str, ...]:
        if record.config.namespaces.network is NamespaceMode.NODE:
            return ()
        return await self._network.attach(record.id, "", record.config)

    def _load(self) -> None:
        sandboxes = self._state_dir / "sandboxes"
        sandboxes.mkdir(mode=0o711, exist_ok=True)
        for folder in sandboxes.iterdir():
            record = records.load(folder / "sandbox.json", SandboxRecord)
            if record is None:
                removal.remove(folder)
                continue
            self._sandboxes[record.id] = replace(
                record, ready=record.ready and record.boot == records.boot_id()
            )
        self._containers.load(running=self._link.containers)

    def _told(self, event: dict[str, object]) -> None:
        self._containers.told(event)

    def _lost(self) -> None:
        self._containers.supervisor_lost()


def _view(record: SandboxRecord) -> Sandbox:
    return Sandbox(
        id=record.id,
        name=record.config.name,
        namespace=record.config.namespace,
        uid=record.config.uid,
        attempt=record.config.attempt,
        state=SandboxState.READY if record.ready else SandboxState.NOT_READY,
        created_at=record.created_at,
        ips=record.ips,
        labels=record.config.labels,
        annotations=record.config.annotations,
    )


def _write_pod_files(folder: Path, record: SandboxRecord) -> None:
    """The files of /etc that a Pod has of its own."""
    name = record.config.hostname or os.uname().nodename
    dns = record.config.dns
    address = next(iter(record.ips), "127.0.0.1")
    files = {
        "resolv.conf": _resolver(dns) if dns else _read_or_nothing(Path("/etc/resolv.conf")),
        "hostname": f"{name}\n",
        "hosts": f"127.0.0.1\tlocalhost\n::1\tlocalhost\n{address}\t{name}\n",
    }
    for file, text in files.items():
        path = folder / file
        path.write_text(text)
        path.chmod(0o644)


def _resolver(dns: DnsConfig) -> str:
    lines = [f"search {' '.join(dns.searches)}"] if dns.searches else []
    lines += [f"nameserver {server}" for server in dns.servers]
    if dns.options:
        lines.append(f"options {' '.join(dns.options)}")
    return "".join(f"{line}\n" for line in lines)


def _read_or_nothing(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""


def _lock(state_dir: Path) -> int:
    try:
        state_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        fd = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"cannot use state folder {state_dir}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise Unavailable(f"cannot use state folder {state_dir}: another process drives it") from error
    return fd
