"""``hostPath``: a file or folder of the node itself, checked or made as its type says."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from podling.agent.errors import VolumeFault
from podling.api.types import core_v1

from .context import Context, Plugin

_CHECKS: dict[str, tuple[Callable[[int], bool], str]] = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "FileOrCreate": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket file"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


async def _set_up(ctx: Context) -> Path:
    source = ctx.volume.host_path or core_v1.HostPathVolumeSource()
    path, kind = Path(source.path), source.type or ""
    if kind in _CHECKS:
        _check(path, kind)
    elif not path.exists():
        path.mkdir(mode=0o755, parents=True)  # the type "" promises nothing; runtimes make a folder of it
    return path


def _check(path: Path, kind: str) -> None:
    try:
        if kind == "DirectoryOrCreate":
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        elif kind == "FileOrCreate" and not path.exists():
            path.touch(mode=0o644)
        mode = path.stat().st_mode
    except FileExistsError:
        mode = path.stat().st_mode
    except OSError as error:
        raise VolumeFault(f"hostPath type check failed: {path} is not {_CHECKS[kind][1]}") from error
    if not _CHECKS[kind][0](mode):
        raise VolumeFault(f"hostPath type check failed: {path} is not {_CHECKS[kind][1]}")


PLUGIN = Plugin("kubernetes.io~host-path", "host_path", _set_up)
