"""The roots and namespaces that a child moves into before it executes a container's command.

``chroot``      another root folder; whatever is to be seen in it lies in it already
``namespaces``  user, mount, PID, IPC and UTS namespaces of its own, with real mounts in them
``plain``       nothing: the machine's own root

All of it runs in the child, between fork and exec; ``map_ids`` runs in the parent.
"""

from __future__ import annotations

import os
import stat

from . import kernel

TYPE_CHECKING = False  # typing itself weighs a megabyte
if TYPE_CHECKING:
    from typing import Any

NAMESPACES = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
)
JOINED = ("user", "mnt", "ipc", "uts", "pid")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
_EVERY_ID = "0 0 4294967295\n"
_MAX_LINKS = 40


def map_ids(pid: int, *, every: bool) -> None:
    """Give the new user namespace of ``pid`` its ids: all as they are, or only root, who is us."""
    if every:
        lines = {"uid_map": _EVERY_ID, "gid_map": _EVERY_ID}
    else:
        lines = {
            "setgroups": "deny",
            "uid_map": f"0 {os.geteuid()} 1\n",
            "gid_map": f"0 {os.getegid()} 1\n",
        }
    for name, text in lines.items():
        with open(f"/proc/{pid}/{name}", "w") as file:
            file.write(text)


def join(pid: int) -> None:
    """Enter the namespaces of a container's main process."""
    fds = [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in JOINED]
    for fd in fds:
        kernel.setns(fd)
        os.close(fd)


def furnish(plan: dict[str, Any]) -> None:
    """In fresh namespaces: mount the root with all that belongs into it, and make it the root of everything."""
    root = plan["root"]
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    if plan["overlay"]:
        os.chdir(plan["overlay"]["layers"])  # the options name layers relative to it, or they would not fit
        kernel.mount("overlay", root, "overlay", 0, plan["overlay"]["options"])
    else:
        kernel.mount(root, root, flags=kernel.MS_BIND | kernel.MS_REC)
    _mount_proc(inside(root, "/proc", folder=True))
    _mount_devices(inside(root, "/dev", folder=True))
    for entry in plan["mounts"]:
        source, readonly = entry["source"], entry["readonly"]
        target = inside(root, entry["target"], folder=os.path.isdir(source))
        kernel.mount(source, target, flags=kernel.MS_BIND | kernel.MS_REC)
        if readonly:
            _make_readonly(target)
    if plan["readonly_root"]:
        _make_readonly(root)
    kernel.sethostname(plan["hostname"])
    os.chdir(root)
    kernel.pivot_root(".", ".")
    kernel.unmount(".")
    os.chdir("/")


def _mount_proc(target: str) -> None:
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    try:
        kernel.mount("proc", target, "proc", flags)
    except PermissionError:  # parts of our own /proc are covered, so the kernel wants them to stay so
        kernel.mount("/proc", target, flags=kernel.MS_BIND | kernel.MS_REC)


def _mount_devices(target: str) -> None:
    kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID, "mode=755,size=65536k")
    for name in _DEVICES:
        path = f"{target}/{name}"
        os.close(os.open(path, os.O_CREAT | os.O_CLOEXEC, 0o666))
        kernel.mount(f"/dev/{name}", path, flags=kernel.MS_BIND)
    for folder, kind, data in (
        ("pts", "devpts", "newinstance,ptmxmode=0666,mode=620"),
        ("shm", "tmpfs", "mode=1777,size=65536k"),
    ):
        os.mkdir(f"{target}/{folder}")
        kernel.mount(kind, f"{target}/{folder}", kind, kernel.MS_NOSUID | kernel.MS_NOEXEC, data)
    for name, destination in _DEVICE_LINKS.items():
        os.symlink(destination, f"{target}/{name}")


def _make_readonly(target: str) -> None:
    """Flags that came with the mount are locked in a user namespace and must be named again."""
    held = os.statvfs(target).f_flag
    known = {
        os.ST_NOSUID: kernel.MS_NOSUID,
        os.ST_NODEV: kernel.MS_NODEV,
        os.ST_NOEXEC: kernel.MS_NOEXEC,
        os.ST_NOATIME: kernel.MS_NOATIME,
        os.ST_NODIRATIME: kernel.MS_NODIRATIME,
        os.ST_RELATIME: kernel.MS_RELATIME,
    }
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY
    for seen, flag in known.items():
        if held & seen:
            flags |= flag
    kernel.mount("", target, flags=flags)


def inside(root: str, path: str, *, folder: bool) -> str:
    """Where ``path`` lies under ``root`` as the container sees it, made if need be.

    Links of the image are followed as if ``root`` were the root, so none leads out.
    """
    real, parts, links = root, [part for part in path.split("/") if part], 0
    while parts:
        part = parts.pop(0)
        if part in (".", ".."):
            real = os.path.dirname(real) if part == ".." and real != root else real
            continue
        step = f"{real}/{part}"
        try:
            mode = os.lstat(step).st_mode
        except FileNotFoundError:
            _make(step, folder=folder or bool(parts))
            mode = os.lstat(step).st_mode
        if stat.S_ISLNK(mode):
            links += 1
            if links > _MAX_LINKS:
                raise OSError(40, "Too many levels of symbolic links", path)
            destination = os.readlink(step)
            real = root if destination.startswith("/") else real
            parts = [piece for piece in destination.split("/") if piece] + parts
        else:
            real = step
    return real


def _make(path: str, *, folder: bool) -> None:
    if folder:
        os.mkdir(path, 0o755)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
