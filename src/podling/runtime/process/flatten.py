"""An image's layers copied into one folder: what overlayfs would show, where nothing may be mounted.

Layers are as ``runtime.images`` unpacks them: whiteouts are character devices 0:0, opaque folders carry an attribute.
Copies share blocks with the store where the file system can (reflink), so that a container's writes never reach it.
Plain calls on plain strings: an image holds thousands of names.  Blocking: for a worker thread.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

_FICLONE = 0x40049409
_NO_REFLINK = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS)
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")


def flatten(layers: Sequence[Path], target: Path, *, relative_links: bool = False) -> None:
    """Copy ``layers``, topmost first, into the existing folder ``target``.

    ``relative_links`` rewrites absolute links to lead to the same place inside ``target``, for whoever does not have it
    as its root.
    """
    copier = _Copier(str(target), relative_links=relative_links)
    for layer in reversed(layers):
        copier.copy_folder(str(layer), str(target), os.stat(layer), is_new=False)


class _Copier:
    def __init__(self, root: str, *, relative_links: bool) -> None:
        self._root = root
        self._relative_links = relative_links
        self._is_root = os.geteuid() == 0
        self._linked: dict[tuple[int, int], str] = {}

    def copy_folder(self, source: str, target: str, status: os.stat_result, *, is_new: bool) -> None:
        """``is_new``: the target is empty, so nothing in it has to give way."""
        if not is_new and _is_opaque(source):
            for name in os.listdir(target):
                _remove(f"{target}/{name}")
        with os.scandir(source) as entries:
            for entry in entries:
                self._copy(entry, f"{target}/{entry.name}", is_new=is_new)
        self._dress(status, target)

    def _copy(self, entry: os.DirEntry[str], target: str, *, is_new: bool) -> None:
        status = entry.stat(follow_symlinks=False)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            merge = not is_new and os.path.isdir(target) and not os.path.islink(target)
            if not merge:
                if not is_new:
                    _remove(target)
                os.mkdir(target)
            self.copy_folder(entry.path, target, status, is_new=not merge)
            return
        if not is_new:
            _remove(target)
        if kind == stat.S_IFLNK:
            os.symlink(self._destination(entry.path, target), target)
            self._dress(status, target)
        elif kind == stat.S_IFREG:
            if not self._link_again(status, target):
                _copy_file(entry.path, target)
                self._dress(status, target)
        elif kind != stat.S_IFCHR or status.st_rdev:
            with contextlib.suppress(
                PermissionError
            ):  # devices need a privilege; images hardly ever hold any
                os.mknod(target, status.st_mode, status.st_rdev)
                self._dress(status, target)

    def _link_again(self, status: os.stat_result, target: str) -> bool:
        """Names of one file stay names of one file."""
        if status.st_nlink < 2:
            return False
        key = (status.st_dev, status.st_ino)
        first = self._linked.setdefault(key, target)
        if first == target:
            return False
        try:
            os.link(first, target)
        except FileNotFoundError:  # a later layer has replaced the first name
            self._linked[key] = target
            return False
        return True

    def _destination(self, source: str, target: str) -> str:
        destination = os.readlink(source)
        if not self._relative_links or not destination.startswith("/"):
            return destination
        return os.path.relpath(f"{self._root}{destination}", os.path.dirname(target))

    def _dress(self, status: os.stat_result, target: str) -> None:
        """Owner, mode, times: in this order, since a change of owner drops setuid."""
        is_link = stat.S_ISLNK(status.st_mode)
        if self._is_root and (status.st_uid or status.st_gid):
            os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
        if not is_link:
            os.chmod(target, stat.S_IMODE(status.st_mode))
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _copy_file(source: str, target: str) -> None:
    with open(source, "rb") as reading, open(target, "xb") as writing:
        try:
            fcntl.ioctl(writing.fileno(), _FICLONE, reading.fileno())
        except OSError as error:
            if error.errno not in _NO_REFLINK:
                raise
            shutil.copyfileobj(reading, writing, 1 << 20)


def _is_opaque(folder: str) -> bool:
    for name in _OPAQUE:
        try:
            if os.getxattr(folder, name) == b"y":
                return True
        except OSError:
            continue
    return False


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
