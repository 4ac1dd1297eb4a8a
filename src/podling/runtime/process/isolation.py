"""How far containers can be kept apart without privileges, and what is left shared: said, not hidden.

    NAMESPACES   user namespaces are allowed: own root, mounts, processes, IPC and host name; the network is shared
    CHROOT       root without CAP_SYS_ADMIN: own root folder; volumes of the Pod by links; all else is shared
    PLAIN        nothing is allowed: the machine's root; paths of volumes and of the image are translated

The supervisor finds out what is possible by trying (``supervisor/trial``); the best is taken.
"""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from podling.aio import spawn
from podling.runtime.interface import Unavailable

HERE = Path(__file__).parent
_PROBE_SECONDS = 20.0


class Mode(enum.Enum):
    NAMESPACES = "namespaces"
    CHROOT = "chroot"
    PLAIN = "plain"


_ALWAYS = (
    "network: Pods share the machine's interfaces and ports; each has a loopback address of its own",
    "resources: CPU, memory and pids limits are not enforced",
)
_WITHOUT_NAMESPACES = (
    "processes: containers see and, as the same user, may signal the machine's processes",
    "IPC and host name: shared with the machine",
    "read-only mounts and root file systems: writable",
)
_CHROOT_ONLY = (
    "/proc and /sys: do not exist in containers",
    "root: a process with CAP_SYS_CHROOT can leave it",
)
_PLAIN_ONLY = (
    "file system: containers see the machine's files; paths of the image and of volumes in commands are translated",
)
_ONE_USER = ("users: every container runs as the user that runs Podling",)


@dataclass(frozen=True, slots=True)
class Isolation:
    """The way taken.  ``every_id``: containers may have users of their own; ``overlay``: images are mounted, not copied."""

    mode: Mode
    every_id: bool
    overlay: bool
    why_not_better: Mapping[str, str]

    @property
    def not_isolated(self) -> tuple[str, ...]:
        """What ``RuntimeInfo`` announces."""
        shared: tuple[str, ...] = _ALWAYS
        if self.mode is not Mode.NAMESPACES:
            shared += _WITHOUT_NAMESPACES
        if self.mode is Mode.CHROOT:
            shared += _CHROOT_ONLY
        if self.mode is Mode.PLAIN:
            shared += _PLAIN_ONLY
        return shared if self.every_id else shared + _ONE_USER


def choose(abilities: Mapping[str, Any], *, at_most: Mode = Mode.NAMESPACES) -> Isolation:
    """The best of what the supervisor's trial found possible; ``at_most`` rules out better ones."""
    order = list(Mode)
    allowed = order[order.index(at_most) :]
    mode = next(mode for mode in allowed if not abilities.get(mode.value, ""))
    reasons = {m.value: abilities[m.value] for m in order[: order.index(mode)] if abilities[m.value]}
    return Isolation(
        mode=mode,
        every_id=bool(abilities["every_id" if mode is Mode.NAMESPACES else "users"]),
        overlay=bool(abilities["overlay"]) and mode is Mode.NAMESPACES,
        why_not_better=reasons,
    )


def program(module: str) -> list[str]:
    """The command that runs ``main(argv[1])`` of a module of the supervisor, without Podling's own weight."""
    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); from supervisor.{module} import main; main(sys.argv[1])"
    return [sys.executable, "-I", "-S", "-c", code]


async def probe() -> Isolation:
    """What this machine allows, for ``podling doctor``.  Raises ``Unavailable`` if not even a trial can be made."""
    with TemporaryDirectory(prefix="podling-probe-") as folder:
        try:
            done = await spawn.run([*program("trial"), folder], limit_seconds=_PROBE_SECONDS)
        except spawn.SpawnFault as error:
            raise Unavailable(f"cannot try what is isolated here: {error}") from error
    if done.returncode != 0:
        raise Unavailable(f"cannot try what is isolated here: {done.error_text}")
    return choose(json.loads(done.stdout))
