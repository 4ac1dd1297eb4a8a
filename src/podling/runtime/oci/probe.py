"""Whether this machine lets containers be made, found out by trying: each function gives the fault, "" if it works.

Container tools come from ``config.find_tools``, network namespaces and packet rules are the network's to probe.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from podling.runtime import cgroups, linux


def groups_fault() -> str:
    """Make a control group with a limit of its own, and remove it."""
    tree = cgroups.CgroupTree(cgroups.detect(), f"podling-probe-{os.getpid()}-{secrets.token_hex(3)}")
    try:
        tree.make("pod")
        tree.remove("")
        tree.prune()
    except (cgroups.CgroupFault, OSError) as error:
        return str(error)
    return ""


def overlay_fault(folder: Path) -> str:
    """Mount an overlay whose writable part lies where ``folder`` does or will: not every file system will do."""
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".podling-probe-", dir=folder) as scratch:
            for name in ("lower", "upper", "work", "merged"):
                Path(scratch, name).mkdir()
            merged = f"{scratch}/merged"
            options = f"lowerdir={scratch}/lower,upperdir={scratch}/upper,workdir={scratch}/work"
            linux.mount("overlay", merged, "overlay", 0, options)
            try:
                Path(merged, "written").write_bytes(b"")
            finally:
                linux.unmount(merged)
    except OSError as error:
        return f"cannot mount an overlay in {folder}: {error.strerror}"
    return ""
