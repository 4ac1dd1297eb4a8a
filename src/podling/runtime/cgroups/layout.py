"""Which control group hierarchies this machine has, and where.

Why it exists: v1 mounts one hierarchy per controller, v2 one for all, and hybrid hosts both.  Everything else in the
package asks a ``Layout`` instead of guessing paths.  ``parse`` is pure over the text of ``/proc/self/mountinfo``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# Options of a v1 mount that are not controllers.
_FLAGS = {"rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "all"}
_ROOT = "/sys/fs/cgroup"


class Mode(enum.Enum):
    """``HYBRID``: controllers on v1, and a v2 hierarchy beside them that holds few or none."""

    NONE = "none"
    V1 = "v1"
    HYBRID = "hybrid"
    V2 = "v2"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted hierarchy.  ``controllers`` may be empty (``name=systemd``, an empty unified one)."""

    mountpoint: str
    version: int
    controllers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    mode: Mode
    hierarchies: tuple[Hierarchy, ...]

    @property
    def governing(self) -> tuple[Hierarchy, ...]:
        """Where containers are put: not into the v2 hierarchy of a hybrid machine, which OCI runtimes do not use."""
        return tuple(h for h in self.hierarchies if self.mode is not Mode.HYBRID or h.version == 1)

    def hierarchy(self, controller: str) -> Hierarchy | None:
        """The governing hierarchy of ``controller``, or None."""
        return next((h for h in self.governing if controller in h.controllers), None)

    @property
    def unified(self) -> Hierarchy | None:
        """The v2 hierarchy, if there is one."""
        return next((h for h in self.hierarchies if h.version == 2), None)

    @property
    def controllers(self) -> tuple[str, ...]:
        return tuple(sorted(c for h in self.governing for c in h.controllers))


def detect() -> Layout:
    """The layout of the calling thread's mount namespace."""
    return parse(Path("/proc/thread-self/mountinfo").read_text(), unified_controllers=_unified_controllers)


def parse(mountinfo: str, *, unified_controllers: Callable[[str], Sequence[str]]) -> Layout:
    """Read mountinfo.  ``unified_controllers`` tells the controllers of the v2 hierarchy at a mount point."""
    found: dict[str, Hierarchy] = {}
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        if not separator:
            continue
        fields, (fstype, _, options) = before.split(), after.split(" ", 2)
        mountpoint = fields[4]
        if fstype == "cgroup2":
            hierarchy = Hierarchy(mountpoint, 2, tuple(unified_controllers(mountpoint)))
            _keep(found, "2", hierarchy)
        elif fstype == "cgroup":
            names = tuple(
                o for o in options.split(",") if o not in _FLAGS and not o.startswith("release_agent=")
            )
            controllers = tuple(n for n in names if not n.startswith("name="))
            _keep(found, ",".join(sorted(names)), Hierarchy(mountpoint, 1, controllers))
    return Layout(_mode(found), tuple(sorted(found.values(), key=lambda h: h.mountpoint)))


def _mode(found: dict[str, Hierarchy]) -> Mode:
    has_v1 = any(h.version == 1 and h.controllers for h in found.values())
    has_v2 = "2" in found
    if has_v1:
        return Mode.HYBRID if has_v2 else Mode.V1
    return Mode.V2 if has_v2 else Mode.NONE


def _keep(found: dict[str, Hierarchy], key: str, hierarchy: Hierarchy) -> None:
    """A hierarchy may be mounted twice: the one at the usual place counts."""
    known = found.get(key)
    usual = hierarchy.mountpoint.startswith(_ROOT)
    if known is None or (usual and not known.mountpoint.startswith(_ROOT)):
        found[key] = hierarchy


def _unified_controllers(mountpoint: str) -> list[str]:
    return Path(mountpoint, "cgroup.controllers").read_text().split()
