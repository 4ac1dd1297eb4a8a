"""What this process may do to keep containers apart, found out by doing it in a child that ends at once."""

from __future__ import annotations

import json
import os
import sys

from . import child, kernel

TYPE_CHECKING = False  # typing itself weighs a megabyte
if TYPE_CHECKING:
    from typing import Any

_NOTHING = (0, 1, 2)
_SOMEBODY = 65534


def abilities(folder: str) -> dict[str, Any]:
    """For each way of isolation why it does not work here, "" if it does; and what of ``namespaces`` works.

    ``every_id``: a container may have other users than ours in there; ``users``: also without a namespace of its own.
    ``overlay``: layers can be mounted instead of copied.
    """
    place = os.path.join(folder, f"trial-{os.getpid()}")
    os.mkdir(place)
    try:
        for name in ("root", "lower", "upper", "work"):
            os.mkdir(os.path.join(place, name))
        every_id = os.geteuid() == 0 and not _fails(place, mode="namespaces", every_id=True)
        why_not = "" if every_id else _fails(place, mode="namespaces")
        options = f"userxattr,lowerdir=lower,upperdir={place}/upper,workdir={place}/work"
        overlay = {"layers": place, "options": options}
        return {
            "namespaces": why_not,
            "chroot": _fails(place, mode="chroot"),
            "every_id": every_id,
            "users": os.geteuid() == 0 and not _fails(place, mode="plain", uid=_SOMEBODY),
            "overlay": not why_not
            and not _fails(place, mode="namespaces", every_id=every_id, overlay=overlay),
        }
    finally:
        _remove(place)


def _fails(
    place: str,
    *,
    mode: str,
    every_id: bool = False,
    overlay: dict[str, str] | None = None,
    uid: int | None = None,
) -> str:
    plan = {
        "argv": [],
        "env": {},
        "cwd": "/",
        "mode": mode,
        "root": os.path.join(place, "root"),
        "overlay": overlay,
        "mounts": [{"source": place, "target": "/mounted", "readonly": True}],
        "hostname": "trial",
        "readonly_root": False,
        "every_id": every_id,
        "join": 0,
        "uid": uid,
        "gid": uid,
        "groups": None if uid is None else [],
        "capabilities": None,
        "no_new_privs": False,
        "oom_score_adj": None,
        "terminal": False,
    }
    try:
        pid = child.start(plan, _NOTHING)
    except child.StartError as error:
        return f"{error.stage}: {error}"
    os.waitpid(pid, 0)
    return ""


def _remove(place: str) -> None:
    for folder, folders, files in os.walk(place, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
        for name in folders:
            os.rmdir(os.path.join(folder, name))
    os.rmdir(place)


def main(folder: str) -> None:
    """Print the abilities; for whoever only wants to know."""
    os.umask(0o077)
    kernel.become_subreaper()
    json.dump(abilities(folder), sys.stdout)
