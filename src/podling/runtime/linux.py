"""The system calls that Python's standard library lacks, by ctypes: mounts, namespaces, in-root opens, inotify.

Each is a thin wrapper that raises OSError with the path involved; none decides anything.  They release the GIL.
Callers that change a thread's namespaces (``unshare``, ``setns``) must be threads of their own (see ``threads``).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_FS: Final = 0x00000200
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_REMOUNT: Final = 0x20
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000
MS_SLAVE: Final = 0x80000
MS_SHARED: Final = 0x100000
MNT_DETACH: Final = 0x2
UMOUNT_NOFOLLOW: Final = 0x8

IN_MOVED_TO: Final = 0x80
IN_CREATE: Final = 0x100
IN_DELETE: Final = 0x200
_IN_NONBLOCK: Final = 0x800
_IN_CLOEXEC: Final = 0x80000

_RESOLVE_BENEATH: Final = 0x08
_RESOLVE_IN_ROOT: Final = 0x10
_SYS_OPEN_TREE: Final = 428
_SYS_MOVE_MOUNT: Final = 429
_SYS_OPENAT2: Final = 437
_AT_FDCWD: Final = -100
_AT_EMPTY_PATH: Final = 0x1000
_AT_RECURSIVE: Final = 0x8000
_CLONE_TREE: Final = 0x1 | _AT_RECURSIVE
_MOVE_THE_TREE: Final = 0x4
_MOUNT_ATTR_IDMAP: Final = 0x00100000
_SYS_PIDFD_GETFD: Final = 438
_SYS_MOUNT_SETATTR: Final = 442


def mount(source: str, target: str, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2).  The error names the target."""
    result = _libc.mount(
        source.encode(), target.encode(), fstype.encode(), ctypes.c_ulong(flags), data.encode()
    )
    _check(result, target)


def mount_mapped(source: str, target: str, userns: str) -> None:
    """A copy of the tree of mounts at ``source`` on ``target``, its ids mapped as in the user namespace at path ``userns``."""
    tree = int(_libc.syscall(_SYS_OPEN_TREE, _AT_FDCWD, source.encode(), _CLONE_TREE | os.O_CLOEXEC))
    _check(tree, source)
    users = os.open(userns, os.O_RDONLY | os.O_CLOEXEC)
    try:
        wanted = _MountAttr(_MOUNT_ATTR_IDMAP, 0, 0, users)
        how = _AT_EMPTY_PATH | _AT_RECURSIVE
        size = ctypes.sizeof(wanted)
        _check(_libc.syscall(_SYS_MOUNT_SETATTR, tree, b"", how, ctypes.byref(wanted), size), source)
        moved = _libc.syscall(_SYS_MOVE_MOUNT, tree, b"", _AT_FDCWD, target.encode(), _MOVE_THE_TREE)
        _check(moved, target)
    finally:
        os.close(users)
        os.close(tree)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def unmount(target: str, flags: int = MNT_DETACH | UMOUNT_NOFOLLOW) -> bool:
    """umount2(2); False if nothing was mounted there."""
    if _libc.umount2(target.encode(), flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOENT):
        return False
    if number == errno.EPERM and not is_mount_point(target):
        return False  # who may not unmount is refused before the kernel looks whether there is anything
    raise OSError(number, os.strerror(number), target)


def can_change_mount_trees() -> bool:
    """Whether the kernel knows mount_setattr(2) (Linux 5.12), by which whole trees of mounts become read-only."""
    return _libc.syscall(_SYS_MOUNT_SETATTR, -1, b"", 0, None, 0) >= 0 or ctypes.get_errno() != errno.ENOSYS


