"""Settings of one node's OCI runtime, and the layout of its state folder.

live/                    a tmpfs: what is worth nothing after a reboot, and must not wait for a disk
  sandboxes/<id>/        sandbox.json, ns/{net,ipc,uts} (bind-mounted namespaces), shm/, resolv.conf, hostname
  containers/<id>/       container.json, status.json, config.json (OCI), rootfs/ (overlay), conmon's files
  exits/<id>             written by conmon when a container ends
  run/<id>/              the OCI runtime's own state
writable/<id>/           on disk: what a container writes to its root file system
known/<id>               on disk, empty: a sandbox whose network may have to be taken back after a reboot
seccomp/                 compiled filters
bin/                     the OCI runtime's program, mounted read-only
lock                     held while a process drives this folder
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from podling.runtime.interface import Unavailable

RUNTIMES = ("crun", "runc")
"""The OCI runtimes that are known, the better first; each is a handler for RuntimeClasses where it is installed."""

_SEARCH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class OciConfig:
    """``state_dir`` must be absolute and on a file system that overlayfs accepts for writing.

    ``host_netns``: the node's own network namespace, for hostNetwork Pods ("" = this process's).
    ``runtime``: the OCI runtime's program ("" = crun, else runc).  ``at_once``: containers started side by side; past
    cores + 1 they only slow each other down.
    """

    state_dir: Path
    cgroup_root: str
    host_netns: str = ""
    runtime: str = ""
    conmon: str = "conmon"
    at_once: int = (os.cpu_count() or 2) + 1

    def validate(self) -> None:
        if not self.state_dir.is_absolute():
            raise Unavailable(f"cannot use state folder {self.state_dir}: not an absolute path")
        if not self.cgroup_root.strip("/"):
            raise Unavailable("cannot use the machine's root control group for containers")

    @property
    def live(self) -> Path:
        return self.state_dir / "live"

    @property
    def sandboxes(self) -> Path:
        return self.live / "sandboxes"

    @property
    def containers(self) -> Path:
        return self.live / "containers"

    @property
    def exits(self) -> Path:
        return self.live / "exits"

    @property
    def run(self) -> Path:
        return self.live / "run"

    @property
    def writable(self) -> Path:
        return self.state_dir / "writable"

    @property
    def known(self) -> Path:
        return self.state_dir / "known"


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs found.  ``is_crun`` tells whose private habits hold (exec.fifo, seccomp annotation).

    ``others`` can be chosen by a RuntimeClass beside the default ``runtime``.
    """

    runtime: Path
    conmon: Path
    others: tuple[Path, ...] = ()

    @property
    def is_crun(self) -> bool:
        return self.runtime.name == "crun"


def find_tools(config: OciConfig) -> Tools:
    """Raises ``Unavailable`` naming the package that is missing."""
    names = [config.runtime] if config.runtime else list(RUNTIMES)
    runtime = next((path for name in names if (path := which(name))), None)
    conmon = which(config.conmon)
    if runtime is None:
        raise Unavailable(
            f"cannot run containers: no {' or '.join(names)} here (install the package {names[0]})"
        )
    if conmon is None:
        raise Unavailable("cannot run containers: no conmon here (install the package conmon)")
    others = (path.resolve() for name in RUNTIMES if (path := which(name)))
    return Tools(
        runtime.resolve(), conmon, tuple(one for one in others if one.name != runtime.resolve().name)
    )


def which(name: str) -> Path | None:
    """A program on PATH or in the usual system folders, which a user's PATH may lack."""
    found = shutil.which(name, path=_SEARCH)
    return Path(found) if found else None
