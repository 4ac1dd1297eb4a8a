"""The mount namespace in which the OCI runtime is called, and the threads that live in it.

Why it exists: crun gives a container's standard streams to the container's user, and where the container has no stdin
that is the machine's /dev/null; and crun refuses hybrid control groups, but works where the ``unified`` hierarchy is
not mounted.  So a private copy of the mount namespace with a /dev/null of its own, and nothing behind ``unified``, is
made once, worker threads enter it, and whatever they start is born inside: no wrapper program, no cost per call.  The
machine's own mounts stay.  The state folder is made a shared mount of itself, so that what is mounted below it shows on
both sides.

On v1 the same threads also sit in conmon's control group, so that supervisors are born outside our own group and
outlive it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from podling.runtime import linux
from podling.runtime.cgroups import CgroupTree, Mode

T = TypeVar("T")
P = ParamSpec("P")
CONMON_GROUP = "conmon"
NULL = "/dev/null"
_LIVE_OPTIONS = "mode=711,size=512m"  # a ceiling: a container takes some 60 kB


class MountSpace:
    """Made by ``make``; ``enter`` puts the calling thread inside; ``close`` lets the namespace go."""

    def __init__(self, fd: int, unified: str = "") -> None:
        self._fd = fd
        self._unified = unified
        self._outside = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)

    @classmethod
    def make(cls, state_dir: Path, tree: CgroupTree) -> MountSpace:
        """Blocking.  Raises OSError where mounting is not permitted."""
        layout = tree.layout
        hidden = layout.unified.mountpoint if layout.mode is Mode.HYBRID and layout.unified else ""
        share(state_dir)
        made: Future[int] = Future()
        thread = threading.Thread(target=_make_private, args=(made, hidden), name="podling mounts")
        thread.start()
        thread.join()
        return cls(made.result(), hidden)

    def enter(self) -> None:
        """The calling thread must be one of its own: its root, working folder and mounts change for good."""
        linux.unshare(linux.CLONE_FS)
        linux.setns(self._fd, linux.CLONE_NEWNS)

    def forget_group(self, path: str) -> None:
        """crun leaves plain files where ``unified`` would be; a worker thread takes a container's away."""
        if self._unified:
            shutil.rmtree(self._unified + path, ignore_errors=True)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """A worker thread sees the node's own mounts for a moment."""
        linux.setns(self._outside, linux.CLONE_NEWNS)
        try:
            yield
        finally:
            linux.setns(self._fd, linux.CLONE_NEWNS)

    def close(self) -> None:
        for fd in (self._fd, self._outside):
            if fd >= 0:
                os.close(fd)
        self._fd = self._outside = -1


class Workers:
    """Threads inside the mount space.  A call that has begun is always awaited to its end, also when cancelled."""

    def __init__(self, count: int, space: MountSpace, tree: CgroupTree) -> None:
        def prepare() -> None:
            space.enter()
            tree.add_this_thread(CONMON_GROUP)

        self.executor = ThreadPoolExecutor(count, thread_name_prefix="podling-oci", initializer=prepare)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        future = asyncio.get_running_loop().run_in_executor(self.executor, lambda: function(*args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not future.cancelled():
                await asyncio.wait([future])
                if future.exception() is not None:
                    pass  # the cancellation counts; the caller cleans up after both
            raise

    def close(self) -> None:
        self.executor.shutdown(wait=True)


def share(folder: Path) -> None:
    """Make ``folder`` a mount of itself whose mounts show in every copy of this namespace.  Idempotent."""
    options = _mounts().get(str(folder))
    if options is None:
        linux.mount(str(folder), str(folder), flags=linux.MS_BIND)
    if options is None or "shared:" not in options:
        linux.mount("", str(folder), flags=linux.MS_SHARED)


def mount_live(folder: Path) -> None:
    """A tmpfs on ``folder`` for what dies with the machine's power.  Idempotent."""
    if str(folder) not in _mounts():
        linux.mount("podling", str(folder), "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, _LIVE_OPTIONS)


def read_only_copy(program: Path, folder: Path) -> Path:
    """``program`` mounted read-only below ``folder``: crun then need not copy itself for safety on each call (2 ms)."""
    target = folder / program.name
    folder.mkdir(exist_ok=True)
    if str(target) in _mounts():
        if os.path.samefile(program, target):
            return target
        linux.unmount(str(target))
    target.touch(mode=0o755)
    linux.mount(str(program), str(target), flags=linux.MS_BIND)
    linux.mount("", str(target), flags=linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY)
    return target


def mounted_below(folder: Path) -> list[str]:
    """Mount points inside ``folder``, deepest first; the folder itself, if it is one, comes last."""
    prefix = str(folder)
    return sorted((m for m in _mounts() if m == prefix or m.startswith(prefix + "/")), reverse=True)


def _make_private(made: Future[int], hidden: str) -> None:
    """Make the namespace in a thread of its own; ``hidden`` is where the unified hierarchy is, if it must go."""
    try:
        linux.unshare(linux.CLONE_NEWNS)
        if hidden:
            _hide(hidden)
        _own_null()
        made.set_result(os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        made.set_exception(error)


def _hide(unified: str) -> None:
    parent = os.path.dirname(unified)
    if parent in _mounts():
        linux.mount("", parent, flags=linux.MS_REC | linux.MS_PRIVATE)
    else:
        linux.mount("", unified, flags=linux.MS_PRIVATE)
    linux.unmount(unified)
    linux.mount("podling", unified, "tmpfs", 0, "mode=700,size=64m")


def _own_null() -> None:
    """Put a device of our own in the place of /dev/null, in this namespace alone; leave it where /dev is no mount."""
    if "/dev" not in _mounts():
        return
    linux.mount("", "/dev", flags=linux.MS_REC | linux.MS_SLAVE)
    workshop = next((path for path in ("/dev/shm", "/dev/mqueue", "/dev/pts") if os.path.isdir(path)), "")
    if not workshop:
        return
    linux.mount("podling", workshop, "tmpfs", linux.MS_NOSUID, "mode=755,size=64k")
    try:
        device = f"{workshop}/null"
        os.mknod(device, stat.S_IFCHR | 0o666, os.stat(NULL).st_rdev)
        os.chmod(device, 0o666)
        linux.mount(device, NULL, flags=linux.MS_BIND)
    finally:
        linux.unmount(workshop)


def _mounts() -> dict[str, str]:
    """Mount point -> optional fields, of the calling thread."""
    found = {}
    with open("/proc/thread-self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.partition(" - ")[0].split()
            found[fields[4].encode().decode("unicode_escape")] = " ".join(fields[6:])
    return found