def is_mount_point(path: str) -> bool:
    """Whether something is mounted at ``path``, a bind mount of the same file system included."""
    wanted = os.path.realpath(path)
    with open("/proc/thread-self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return any(_unescaped(line.split(" ")[4]) == wanted for line in file)


def mounts_below(path: str) -> list[str]:
    """Everything mounted inside ``path`` and on it, what was mounted last first: an order in which it can be unmounted."""
    prefix = os.path.realpath(path)
    with open("/proc/thread-self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        points = [_unescaped(line.split(" ")[4]) for line in file]
    return [point for point in reversed(points) if point == prefix or point.startswith(f"{prefix}/")]


def mount_holding(path: str) -> tuple[str, list[str]]:
    """The mount point that ``path`` lies on, and the mount's optional fields (``shared:7``, ``master:3``)."""
    wanted = os.path.realpath(path)
    found: tuple[str, list[str]] = ("/", [])
    with open("/proc/thread-self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.partition(" - ")[0].split(" ")
            point = _unescaped(fields[4])
            inside = wanted == point or wanted.startswith(f"{point.rstrip('/')}/")
            if inside and len(point) >= len(found[0]):  # of several on one point the last is seen
                found = (point, [field for field in fields[6:] if field])
    return found


def _unescaped(field: str) -> str:
    """The kernel writes blanks and backslashes of paths as octal numbers."""
    for number in ("040", "011", "012", "134"):
        field = field.replace(f"\\{number}", chr(int(number, 8)))
    return field


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    _check(_libc.setns(fd, kind), "setns")


def sync_filesystem(path: str) -> None:
    """syncfs(2): everything of the file system that holds ``path`` is on disk afterwards."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.syncfs(fd), path)
    finally:
        os.close(fd)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_in_root(root: str, path: str, flags: int, mode: int = 0) -> int:
    """Open ``path`` as a process chrooted into ``root`` would: no link or ``..`` leads outside (openat2)."""
    return _open_resolved(root, path, _OpenHow(flags | os.O_CLOEXEC, mode, _RESOLVE_IN_ROOT))


def open_beneath(root: str, path: str, flags: int) -> int:
    """Open ``path`` below ``root``; EXDEV where a link or ``..`` leads outside, as every absolute link does (openat2)."""
    return _open_resolved(root, path, _OpenHow(flags | os.O_CLOEXEC, 0, _RESOLVE_BENEATH))


def _open_resolved(root: str, path: str, how: _OpenHow) -> int:
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        relative = path.lstrip("/") or "."
        fd = _libc.syscall(_SYS_OPENAT2, root_fd, relative.encode(), ctypes.byref(how), ctypes.sizeof(how))
        _check(fd, path)
    finally:
        os.close(root_fd)
    return int(fd)


def descendants(pid: int) -> list[int]:
    """The processes below ``pid`` now; none where it is gone."""
    found, waiting = [], [pid]
    while waiting:
        for listing in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                children = [int(word) for word in listing.read_text().split()]
                found += children
                waiting += children
    return found


def terminal_of(pid: int) -> int:
    """A descriptor of our own for the terminal whose master side the process holds; OSError if there is none."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if str(entry.readlink()).endswith("/ptmx"):
                return _borrow(pid, int(entry.name))
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"the terminal of process {pid}")


def _borrow(pid: int, fd: int) -> int:
    """pidfd_getfd(2): a duplicate of another process's descriptor."""
    process = os.pidfd_open(pid)
    try:
        got = int(_libc.syscall(_SYS_PIDFD_GETFD, process, fd, 0))
        _check(got, f"descriptor {fd} of process {pid}")
        return got
    finally:
        os.close(process)


def inotify_open() -> int:
    fd = _libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
    _check(fd, "inotify")
    return int(fd)


def inotify_watch(fd: int, path: str, mask: int) -> None:
    _check(_libc.inotify_add_watch(fd, path.encode(), mask), path)


@contextmanager
def entered(netns: str) -> Iterator[None]:
    """The calling thread is inside the network namespace at path ``netns``; an empty path changes nothing."""
    if not netns:
        yield
        return
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        other = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(other, CLONE_NEWNET)
        finally:
            os.close(other)
        try:
            yield
        finally:
            setns(own, CLONE_NEWNET)
    finally:
        os.close(own)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
