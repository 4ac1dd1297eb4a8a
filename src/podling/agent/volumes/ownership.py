"""Giving a volume to the Pod's ``fsGroup``: the group owns it, may write (or read), and what is made in it inherits the group.

(Source: tasks/configure-pod-container/security-context; kubelet `pkg/volume/volume_linux.go`.)
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from podling.agent.errors import VolumeFault
from podling.api.types import core_v1

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
    if gid is None:
        return
    context = pod.spec.security_context if pod.spec else None
    policy = context.fs_group_change_policy if context else None
    if policy == "OnRootMismatch" and _is_given(path, gid, readonly=readonly):
        return
    _give_one(path, gid, readonly=readonly)
    for parent, folders, names in os.walk(path):
        for name in [*folders, *names]:
            _give_one(Path(parent, name), gid, readonly=readonly)


def _is_given(path: Path, gid: int, *, readonly: bool) -> bool:
    found = path.stat()
    wanted = (_READ if readonly else _READ_WRITE) | stat.S_ISGID | _EXECUTE
    return found.st_gid == gid and found.st_mode & wanted == wanted


def _give_one(path: Path, gid: int, *, readonly: bool) -> None:
    found = path.lstat()
    try:
        os.chown(path, -1, gid, follow_symlinks=False)
    except PermissionError as error:
        raise VolumeFault(
            f"cannot honour fsGroup {gid}: this node may not give files to other groups"
        ) from error
    if stat.S_ISLNK(found.st_mode):
        return
    mode = stat.S_IMODE(found.st_mode) | (_READ if readonly else _READ_WRITE)
    if stat.S_ISDIR(found.st_mode):
        mode |= stat.S_ISGID | _EXECUTE
    path.chmod(mode)
