"""A part of a volume, safe from what containers may have put there.

The part is opened as if the volume were the root of everything (openat2 with RESOLVE_IN_ROOT: no link or ``..`` leads outside)
and what was opened, not its name, is bound to a path that containers cannot reach; the runtime mounts that.
(Source: concepts/storage/volumes, "Using subPath"; kubernetes `pkg/volume/util/subpath`.)
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from podling.agent.errors import ConfigFault
from podling.runtime import linux


def check(part: str) -> None:
    """Refuse what is no relative path without ``..``.  Raises ``ConfigFault``."""
    if part.startswith("/"):
        raise ConfigFault(f"subPath: must be a relative path: {part}")
    if ".." in part.split("/"):
        raise ConfigFault(f"subPath: must not contain '..': {part}")
    if "`" in part:
        raise ConfigFault(f"subPath: must not contain backticks: {part}")


def bind(volume: Path, part: str, target: Path) -> Path:
    """Make ``part`` of ``volume`` appear at ``target``; a folder is made where nothing is.  Returns the path to mount."""
    check(part)
    try:
        fd = _open(volume, part)
    except OSError as error:
        raise ConfigFault(f'failed to prepare subPath for volumeMount "{part}": {error.strerror}') from error
    try:
        return _bind_fd(fd, target)
    finally:
        os.close(fd)


def release(folder: Path) -> None:
    """Unmount and remove every bind made below ``folder``."""
    if not folder.is_dir():
        return
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in [*folders, *files]:
            path = Path(parent, name)
            linux.unmount(str(path))
            path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def _open(volume: Path, part: str) -> int:
    """The part itself, made as a folder with the volume's mode where it does not exist."""
    done = ""
    for name in [name for name in part.split("/") if name not in ("", ".")]:
        done = f"{done}/{name}" if done else name
        try:
            fd = linux.open_in_root(str(volume), done, os.O_PATH)
        except FileNotFoundError:
            _make(volume, done)
        else:
            os.close(fd)
    return linux.open_in_root(str(volume), done or ".", os.O_PATH)


def _make(volume: Path, part: str) -> None:
    parent, _, name = part.rpartition("/")
    mode = stat.S_IMODE(volume.stat().st_mode) & 0o777
    fd = linux.open_in_root(str(volume), parent or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.mkdir(name, mode, dir_fd=fd)
        os.chmod(name, mode, dir_fd=fd)
    finally:
        os.close(fd)


def _bind_fd(fd: int, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    linux.unmount(str(target))
    with contextlib.suppress(FileExistsError):
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            target.mkdir()
        else:
            target.touch()
    source = f"/proc/self/fd/{fd}"
    try:
        linux.mount(source, str(target), "", linux.MS_BIND | linux.MS_REC)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EACCES):
            raise ConfigFault(f"cannot bind {os.readlink(source)}: {error.strerror}") from error
        return Path(os.readlink(source))  # no privilege to mount: then containers have none either
    return target
