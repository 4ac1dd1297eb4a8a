"""Giving a volume to the Pod's ``fsGroup``: the group owns it, may write (or read), and what is made in it inherits the group.

(Source: tasks/configure-pod-container/security-context; kubelet `pkg/volume/volume_linux.go`.)
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from podling.agent.errors import VolumeFault
from podling.api.types import core_v1
from podling.runtime import linux

_READ_WRITE, _READ, _EXECUTE = 0o660, 0o440, 0o110


def fs_group(pod: core_v1.Pod) -> int | None:
    context = pod.spec.security_context if pod.spec else None
    return context.fs_group if context else None


def fs_user(pod: core_v1.Pod) -> int | None:
    """The user of all containers, if they have one and the same: then the token can be theirs alone."""
    spec = pod.spec or core_v1.PodSpec()
    shared = spec.security_context.run_as_user if spec.security_context else None
    users = {
        shared if own is None or own.run_as_user is None else own.run_as_user
        for own in (c.security_context for c in [*(spec.init_containers or []), *spec.containers])
    }
    return users.pop() if len(users) == 1 else None


def give(path: Path, pod: core_v1.Pod, *, readonly: bool = False) -> None:
    """Apply ``fsGroup`` to everything below ``path``, unless the policy says the top alone decides.  Blocks."""
    gid = fs_group(pod)
    context = pod.spec.security_context if pod.spec else None
    policy = context.fs_group_change_policy if context else None
    if gid is not None and (policy != "OnRootMismatch" or not _is_given(path, gid, readonly=readonly)):
        _give_all(path, gid, readonly=readonly)


def give_files(path: Path, pod: core_v1.Pod) -> None:
    """Let ``fsGroup`` read everything below ``path``, which we have just written; no policy is asked, as upstream asks none."""
    gid = fs_group(pod)
    if gid is not None:
        _give_all(path, gid, readonly=True)


def _is_given(path: Path, gid: int, *, readonly: bool) -> bool:
    found = path.stat()
    wanted = (_READ if readonly else _READ_WRITE) | stat.S_ISGID | _EXECUTE
    return found.st_gid == gid and found.st_mode & wanted == wanted


def _give_all(path: Path, gid: int, *, readonly: bool) -> None:
    """Containers may be at work below: what has been looked at is what is changed, and no link leads out of the volume."""
    waiting = ["."]
    while waiting:
        part = waiting.pop()
        with contextlib.suppress(FileNotFoundError):
            waiting += [f"{part}/{name}" for name in _give_one(path, part, gid, readonly=readonly)]


def _give_one(path: Path, part: str, gid: int, *, readonly: bool) -> list[str]:
    """Returns the names in it if it is a folder."""
    fd = linux.open_beneath(str(path), part, os.O_PATH | os.O_NOFOLLOW)
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISLNK(mode):
            return []
        held = f"/proc/self/fd/{fd}"
        os.chown(held, -1, gid)
        added = (_READ if readonly else _READ_WRITE) | (stat.S_ISGID | _EXECUTE if stat.S_ISDIR(mode) else 0)
        os.chmod(held, stat.S_IMODE(mode) | added)
        return os.listdir(held) if stat.S_ISDIR(mode) else []
    except PermissionError as error:
        raise VolumeFault(
            f"cannot honour fsGroup {gid}: this node may not give files to other groups"
        ) from error
    finally:
        os.close(fd)
