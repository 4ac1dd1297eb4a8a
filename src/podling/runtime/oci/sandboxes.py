"""Sandboxes: what the containers of one Pod share, made, kept on disk, stopped and removed.

A sandbox is namespaces kept by bind mounts, a shared /dev/shm, resolv.conf and hostname files, a control group and
a network attachment; no process, unless a PID namespace is shared (``pause``).  ``sandbox.json`` is written before
anything else and again when all is there, so that a half-made one is recognised and undone after a crash.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from podling.runtime import linux
from podling.runtime.cgroups import CgroupFault
from podling.runtime.interface import (
    CreateFault,
    DnsConfig,
    NamespaceMode,
    NotFound,
    Resources,
    RuntimeFault,
    Sandbox,
    SandboxConfig,
    SandboxState,
    Unsupported,
)

from . import namespaces, records, usernamespaces
from .config import OciConfig
from .context import Context
from .pause import Pause
from .records import ProcessId, SandboxRecord

_SHM_OPTIONS = "mode=1777,size=65536k"


@dataclass(slots=True)
class Box:
    """One sandbox in memory."""

    record: SandboxRecord
    folder: Path

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def config(self) -> SandboxConfig:
        return self.record.config

    @property
    def own_kinds(self) -> list[str]:
        return own_kinds(self.config)

    def namespace(self, kind: str) -> str:
        return str(self.folder / "ns" / kind)

    @property
    def userns(self) -> str:
        """The path of the Pod's own user namespace; "" if it has the node's."""
        return "" if self.config.namespaces.users is None else self.namespace("user")

    @property
    def is_ready(self) -> bool:
        """Ready, and the holder of its shared PID namespace, if it has one, lives."""
        holder = self.record.pause
        return self.record.ready and (holder is None or ProcessId.of(holder.pid) == holder)

    def view(self) -> Sandbox:
        config, record, is_ready = self.config, self.record, self.is_ready
        return Sandbox(
            id=record.id,
            name=config.name,
            namespace=config.namespace,
            uid=config.uid,
            attempt=config.attempt,
            state=SandboxState.READY if is_ready else SandboxState.NOT_READY,
            created_at=record.created_at,
            ips=record.ips if is_ready else (),
            labels=config.labels,
            annotations=config.annotations,
            netns=self.namespace("net") if "net" in self.own_kinds and is_ready else "",
        )


@dataclass(slots=True)
class Sandboxes:
    """All sandboxes of the node by id."""

    context: Context
    pause: Pause
    boxes: dict[str, Box] = field(default_factory=dict)

    async def run(self, config: SandboxConfig, *, handler: str) -> Box:
        """Make a sandbox; all or nothing, also when cancelled."""
        self._check(config, handler)
        box_id = secrets.token_hex(32)
        folder = self.context.config.sandboxes / box_id
        record = SandboxRecord(id=box_id, config=config, created_at=time.time_ns(), handler=handler)
        box = Box(record, folder)
        self.boxes[box_id] = box  # claims the Pod's attempt
        try:
            async with usernamespaces.donor(config.namespaces.users, self.context.workers) as donor:
                await self.context.workers.run(_make, self.context, box, donor=donor)
            ips: tuple[str, ...] = ()
            if "net" in box.own_kinds:
                ips = await self.context.network.attach(box_id, box.namespace("net"), config)
            users = config.namespaces.users
            holder = None
            if _shares_pids(config):
                holder = await self.pause.start(box_id, folder, group(config), users=users)
            box.record = replace(record, made=True, ready=True, ips=ips, pause=holder)
            await self.context.workers.run(records.save, folder / "sandbox.json", box.record)
        except BaseException as error:
            del self.boxes[box_id]
            await self.undo(box)
            if isinstance(error, (OSError, CgroupFault)):
                raise CreateFault(
                    f"cannot make sandbox of Pod {config.namespace}/{config.name}: {error}"
                ) from error
            raise
        return box

    def get(self, sandbox_id: str) -> Box:
        """Raises ``NotFound``."""
        try:
            return self.boxes[sandbox_id]
        except KeyError:
            raise NotFound(f"cannot find sandbox {sandbox_id}") from None

    async def update(self, box: Box, resources: Resources) -> None:
        """Set other limits for the whole Pod."""
        try:
            await self.context.workers.run(self.context.tree.apply, group(box.config), resources)
        except CgroupFault as error:
            raise RuntimeFault(f"cannot update sandbox {box.id}: {error}") from error

    async def stop(self, box: Box) -> None:
        """Take network and namespaces; the containers must have ended.  Idempotent."""
        await self.context.network.detach(box.id)
        if box.record.pause is not None:
            await self.pause.stop(box.id, box.record.pause)
        box.record = replace(box.record, ready=False, pause=None)
        await self.context.workers.run(_stop, box)

    async def remove(self, box: Box) -> None:
        """Leave nothing of a stopped sandbox.  Idempotent."""
        self.boxes.pop(box.id, None)
        shared = any(group(other.config) == group(box.config) for other in self.boxes.values())
        await self.context.workers.run(_remove, self.context, box, keep_group=shared)

    async def undo(self, box: Box) -> None:
        """Take back whatever exists of a half-made sandbox."""
        with contextlib.suppress(Exception):  # the first error counts; what is left goes at the next start
            await self.context.network.detach(box.id)
        with contextlib.suppress(Exception):
            await self.pause.discard(box.id)
        await self.remove(box)

    def _check(self, config: SandboxConfig, handler: str) -> None:
        known = self.context.launchers
        if handler not in known:
            raise Unsupported(
                f"runtime handler {handler!r}", f"this node has only {', '.join(filter(None, known))}"
            )
        if config.namespaces.users is not None:
            _check_users(self.context, config)
        namespaces.check_sysctls(config.sysctls, own_kinds(config))
        identity = (config.namespace, config.name, config.uid, config.attempt)
        for box in self.boxes.values():
            other = box.config
            if (other.namespace, other.name, other.uid, other.attempt) == identity:
                raise CreateFault(
                    f"cannot make sandbox of Pod {config.namespace}/{config.name}: {box.id} is the same attempt"
                )


def own_kinds(config: SandboxConfig) -> list[str]:
    """The namespaces that the Pod has of its own and keeps by bind mounts."""
    options = config.namespaces
    kinds = [] if options.network is NamespaceMode.NODE else ["net", "uts"]
    kinds += [] if options.ipc is NamespaceMode.NODE else ["ipc"]
    return kinds if options.users is None else [*kinds, "user"]


def _check_users(context: Context, config: SandboxConfig) -> None:
    """Raises ``Unsupported`` where the Pod cannot have users of its own."""
    options = config.namespaces
    if NamespaceMode.NODE in (options.network, options.ipc, options.pid):
        raise Unsupported("hostUsers: false", "the Pod uses other namespaces of the node")
    if why := usernamespaces.fault(context.config.state_dir):
        raise Unsupported("hostUsers: false", why)


def _shares_pids(config: SandboxConfig) -> bool:
    return config.namespaces.pid is NamespaceMode.POD


def group(config: SandboxConfig) -> str:
    """The Pod's control group, below the node's."""
    return config.cgroup_parent.strip("/") or f"pod-{config.uid or config.name}"


def resolv_conf(dns: DnsConfig | None) -> str:
    """The text of the Pod's resolv.conf; the node's own where nothing was asked."""
    if dns is None:
        with contextlib.suppress(OSError):
            return Path("/etc/resolv.conf").read_text()
        return ""
    lines = [f"search {' '.join(dns.searches)}"] if dns.searches else []
    lines += [f"nameserver {server}" for server in dns.servers]
    lines += [f"options {' '.join(dns.options)}"] if dns.options else []
    return "".join(line + "\n" for line in lines)


def load(folder: Path) -> Box | None:
    """A sandbox from disk, None if its record is missing.  Ready only with all its namespaces in place."""
    record = records.load(folder / "sandbox.json", SandboxRecord)
    if record is None:
        return None
    box = Box(record, folder)
    whole = all(namespaces.is_kept(folder / "ns", kind) for kind in box.own_kinds)
    box.record = replace(record, ready=record.ready and whole)
    return box


def clear(config: OciConfig, sandbox_id: str) -> None:
    """Remove a sandbox's folder with the mounts in it; its network must have been taken back."""
    folder = config.sandboxes / sandbox_id
    linux.unmount(str(folder))
    shutil.rmtree(folder, ignore_errors=True)
    (config.known / sandbox_id).unlink(missing_ok=True)


