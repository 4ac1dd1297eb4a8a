"""Where the root folders of a Pod's containers lie, and how volumes get into them without a mount.

A chroot sees only what lies below its root, and a folder can lie in one place only.  So the roots of a Pod's
containers are nested, each holding the next in ``.podling``, and the Pod's volumes lie in the innermost one:

    root/                                  of a third container
      .podling/                            of a second
        .podling/                          of the first
          .podling/0, 1 ...                folders of the Pod's volumes, moved here

Every container reaches them by links that stay below its root.  The first containers get the innermost places, so the
usual Pod of one container sees nothing but its image and its volumes.  Places are made beforehand, so nothing ever
moves while a container runs.

A volume's folder is moved by exchanging it with a link to its new place in one step (renameat2): whoever else writes
to it by its old name, as the agent does, goes on undisturbed.  ``give_back`` undoes it before the agent removes them.

In the other modes nothing is nested: mounts or translated paths lead to the volumes.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from podling.runtime import removal
from podling.runtime.interface import CreateFault, Mount

from .isolation import Mode
from .supervisor import enter

PLACES = 24
INNER = ".podling"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_DEVICES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
}
_libc = ctypes.CDLL(None, use_errno=True)


class PodRoot:
    """The root folders of one sandbox below ``folder``; ``owned`` are folders whose children are each of one Pod."""

    def __init__(self, folder: Path, mode: Mode, *, owned: Sequence[Path]) -> None:
        self._folder = Path(os.path.realpath(folder))
        self._mode = mode
        self._owned = tuple(owned)

    def place(self, container: str) -> Path:
        """The empty root folder for a container of that name; what an earlier attempt left there is removed."""
        path = self.path_of(container)
        if self._mode is not Mode.CHROOT:
            removal.remove(path)
            path.mkdir(parents=True)
            return path
        self._volumes.mkdir(parents=True, exist_ok=True)
        for entry in path.iterdir():
            if entry.name != INNER:
                removal.remove(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        return path

    def path_of(self, container: str) -> Path:
        """The root folder that ``place`` made."""
        if self._mode is not Mode.CHROOT:
            return self._folder / "roots" / container
        return self._nth(self._number(container))

    def link(self, root: Path, mounts: Sequence[Mount]) -> None:
        """Put links to the volumes where they are to be seen below ``root``.  Raises ``CreateFault``."""
        for mount in sorted(mounts, key=lambda mount: mount.container_path.count("/")):
            parent, name = os.path.split(mount.container_path.rstrip("/"))
            try:
                source = os.path.realpath(self._move_in(Path(mount.host_path)), strict=True)
                real_parent = enter.inside(os.path.realpath(root), parent, folder=True)
                self._replace(Path(real_parent, name), os.path.relpath(source, real_parent))
            except OSError as error:
                raise CreateFault(f"cannot place {mount.container_path}: {error}") from error

    def furnish(self, root: Path) -> None:
        """The device files that a program cannot do without, where we may make them."""
        devices = root / "dev"
        devices.mkdir(exist_ok=True)
        for name, (major, minor) in _DEVICES.items():
            path = devices / name
            if path.exists():
                continue
            try:
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(major, minor))
            except PermissionError:
                path.touch()
            path.chmod(0o666)
        (devices / "shm").mkdir(exist_ok=True)
        (devices / "shm").chmod(0o1777)

    def give_back(self) -> None:
        """Let the volumes lie again where they came from, for those who still know them there.  Safe to repeat."""
        if not self._volumes.is_dir():
            return
        for moved in list(self._volumes.iterdir()):
            note = self._note(moved)
            origin = Path(note.read_text())
            if origin.is_symlink() and origin.readlink() == moved:
                _exchange(moved, origin)
                moved.unlink()
            else:
                removal.remove(moved)  # its owner has removed the name: nobody knows the folder any more
            note.unlink()

    @property
    def _volumes(self) -> Path:
        return self._nth(PLACES)

    def _nth(self, number: int) -> Path:
        return self._folder.joinpath("root", *[INNER] * number)

    def _number(self, container: str) -> int:
        """The places are taken from the innermost one outwards, in the order containers are first seen."""
        self._volumes.mkdir(parents=True, exist_ok=True)
        for number in range(PLACES - 1, -1, -1):
            note = self._folder / f"place-{number}"
            if not note.exists():
                note.write_text(container)
            if note.read_text() == container:
                return number
        raise CreateFault(
            f"cannot place container {container}: a Pod holds at most {PLACES} in the process runtime"
        )

    def _move_in(self, source: Path) -> Path:
        """Bring the Pod's folder that holds ``source`` below all roots; the name stays good."""
        if self._volumes in source.parents:
            return source
        owner = next(folder for folder in self._owned if folder in source.parents)
        origin = owner / source.relative_to(owner).parts[0]
        if not origin.is_symlink():
            moved = self._volumes / origin.name
            moved = moved if not os.path.lexists(moved) else self._volumes / f"{owner.name}-{origin.name}"
            self._note(moved).write_text(str(origin))
            os.symlink(moved, moved)
            _exchange(moved, origin)
            moved.chmod(
                stat.S_IMODE(moved.stat().st_mode) | stat.S_IXOTH
            )  # other users' way to their volumes
        return source

    def _note(self, moved: Path) -> Path:
        return self._folder / f"origin-{moved.name}"

    def _replace(self, path: Path, destination: str) -> None:
        """A link in the place of whatever the image has there; within a volume only an empty folder gives way."""
        if path.is_dir() and not path.is_symlink():
            path.rmdir() if path.is_relative_to(self._volumes) else removal.remove(path)
        elif os.path.lexists(path):
            path.unlink()
        path.symlink_to(destination)


def _exchange(one: Path, other: Path) -> None:
    result = _libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(other))
