"""Paths of a container that runs in the machine's own root, translated to where things really are (pure).

A volume's mount path becomes the volume's folder, other paths become paths in the image's copy where they exist there.
In a command's arguments and environment only mount paths are translated, and only where they stand as a path of their
own: ``/data/x`` and ``--dir=/data``, but not ``/database`` or ``http://host/data``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from podling.runtime.interface import Mount

_BEFORE = r"(?<![\w./~+@%-])"
_AFTER = r"(?=$|[/\s\"'`;:,|&<>()=\]}])"


@dataclass(frozen=True, slots=True)
class PathMap:
    """``root`` is the image's copy; ``exists`` tells whether a path is there."""

    root: str
    mounts: Sequence[Mount]
    exists: Callable[[str], bool]

    def path(self, wanted: str) -> str:
        """Where an absolute path of the container really is."""
        normal = posixpath.normpath(wanted)
        for mount in self._deepest_first():
            target = mount.container_path.rstrip("/")
            if normal == target or normal.startswith(f"{target}/"):
                return mount.host_path.rstrip("/") + normal[len(target) :]
        inside = self.root + normal.rstrip("/")
        return inside if self.exists(inside) else normal

    def search_path(self, path: str) -> str:
        """A PATH whose folders are those of the image."""
        return ":".join(self.root + folder for folder in path.split(":") if folder.startswith("/"))

    def text(self, text: str) -> str:
        """``text`` with every mount path in it translated."""
        for mount in self._deepest_first():
            target = re.escape(mount.container_path.rstrip("/"))
            source = mount.host_path.rstrip("/")
            text = re.sub(f"{_BEFORE}{target}{_AFTER}", lambda _, source=source: source, text)  # type: ignore[misc]
        return text

    def _deepest_first(self) -> list[Mount]:
        return sorted(self.mounts, key=lambda mount: -mount.container_path.rstrip("/").count("/"))
