"""Paths of a container that runs in the machine's own root, translated to where things really are (pure).

A volume's mount path becomes the volume's folder, other paths become paths in the image's copy where they exist there.
So do /tmp and the Pod's files of /etc.  In a command's arguments and environment only these are translated, and only
where they stand as a path of their own: ``/data/x`` and ``--dir=/data``, but not ``/database`` or ``http://host/data``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_BEFORE = r"(?<![\w./~+@%-])"
_AFTER = r"(?=$|[/\s\"'`;:,|&<>()=\]}])"


@dataclass(frozen=True, slots=True)
class PathMap:
    """``root`` is the image's copy; ``own`` tells where paths of the container lie that are not in it (its volumes);
    ``exists`` tells whether a path is there."""

    root: str
    own: Mapping[str, str]
    exists: Callable[[str], bool]

    def path(self, wanted: str) -> str:
        """Where an absolute path of the container really is."""
        normal = posixpath.normpath(wanted)
        for target, source in self._deepest_first():
            if normal == target or normal.startswith(f"{target}/"):
                return source + normal[len(target) :]
        inside = self.root + normal.rstrip("/")
        return inside if self.exists(inside) else normal

    def search_path(self, path: str) -> str:
        """A PATH whose folders are those of the image."""
        return ":".join(self.root + folder for folder in path.split(":") if folder.startswith("/"))

    def text(self, text: str) -> str:
        """``text`` with every path of its own in it translated, once."""
        if not self.own:
            return text
        targets = "|".join(re.escape(target) for target, _ in self._deepest_first())
        return re.sub(f"{_BEFORE}({targets}){_AFTER}", lambda found: self.own[found[1]], text)

    def _deepest_first(self) -> list[tuple[str, str]]:
        return sorted(self.own.items(), key=lambda pair: -pair[0].count("/"))
