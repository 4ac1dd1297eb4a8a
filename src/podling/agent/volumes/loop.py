"""Raw blocks out of files: a loop device stands for a file as long as some Pod uses it.

Which device stands for which file, and who uses it, is told by the kernel and by links in the Pods' folders, so nothing needs to be
remembered.  (Source: loop(4); the links lie where kubelet has them, `pods/<uid>/volumeDevices`.)
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from podling.agent.errors import VolumeFault

_SET_FD, _CLEAR_FD, _SET_CAPACITY, _GET_FREE = 0x4C00, 0x4C01, 0x4C07, 0x4C82
_TRIES = 16
"""Others on the machine may take the free device that we were told of."""
LINKS = "volumeDevices"


def make_file(path: Path, size: int) -> None:
    """A file of at least ``size`` bytes that takes up what is written to it; nobody but root reads it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(fd).st_size < size:
            os.truncate(fd, size)
    finally:
        os.close(fd)


def grow(path: Path, size: int) -> None:
    """Enlarge the file, and the device that stands for it."""
    if path.stat().st_size < size:
        os.truncate(path, size)
    device = device_of(path)
    if device is not None:
        with _opened(device) as fd:
            fcntl.ioctl(fd, _SET_CAPACITY, 0)


def attach(path: Path) -> Path:
    """The device for ``path``: itself if it is one, else the loop device that stands for it.  Raises ``VolumeFault``."""
    mode = path.stat().st_mode
    if stat.S_ISBLK(mode):
        return path
    if not stat.S_ISREG(mode):
        raise VolumeFault(f"{path} is neither a block device nor a file")
    try:
        return device_of(path) or _attach(path)
    except PermissionError as error:
        raise VolumeFault(f"cannot make a block device of {path}: this node may not") from error


def device_of(path: Path) -> Path | None:
    """The loop device that stands for the file, if one does."""
    return next((device for device, file in _devices() if file == path), None)


def detach(path: Path) -> None:
    """No device stands for the file any more, nor for any below it if it is a folder."""
    for device, file in _devices():
        if file.is_relative_to(path):
            _clear(device)


def link(device: Path, pod: Path, plugin: str, name: str) -> Path:
    """Note in the Pod's folder that it uses ``device``; returns the note, which leads to the device."""
    note = pod / LINKS / plugin / name
    note.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    if note.is_symlink():
        note.unlink()
    note.symlink_to(device)
    return note


def release(pod: Path) -> None:
    """The Pod uses no device any more; loop devices that no Pod uses go."""
    used = [note.readlink() for note in (pod / LINKS).glob("*/*") if note.is_symlink()]
    for note in (pod / LINKS).glob("*/*"):
        note.unlink()
    others = {note.readlink() for note in pod.parent.glob(f"*/{LINKS}/*/*") if note.is_symlink()}
    for device in used:
        if device not in others and device.name.startswith("loop"):
            _clear(device)


def _devices() -> Iterator[tuple[Path, Path]]:
    """Every loop device that is in use, and the file that it stands for."""
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):  # it is gone meanwhile
            yield Path("/dev") / backing.parts[3], Path(backing.read_text().rstrip("\n"))


def _attach(path: Path) -> Path:
    for _ in range(_TRIES):
        with _opened(Path("/dev/loop-control")) as control:
            number = fcntl.ioctl(control, _GET_FREE)
        device = Path(f"/dev/loop{number}")
        with _opened(device) as fd, _opened(path) as file:
            try:
                fcntl.ioctl(fd, _SET_FD, file)
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
            else:
                return device
    raise VolumeFault(f"cannot make a block device of {path}: no loop device is free")


def _clear(device: Path) -> None:
    with contextlib.suppress(OSError), _opened(device) as fd:
        fcntl.ioctl(fd, _CLEAR_FD, 0)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
