"""A sandbox's own namespaces without a process to hold them: made by a thread, kept by bind mounts.

A worker thread unshares, mounts its new namespaces on files and returns to its own.  ``net``, ``ipc`` and ``uts`` can
be kept so; a shared PID namespace needs a first process (``pause``), a user namespace one that lends its own
(``usernamespaces``).  Blocking; called on worker threads.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from podling.runtime import linux
from podling.runtime.interface import Unsupported

_FLAGS = {"net": linux.CLONE_NEWNET, "ipc": linux.CLONE_NEWIPC, "uts": linux.CLONE_NEWUTS}
_KEPT = (*_FLAGS, "user")
_IPC_SYSCTLS = ("kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue.")
_NSFS_MAGIC_DEV = os.stat("/proc/self/ns/net").st_dev


def make(folder: Path, kinds: Sequence[str], *, hostname: str, sysctls: Mapping[str, str]) -> None:
    """Make the namespaces ``kinds`` and keep them as ``folder/<kind>``.  On failure nothing is kept."""
    check_sysctls(sysctls, kinds)
    folder.mkdir(exist_ok=True)
    own = {kind: os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds}
    try:
        linux.unshare(sum(_FLAGS[kind] for kind in kinds))
        try:
            _furnish(hostname if "uts" in kinds else "", sysctls)
            for kind in kinds:
                _keep(folder, kind, "thread-self")
        finally:
            for kind, fd in own.items():
                linux.setns(fd, _FLAGS[kind])
    except OSError:
        remove(folder)
        raise
    finally:
        for fd in own.values():
            os.close(fd)


def take(
    folder: Path, kinds: Sequence[str], *, donor: int, hostname: str, sysctls: Mapping[str, str]
) -> None:
    """Keep those of process ``donor``, its user namespace with them, as ``folder/<kind>``.  On failure nothing is kept."""
    own_kinds = [kind for kind in kinds if kind in _FLAGS]
    check_sysctls(sysctls, own_kinds)
    folder.mkdir(exist_ok=True)
    own = {kind: os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in own_kinds}
    try:
        for kind in kinds:
            _keep(folder, kind, str(donor))
        try:
            for kind in own_kinds:
                _enter(folder / kind, _FLAGS[kind])
            _furnish(hostname if "uts" in kinds else "", sysctls)
        finally:
            for kind, fd in own.items():
                linux.setns(fd, _FLAGS[kind])
    except OSError:
        remove(folder)
        raise
    finally:
        for fd in own.values():
            os.close(fd)


def _keep(folder: Path, kind: str, process: str) -> None:
    (folder / kind).touch()
    linux.mount(f"/proc/{process}/ns/{kind}", str(folder / kind), flags=linux.MS_BIND)


def _enter(file: Path, flag: int) -> None:
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        linux.setns(fd, flag)
    finally:
        os.close(fd)


def _furnish(hostname: str, sysctls: Mapping[str, str]) -> None:
    """Of the namespaces that the thread is in."""
    if hostname:
        socket.sethostname(hostname)
    for name, value in sysctls.items():
        _set_sysctl(name, value)


def remove(folder: Path) -> None:
    """Let the namespaces go.  Idempotent."""
    for kind in _KEPT:
        file = folder / kind
        linux.unmount(str(file))
        with contextlib.suppress(FileNotFoundError):
            file.unlink()


def is_kept(folder: Path, kind: str) -> bool:
    """Whether ``folder/<kind>`` holds a namespace."""
    try:
        return os.stat(folder / kind).st_dev == _NSFS_MAGIC_DEV
    except FileNotFoundError:
        return False


def check_sysctls(sysctls: Mapping[str, str], kinds: Sequence[str]) -> None:
    """Raises ``Unsupported`` for a setting that would change the node instead of the Pod."""
    for name in sysctls:
        dotted = name.replace("/", ".")
        if dotted.startswith("net."):
            needed = "net"
        elif dotted.startswith(_IPC_SYSCTLS):
            needed = "ipc"
        else:
            raise Unsupported(
                f"sysctl {name}", "it has no namespace of its own and would change the whole node"
            )
        if needed not in kinds:
            raise Unsupported(f"sysctl {name}", f"the Pod uses the node's {needed} namespace")


def _set_sysctl(name: str, value: str) -> None:
    path = name if "/" in name else name.replace(".", "/")
    if ".." in path.split("/"):
        raise Unsupported(f"sysctl {name}", "not a name")
    try:
        with open(f"/proc/sys/{path}", "w") as file:
            file.write(value)
    except FileNotFoundError as error:
        raise Unsupported(f"sysctl {name}", "this kernel does not have it") from error
    except OSError as error:
        raise Unsupported(f"sysctl {name}={value}", error.strerror or str(error)) from error
