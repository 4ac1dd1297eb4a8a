"""Taking away a folder with all that containers have put there, and nothing else.

What containers leave behind is theirs to choose: a privileged one may have mounted a disk, or the machine's own root, inside a
volume, and any may have made folders deeper than a program can recurse or paths longer than the kernel takes.  So everything that
is mounted inside is unmounted first, and no folder is ever entered from its parent: its own folders are moved up beside it, which the kernel
refuses for a mount point, and then it is empty.  Neither depth nor length matters, and what is mounted is never looked into.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from . import linux

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(folder: Path) -> None:
    """Remove ``folder`` if it is there.  Blocks.  Raises OSError, and may then be called again."""
    if not folder.is_dir():
        return
    for point in linux.mounts_below(str(folder)):
        linux.unmount(point)
    _unlock(str(folder))
    top = os.open(folder, _FOLDER)
    try:
        _empty(top)
    finally:
        os.close(top)
    folder.rmdir()


def _empty(top: int) -> None:
    names = (f".gone-{secrets.token_hex(8)}-{number}" for number in count())
    while entries := _entries(top):
        for name, is_folder in entries:
            if is_folder:
                _flatten(name, top, names)
                os.rmdir(name, dir_fd=top)
            else:
                os.unlink(name, dir_fd=top)


def _flatten(name: str, top: int, names: Iterator[str]) -> None:
    """Empty a folder of ``top``: its folders become folders of ``top``, under the next of ``names``."""
    _unlock(name, top)
    folder = os.open(name, _FOLDER, dir_fd=top)
    try:
        for inner, is_folder in _entries(folder):
            if is_folder:
                _unlock(inner, folder)
                os.rename(inner, next(names), src_dir_fd=folder, dst_dir_fd=top)
            else:
                os.unlink(inner, dir_fd=folder)
    finally:
        os.close(folder)


def _entries(folder: int) -> list[tuple[str, bool]]:
    """Names, and whether each is a folder."""
    with os.scandir(folder) as entries:
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]


def _unlock(name: str, parent: int | None = None) -> None:
    """Whoever is not root may have locked himself out of his own folders."""
    if os.geteuid() != 0:
        with contextlib.suppress(PermissionError):
            os.chmod(name, stat.S_IRWXU, dir_fd=parent)
