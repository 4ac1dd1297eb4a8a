"""The groups of one node: made in every hierarchy, limited, frozen, killed, removed.

Why it exists: a Pod's limits must hold in as many places as the machine has hierarchies, and v1's ``cpuset`` refuses
processes until ``cpus`` and ``mems`` are filled from the top down, v2 its controllers until every ancestor hands them
on.  All methods block for microseconds to milliseconds and are called from worker threads; all are idempotent.

Paths are relative to ``root`` ("podling/<cluster>/<node>"), ``absolute`` gives what an OCI ``cgroupsPath`` wants.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from podling.runtime.interface import Resources

from . import limits, usage
from .layout import Hierarchy, Layout, Mode

_SWAP_FILES = ("memory.memsw.limit_in_bytes", "memory.swap.max")
_NO_LIMITS = Resources()
_HANDED_ON = ("cpuset", "cpu", "io", "memory", "pids", "hugetlb")


class CgroupFault(Exception):
    """A control group could not be made, limited or removed."""


class CgroupTree:
    """Groups under ``root`` in the governing hierarchies of ``layout``, or ``everywhere``.

    Everywhere is for processes that a service manager must not count as its own: on a hybrid machine it tracks units
    in the v2 hierarchy.
    """

    def __init__(self, layout: Layout, root: str, *, everywhere: bool = False) -> None:
        self.layout = layout
        self.root = root.strip("/")
        self._hierarchies = layout.hierarchies if everywhere else layout.governing
        self._ready: set[str] = set()

    def __repr__(self) -> str:
        return f"<CgroupTree {self.root} on {self.layout.mode.value}>"

    def absolute(self, path: str) -> str:
        """The path below the mount points, as ``/podling/...``."""
        return "/" + "/".join(p for p in (self.root, path.strip("/")) if p)

    def directory(self, controller: str, path: str) -> Path | None:
        """Where the group ``path`` lies for ``controller``; None if the machine has no such controller."""
        hierarchy = self.layout.hierarchy(controller)
        return self._within(hierarchy, path) if hierarchy else None

    def make(self, path: str, resources: Resources = _NO_LIMITS) -> None:
        """Make the group and its ancestors everywhere, then apply ``resources``."""
        try:
            self._make(path)
        except FileNotFoundError:  # an ancestor was removed behind the memory of what is ready
            self._ready.clear()
            self._make(path)
        except OSError as error:
            raise CgroupFault(f"cannot make control group {self.absolute(path)}: {_why(error)}") from error
        self.apply(path, resources)

    def apply(self, path: str, resources: Resources) -> None:
        """Write the limits.  Raises ``CgroupFault`` naming the file that the kernel refused."""
        todo = [s for s in self._settings(resources) if self._applies(s)]
        refused = [s for s in todo if not self._write(path, s, final=False)]
        for setting in refused:  # v1: memory and memory+swap limits depend on each other's order
            self._write(path, setting, final=True)

    def in_force(self, path: str, asked: Resources) -> Resources:
        """The CPU and memory limits of the group as the kernel has them, where it was last given ``asked``."""

        def read(controller: str, file: str) -> str:
            directory = self.directory(controller, path)
            return _read(directory / file).strip() if directory is not None else ""

        return limits.in_force(read, asked, version=self._version)

    def add(self, path: str, pid: int, *, versions: tuple[int, ...] = (1, 2)) -> None:
        """Move process ``pid`` into the group, in the hierarchies of the given versions."""
        for hierarchy in self._of(versions):
            _write(self._within(hierarchy, path) / "cgroup.procs", str(pid))

    def add_this_thread(self, path: str) -> None:
        """Move the calling thread alone, with what it will spawn.  Only v1 can; v2 hierarchies are left as they are."""
        for hierarchy in self._of((1,)):
            _write(self._within(hierarchy, path) / "tasks", "0")

    def usage(self, path: str) -> usage.Usage:
        return usage.read(self.layout, self.absolute(path).lstrip("/"))

    def oom_kills(self, path: str) -> int:
        return usage.oom_kills(self.layout, self.absolute(path).lstrip("/"))

    def freeze(self, path: str, *, frozen: bool) -> None:
        """Stop or resume every process in the group and below."""
        freezer = self.layout.hierarchy("freezer")
        if freezer is not None:
            _write(self._within(freezer, path) / "freezer.state", "FROZEN" if frozen else "THAWED")
        elif self.layout.unified is not None:
            _write(self._within(self.layout.unified, path) / "cgroup.freeze", "1" if frozen else "0")
        else:
            raise CgroupFault(f"cannot freeze {self.absolute(path)}: no freezer on this machine")

    def processes(self, path: str) -> list[int]:
        """Every process in the group and below, in any hierarchy."""
        pids: set[int] = set()
        for hierarchy in self._hierarchies:
            for directory, _, _ in os.walk(self._within(hierarchy, path)):
                pids.update(int(p) for p in _read(Path(directory, "cgroup.procs")).split())
        return sorted(p for p in pids if p > 0)  # 0: a process of another PID namespace

    def kill(self, path: str) -> None:
        """SIGKILL everything in the group but ourselves; frozen first on v1, so that nothing can fork away."""
        unified = self.layout.unified
        if self.layout.mode is Mode.V2 and unified is not None:
            _try_write(self._within(unified, path) / "cgroup.kill", "1")
            return
        if not set(self.processes(path)) - {os.getpid()}:
            return  # v1 lists us where one of our threads sits
        can_freeze = self.layout.hierarchy("freezer") is not None
        if can_freeze:
            _try_write_in(self.directory("freezer", path), "freezer.state", "FROZEN")
        try:
            for pid in set(self.processes(path)) - {os.getpid()}:
                _kill(pid)
        finally:
            if can_freeze:
                _try_write_in(self.directory("freezer", path), "freezer.state", "THAWED")

    def remove(self, path: str, *, patience: float = 2.0) -> None:
        """Remove the group and all below it, killing what is inside.  ``patience``: seconds for the killed to leave."""
        self._ready = (
            {p for p in self._ready if p != path and not p.startswith(path + "/")} if path else set()
        )
        deadline = time.monotonic() + patience
        pause = 0.0005
        while not self._try_remove(path):
            self.kill(path)
            if time.monotonic() > deadline:
                raise CgroupFault(f"cannot remove control group {self.absolute(path)}: still busy")
            time.sleep(pause)  # v1 has no event for "empty"; the killed leave within a millisecond or two
            pause = min(pause * 2, 0.05)

    def prune(self, path: str = "") -> None:
        """Remove empty ancestors from ``path`` up to and above the root, as far as they are empty."""
        for hierarchy in self._hierarchies:
            directory = self._within(hierarchy, path)
            while str(directory) != hierarchy.mountpoint:
                try:
                    directory.rmdir()
                except FileNotFoundError:
                    pass
                except OSError:
                    break
                directory = directory.parent
        self._ready.clear()

    def _of(self, versions: tuple[int, ...]) -> Iterable[Hierarchy]:
        return (h for h in self._hierarchies if h.version in versions)

    def _within(self, hierarchy: Hierarchy, path: str) -> Path:
        return Path(hierarchy.mountpoint + self.absolute(path))

    def _make(self, path: str) -> None:
        parts = self.absolute(path).strip("/").split("/")
        for depth in range(1, len(parts) + 1):
            group = "/".join(parts[:depth])
            if group in self._ready:
                continue
            for hierarchy in self._hierarchies:
                if self.layout.mode is Mode.V2:
                    _hand_on(Path(hierarchy.mountpoint, group).parent, hierarchy)
                _make_level(hierarchy, group)
            if depth < len(parts):
                self._ready.add(group)

    def _settings(self, resources: Resources) -> tuple[limits.Setting, ...]:
        return limits.settings(resources, version=self._version)

    @property
    def _version(self) -> int:
        governing = self.layout.hierarchy("memory") or self.layout.hierarchy("cpu")
        return governing.version if governing else 2

    def _applies(self, setting: limits.Setting) -> bool:
        """A limit on a controller that the machine lacks is refused, unless it is no limit."""
        if self.layout.hierarchy(setting.controller) is not None:
            return True
        if setting.controller == "hugetlb" and setting.value == "0":
            return False
        raise CgroupFault(f"cannot set {setting.file}: this machine has no {setting.controller} controller")

    def _write(self, path: str, setting: limits.Setting, *, final: bool) -> bool:
        directory = self.directory(setting.controller, path)
        assert directory is not None
        try:
            _write(directory / setting.file, setting.value)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and setting.file in _SWAP_FILES and directory.is_dir():
                return True  # the kernel does not account swap: the memory limit alone holds
            if not final and error.errno in (errno.EINVAL, errno.EBUSY):
                return False
            why = f"cannot set {setting.file} of {self.absolute(path)} to {setting.value}: {_why(error)}"
            raise CgroupFault(why) from error
        return True

    def _try_remove(self, path: str) -> bool:
        done = True
        for hierarchy in self._hierarchies:
            for directory, _, _ in os.walk(self._within(hierarchy, path), topdown=False):
                try:
                    os.rmdir(directory)
                except FileNotFoundError:
                    continue
                except OSError:
                    done = False
        return done


def _make_level(hierarchy: Hierarchy, group: str) -> None:
    directory = Path(hierarchy.mountpoint, group)
    directory.mkdir(exist_ok=True)
    if hierarchy.version == 1 and "cpuset" in hierarchy.controllers:
        for file in ("cpuset.cpus", "cpuset.mems"):
            if not _read(directory / file).strip():
                _write(directory / file, _read(directory.parent / file).strip())


def _hand_on(parent: Path, hierarchy: Hierarchy) -> None:
    """v2: let the children of ``parent`` have the controllers that it has itself."""
    has = _read(parent / "cgroup.controllers").split()
    given = _read(parent / "cgroup.subtree_control").split()
    missing = [c for c in _HANDED_ON if c in has and c not in given]
    if missing:
        _write(parent / "cgroup.subtree_control", " ".join(f"+{c}" for c in missing))


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _write(file: Path, text: str) -> None:
    fd = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _try_write(file: Path, text: str) -> bool:
    try:
        _write(file, text)
    except OSError:
        return False
    return True


def _try_write_in(directory: Path | None, name: str, text: str) -> bool:
    return directory is not None and _try_write(directory / name, text)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def _why(error: OSError) -> str:
    return error.strerror or str(error)
