"""``hostPath``: a file or folder of the node itself, checked or made as its type says.

(Source: concepts/storage/volumes, "hostPath volume types"; kubelet `pkg/volume/hostpath`.)
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path

from podling.agent.errors import VolumeFault
from podling.api.types import core_v1

from .context import Context, Plugin

_KINDS: tuple[tuple[str, Callable[[int], bool], str], ...] = (
    ("Directory", stat.S_ISDIR, "directory"),
    ("File", stat.S_ISREG, "file"),
    ("Socket", stat.S_ISSOCK, "socket file"),
    ("CharDevice", stat.S_ISCHR, "character device"),
    ("BlockDevice", stat.S_ISBLK, "block device"),
)
"""A type, what tells it, and what messages call it."""
_MAKERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "DirectoryOrCreate": ("Directory", lambda path: path.mkdir(mode=0o755, parents=True)),
    "FileOrCreate": ("File", lambda path: path.touch(mode=0o644)),
}
"""Types of which something is made where nothing is, and what it must be where something is."""


async def _set_up(ctx: Context) -> Path:
    source = ctx.volume.host_path or core_v1.HostPathVolumeSource()
    path, wanted = Path(source.path), source.type or ""
    if ".." in path.parts:
        raise VolumeFault(f"invalid HostPath `{path}`: must not contain '..'")
    await asyncio.to_thread(check, path, wanted)  # it may lie on a file server that does not answer
    return path


def check(path: Path, wanted: str) -> None:
    """See that ``path`` is what the type says, "" being any; make it where the type allows.  Raises ``VolumeFault``, OSError."""
    present = path.exists()
    if not wanted:
        if not present:
            path.mkdir(mode=0o755, parents=True)  # promises nothing; runtimes make a folder of it
        return
    if wanted in _MAKERS:
        wanted, make = _MAKERS[wanted]
        if not present:
            make(path)
            return
    if not present:
        raise VolumeFault(f"hostPath {path} doesn't exist")
    _check_kind(path, wanted)


def _check_kind(path: Path, wanted: str) -> None:
    mode = path.stat().st_mode
    is_wanted, called = next((test, called) for name, test, called in _KINDS if name == wanted)
    if is_wanted(mode):
        return
    found = next((name for name, test, _ in _KINDS if test(mode)), "")
    if not found:
        why = "only recognise file, directory, socket, block device and character device"
        raise VolumeFault(
            f"hostPath type check failed, {path} is not a {called}, unable to determine its type: {why}"
        )
    raise VolumeFault(f"hostPath type check failed: {path} is not a {called}, it's a {found}")


PLUGIN = Plugin("kubernetes.io~host-path", "host_path", _set_up)
