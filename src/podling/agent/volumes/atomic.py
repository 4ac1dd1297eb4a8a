"""Files that change all at once: readers see the old set or the new one, never a mixture.

The layout is upstream's, which programs watch for: every visible name is a link into ``..data``, itself a link to a folder
``..<time>.<random>`` that is made whole and then put in place by one rename.

    config.yaml -> ..data/config.yaml        ..data -> ..2024_05_01_12_00_00.123/        ..2024_05_01_12_00_00.123/config.yaml

(Source: kubelet `pkg/volume/util/atomic_writer.go`.)
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from podling.agent.errors import VolumeFault

from .payload import File, Payload, check_paths

DATA = "..data"
_NEXT = "..data_tmp"


def write(path: Path, files: Payload, give: Callable[[Path], None]) -> bool:
    """Make ``path`` hold exactly ``files``; False if it does so already.  Blocks briefly.

    ``give`` hands everything below a path to its readers; it is called before the new files come into view.
    What a writer that was killed left half made is taken away.
    """
    check_paths(files)
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    current = _current(path)
    changed = current is None or not _holds(current, files)
    if changed:
        current = _make(path, files, give)
    _link_names(path, files)
    _tidy(path, current)
    return changed


def _make(path: Path, files: Payload, give: Callable[[Path], None]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="..", dir=path))
    folder.chmod(0o755)
    try:
        for name, file in files.items():
            _write_file(folder, name, file)
        give(path)
        _point(path, folder.name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _tidy(path: Path, current: Path | None) -> None:
    for entry in path.iterdir():
        if entry.name.startswith("..") and entry.is_dir() and not entry.is_symlink() and entry != current:
            shutil.rmtree(entry)


def _current(path: Path) -> Path | None:
    try:
        folder = path / os.readlink(path / DATA)
    except FileNotFoundError:
        return None
    return folder if folder.is_dir() else None


def _holds(folder: Path, files: Payload) -> bool:
    found = {
        str(Path(parent, name).relative_to(folder)) for parent, _, names in os.walk(folder) for name in names
    }
    return found == files.keys() and all(
        (folder / name).read_bytes() == file.data
        and (folder / name).stat().st_mode & 0o700 == file.mode & 0o700
        for name, file in files.items()
    )


def _write_file(folder: Path, name: str, file: File) -> None:
    target = folder / name
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, "wb") as out:
        out.write(file.data)
        os.fchmod(fd, file.mode)
        if file.uid is not None:
            _give(fd, file.uid)


def _give(fd: int, uid: int) -> None:
    try:
        os.fchown(fd, uid, -1)
    except PermissionError as error:
        raise VolumeFault(
            f"cannot honour runAsUser {uid}: this node may not give files to other users"
        ) from error


def _point(path: Path, folder: str) -> None:
    following = path / _NEXT
    following.unlink(missing_ok=True)
    following.symlink_to(folder)
    following.rename(path / DATA)


def _link_names(path: Path, files: Payload) -> None:
    """Show the first part of every file's path; take away what is no longer there."""
    wanted = {name.split("/")[0] for name in files}
    for entry in os.listdir(path):
        if not entry.startswith("..") and entry not in wanted:
            (path / entry).unlink()
    for name in sorted(wanted):
        link = path / name
        if not link.is_symlink():
            link.symlink_to(f"{DATA}/{name}")
