"""A sandbox's user namespace, in which root is nobody on the node, and the other namespaces that belong to it.

A thread cannot make one for itself, so a short-lived program does: it unshares all at once and waits while its maps are
written and the namespaces are kept by bind mounts, then it is let go; no process stays.  What the node lends to such a
Pod (layers of the image, volumes) is mounted with its ids mapped, so that files on disk keep their owners as they are.
(Source: KEP-127; user_namespaces(7), mount_setattr(2).)
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from podling.aio import pipes, spawn
from podling.runtime import linux
from podling.runtime.images import builtin
from podling.runtime.interface import CreateFault, IdMapping, ImageFault, Unsupported

from .mountspace import Workers

_WHAT = "hostUsers: false"
_LIMIT = Path("/proc/sys/user/max_user_namespaces")
_READY = b"."


def fault(state_dir: Path) -> str:
    """Why this machine and this state folder allow no user namespaces; "" if they do as far as can be seen."""
    try:
        if int(_LIMIT.read_text()) == 0:
            return "the machine allows no user namespaces"
    except (OSError, ValueError):
        return "the kernel has no user namespaces"
    if not linux.can_change_mount_trees():
        return "the kernel cannot map the ids of mounts"
    closed = [folder for folder in (state_dir, *state_dir.parents) if not _is_open(folder)]
    return f"users other than root may not pass the folder {closed[-1]}" if closed else ""


@asynccontextmanager
async def donor(users: Sequence[IdMapping] | None, workers: Workers) -> AsyncIterator[int]:
    """A process in new namespaces of every sort that a sandbox keeps, with its ids mapped; 0 where none is asked for."""
    if users is None:
        yield 0
        return
    try:
        busybox = str((await builtin.find()).path)
        argv = [busybox, "unshare", "-U", "-n", "-i", "-u", busybox, "cat"]
        process = await spawn.spawn(
            argv, stdin=spawn.PIPE, stdout=spawn.PIPE, stderr=spawn.DEVNULL, thread=workers.executor
        )
    except (ImageFault, spawn.SpawnFault) as error:
        raise Unsupported(_WHAT, str(error)) from error
    async with process:
        try:
            await pipes.write(process.stdin, _READY)
            if await pipes.read(process.stdout) != _READY:
                raise Unsupported(_WHAT, "the machine refuses to make a user namespace")
            await workers.run(_write_maps, process.pid, users)
            yield process.pid
        finally:
            process.kill()
            await process.settle()


def mount_mapped(source: str, target: str, userns: str) -> None:
    """Bind ``source`` and what is mounted in it on ``target``, ids mapped as in ``userns``.  Raises ``CreateFault``."""
    try:
        linux.mount_mapped(source, target, userns)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        hint = "maybe the filesystem used doesn't support idmap mounts on this kernel?"
        raise CreateFault(f"failed to set MOUNT_ATTR_IDMAP on {source}: {why} ({hint})") from error


def host_root(users: Sequence[IdMapping]) -> int:
    """Who the Pod's root is on the node."""
    return next((line.host for line in users if line.container == 0), 0)


def _write_maps(pid: int, users: Sequence[IdMapping]) -> None:
    lines = "".join(f"{line.container} {line.host} {line.length}\n" for line in users)
    for file in ("uid_map", "gid_map"):
        Path(f"/proc/{pid}/{file}").write_text(lines)


def _is_open(folder: Path) -> bool:
    try:
        return bool(stat.S_IMODE(os.stat(folder).st_mode) & stat.S_IXOTH)
    except FileNotFoundError:
        return True  # made later, and open
