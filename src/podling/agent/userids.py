"""Which ids of the node stand for a Pod's own users (``hostUsers: false``): 65536 each, no two Pods the same.

The first range is left to the node itself.  A claim is a file named after its range that holds the Pod's UID, so it outlives
the agent; it ends with the Pod's folder.  Nodes that share a machine are hosts of their own and claim without regard to each other.
(Source: KEP-127; kubelet `pkg/kubelet/userns`.)
"""

from __future__ import annotations

import os
from pathlib import Path

from podling.runtime.interface import IdMapping

from .errors import ConfigFault
from .paths import Paths

LENGTH = 65536


def claim(paths: Paths, uid: str, *, ranges: int) -> tuple[IdMapping, ...]:
    """The Pod's range, one of ``ranges``: the one that it has, else a free one.  Blocks.  Raises ``ConfigFault``."""
    claims = paths.user_ids
    claims.mkdir(mode=0o700, exist_ok=True)
    paths.pod(uid).mkdir(mode=0o755, parents=True, exist_ok=True)
    for file in claims.iterdir():
        if file.name.isdecimal() and _holder(file) == uid:
            return _mapping(int(file.name))
    for number in range(1, ranges + 1):
        if _take(claims / str(number), uid, paths):
            return _mapping(number)
    raise ConfigFault("could not find an empty slot to allocate a user namespace")


def _take(file: Path, uid: str, paths: Paths) -> bool:
    holder = _holder(file)
    if holder and paths.pod(holder).exists():
        return False
    if holder:
        file.unlink(missing_ok=True)
    fresh = file.with_name(f".{uid}")
    fresh.write_text(uid)
    try:
        os.link(fresh, file)
    except FileExistsError:
        return False
    finally:
        fresh.unlink(missing_ok=True)
    return True


def _holder(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def _mapping(number: int) -> tuple[IdMapping, ...]:
    return (IdMapping(container=0, host=number * LENGTH, length=LENGTH),)
