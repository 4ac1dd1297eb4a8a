"""A part of a volume, safe from what containers may have put there.

The part is opened so that no link and no ``..`` leads out of the volume (openat2 with RESOLVE_BENEATH: an absolute link leads out
by itself), and what was opened, not its name, is bound to a path that containers cannot reach; the runtime mounts that.  Whatever a container
puts in the place of a folder meanwhile, what is mounted is what was looked at.

Where mounting is not permitted a file is linked instead: it stays what it is when the volume's files are replaced, as a mount would.
(Source: concepts/storage/volumes, "Using subPath"; kubernetes `pkg/volume/util/subpath`.)
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from podling.agent.errors import ConfigFault
from podling.runtime import linux, removal


def check(part: str) -> None:
    """Refuse what is no relative path without ``..``.  Raises ``ConfigFault``."""
    if part.startswith("/"):
        raise ConfigFault(f"error SubPath `{part}` must not be an absolute path")
    if ".." in part.split("/"):
        raise ConfigFault(f"unable to provision SubPath `{part}`: must not contain '..'")


def make(volume: Path, part: str) -> None:
    """Make ``part`` as a folder of the volume, with the volume's own mode, where nothing is.  Raises OSError."""
    done = ""
    for name in part.split("/"):
        if name in ("", "."):
            continue
        parent, done = done, f"{done}/{name}" if done else name
        try:
            os.close(linux.open_beneath(str(volume), done, os.O_PATH))
        except FileNotFoundError:
            _make_folder(volume, parent or ".", name)


def bind(volume: Path, part: str, target: Path) -> Path:
    """Make ``part`` of ``volume`` appear at ``target``.  Returns the path to mount.  Raises OSError."""
    fd = linux.open_beneath(str(volume), part, os.O_PATH)
    try:
        return _bind_fd(fd, target)
    finally:
        os.close(fd)


def _make_folder(volume: Path, parent: str, name: str) -> None:
    mode = stat.S_IMODE(volume.stat().st_mode)
    fd = linux.open_beneath(str(volume), parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.mkdir(name, mode, dir_fd=fd)
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        try:
            os.fchmod(made, mode)
        finally:
            os.close(made)
    finally:
        os.close(fd)


def _bind_fd(fd: int, target: Path) -> Path:
    """Whatever an earlier attempt left at ``target`` gives way."""
    held = f"/proc/self/fd/{fd}"
    is_folder = stat.S_ISDIR(os.fstat(fd).st_mode)
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear(target)
    target.mkdir() if is_folder else target.touch()
    try:
        linux.mount(held, str(target), "", linux.MS_BIND | linux.MS_REC)
    except PermissionError:
        _clear(target)
        return _link(fd, target, is_folder=is_folder)
    return target


def _link(fd: int, target: Path, *, is_folder: bool) -> Path:
    """No privilege to mount: then containers have none either, and cannot be led astray by more than they may do anyhow."""
    held = f"/proc/self/fd/{fd}"
    if not is_folder:
        try:
            os.link(held, target, src_dir_fd=fd, follow_symlinks=True)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EACCES):
                raise
        else:
            return target
    return Path(os.readlink(held))


def _clear(target: Path) -> None:
    while linux.unmount(str(target)):
        pass
    if target.is_dir() and not target.is_symlink():
        removal.remove(target)
    else:
        target.unlink(missing_ok=True)
