"""The one process that a sandbox may need: the first of a PID namespace that the Pod's containers share.

It runs in a tiny root of its own (the static busybox and nothing else), without capabilities, as nobody, and lets the
kernel reap orphans by ignoring SIGCHLD.  Pods that do not share their PID namespace have no such process.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from podling.aio import pipes, spawn
from podling.runtime.cgroups import CgroupTree
from podling.runtime.images import builtin
from podling.runtime.interface import CreateFault, IdMapping, ImageFault, Unsupported

from . import spec
from .config import OciConfig
from .mountspace import Workers
from .records import ProcessId

_SCRIPT = "trap '' CHLD; exec /busybox sleep 2147483647"
_NOBODY = 65534
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Starts and stops the holders of shared PID namespaces."""

    config: OciConfig
    runtime: Path
    workers: Workers
    tree: CgroupTree

    async def start(
        self, sandbox_id: str, folder: Path, group: str, *, users: Sequence[IdMapping] | None
    ) -> ProcessId:
        """Run the holder for ``sandbox_id`` inside its namespaces below control group ``group``."""
        try:
            busybox = await builtin.find()
        except ImageFault as error:
            raise Unsupported("shareProcessNamespace", str(error)) from error
        await self.workers.run(self._prepare, busybox.path, folder, f"{group}/pause", users)
        bundle = folder / "pause"
        name = f"pause-{sandbox_id}"
        argv = [str(self.runtime), f"--root={self.config.run}", "run", "--detach", f"--bundle={bundle}"]
        argv += [f"--pid-file={bundle / 'pid'}", name]
        said = bundle / "output"
        code = await self._carry_out(argv, said)
        process = ProcessId.of(int((bundle / "pid").read_text())) if code == 0 else None
        if process is None:
            why = said.read_text(errors="replace").strip() or "its process is gone"
            raise CreateFault(f"cannot start the holder of a shared PID namespace: {why}")
        return process

    async def _carry_out(self, argv: Sequence[str], output: Path) -> int:
        """The exit code. The holder inherits the streams and keeps them open, so they are a file and not pipes to wait for."""
        try:
            with output.open("wb") as file:
                started = await spawn.spawn(
                    argv, stdout=file.fileno(), stderr=file.fileno(), thread=self.workers.executor
                )
        except spawn.SpawnFault as error:
            raise CreateFault(f"cannot start the holder of a shared PID namespace: {error}") from error
        async with started:
            try:
                async with asyncio.timeout(_START_SECONDS):
                    return await started.wait()
            except TimeoutError:
                raise CreateFault(
                    f"cannot start the holder of a shared PID namespace: not done in {_START_SECONDS:.0f} s"
                ) from None
            finally:
                if started.returncode is None:
                    started.kill()
                    await started.settle()

    async def stop(self, sandbox_id: str, holder: ProcessId) -> None:
        """Kill the holder, and with it all that is left in its namespace.  Idempotent."""
        pidfd = holder.open()
        if pidfd >= 0:
            try:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                await pipes.wait_readable(pidfd)
            except ProcessLookupError:
                pass
            finally:
                os.close(pidfd)
        await self.discard(sandbox_id)

    async def discard(self, sandbox_id: str) -> None:
        """Remove the OCI runtime's memory of a holder, dead or half-started.  Idempotent."""
        state = self.config.run / f"pause-{sandbox_id}"
        if state.is_dir():
            argv = [str(self.runtime), f"--root={self.config.run}", "delete", "--force", state.name]
            await spawn.run(argv, limit_seconds=_START_SECONDS, thread=self.workers.executor)
            await self.workers.run(shutil.rmtree, state, ignore_errors=True)

    def _prepare(self, busybox: Path, folder: Path, group: str, users: Sequence[IdMapping] | None) -> None:
        root = folder / "pause" / "rootfs"
        for name in ("proc", "dev"):
            (root / name).mkdir(parents=True)
        shutil.copy2(busybox, root / "busybox")
        kept = {"network": "net", "uts": "uts", "ipc": "ipc", "user": "user"}
        namespaces = [
            {"type": kind, "path": str(folder / "ns" / file)}
            for kind, file in kept.items()
            if (folder / "ns" / file).exists()
        ]
        document = {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": _NOBODY, "gid": _NOBODY},
                "args": ["/busybox", "sh", "-c", _SCRIPT],
                "cwd": "/",
                "noNewPrivileges": True,
            },
            "root": {"path": str(root), "readonly": True},
            "mounts": [
                {
                    "destination": "/proc",
                    "type": "proc",
                    "source": "proc",
                    "options": ["nosuid", "noexec", "nodev"],
                },
                {
                    "destination": "/dev",
                    "type": "tmpfs",
                    "source": "tmpfs",
                    "options": ["nosuid", "mode=755", "size=64k"],
                },
            ],
            "linux": {
                "cgroupsPath": self.tree.absolute(group),
                "namespaces": [{"type": "pid"}, {"type": "mount"}, *namespaces],
                **spec.id_mappings(users),
            },
        }
        (folder / "pause" / "config.json").write_text(json.dumps(document))