def _make(context: Context, box: Box, *, donor: int) -> None:
    config, folder = box.config, box.folder
    (context.config.known / box.id).touch()
    folder.mkdir(mode=0o711)
    linux.mount(
        str(folder), str(folder), flags=linux.MS_BIND
    )  # taken away with all that is mounted below, in one go
    records.save(folder / "sandbox.json", box.record)
    context.tree.make(group(config), config.resources)
    context.warmth.kindle_nowait()  # holds up other work on groups, hence after it
    kept, named, sysctls = folder / "ns", config.hostname, config.sysctls
    if donor:
        namespaces.take(kept, box.own_kinds, donor=donor, hostname=named, sysctls=sysctls)
    else:
        namespaces.make(kept, box.own_kinds, hostname=named, sysctls=sysctls)
    if "ipc" in box.own_kinds:
        (folder / "shm").mkdir()
        flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
        linux.mount("shm", str(folder / "shm"), "tmpfs", flags, _SHM_OPTIONS)
    (folder / "resolv.conf").write_text(resolv_conf(config.dns))
    (folder / "hostname").write_text(f"{config.hostname}\n")


def _stop(box: Box) -> None:
    if box.folder.is_dir():
        linux.unmount(str(box.folder))
        records.save(box.folder / "sandbox.json", box.record)


def _remove(context: Context, box: Box, *, keep_group: bool) -> None:
    if not keep_group:
        context.tree.remove(group(box.config))
        context.space.forget_group(context.tree.absolute(group(box.config)))
    clear(context.config, box.id)
