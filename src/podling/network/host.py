"""The one door through which an agent and its network reach the kernel's network stack.

A node is a ``Host``: a network namespace, a cgroup and a folder.  Several nodes live in one process, each in a
namespace of its own, so no socket may be made "just so": it would belong to the namespace of the process.  A socket
keeps the namespace it was born in, wherever it is used later; hence a thread that lives 0.2 ms enters the namespace,
makes the socket and ends.  The machine's own namespace needs no thread.

What flows through the sockets is left to their users.
"""

from __future__ import annotations

import ctypes
import os
import socket as sockets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .errors import NetworkFault, NotPermitted
from .netlink import Netlink

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def new_netns() -> None:
    """Move the calling thread into a new network namespace, which ends with it.  Needs CAP_SYS_ADMIN."""
    if _libc.unshare(CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise NotPermitted(f"cannot make a network namespace: {os.strerror(code)}")


def enter_netns(path: str) -> None:
    """Move the calling thread into the network namespace at ``path``.  Needs CAP_SYS_ADMIN."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NetworkFault(f"cannot enter network namespace {path}: {error.strerror}") from error
    try:
        _set_netns(descriptor, path)
    finally:
        os.close(descriptor)


@contextmanager
def visiting(path: str) -> Iterator[None]:
    """Within: the calling thread is in the network namespace at ``path``; 0.02 ms.  Only for a thread of one's own."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter_netns(path)
        try:
            yield
        finally:
            _set_netns(home, "home")
    finally:
        os.close(home)


def _set_netns(descriptor: int, name: str) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise NotPermitted(f"cannot enter network namespace {name}: {os.strerror(code)}")


def open_netlink() -> Netlink:
    """A route netlink socket in the calling thread's namespace."""
    return Netlink(sockets.socket(sockets.AF_NETLINK, sockets.SOCK_RAW, sockets.NETLINK_ROUTE))


@dataclass(frozen=True, slots=True)
class Host:
    """Where one node lives.

    netns      path of its network namespace; "" = that of this process.
    cgroup     its cgroup below the root of each hierarchy, e.g. ``podling/<cluster>/<node>``.
    state_dir  folder of its own files.
    """

    netns: str
    cgroup: str
    state_dir: Path

    def run(self, work: Callable[[], T]) -> T:
        """``work()`` inside the node's network namespace; for short work, the caller waits.

        Reads and writes under ``/proc/sys/net`` and ``/proc/thread-self/net`` are the node's there, too.
        """
        if not self.netns:
            return work()

        def visit() -> T:
            enter_netns(self.netns)
            return work()

        with ThreadPoolExecutor(1, thread_name_prefix="podling-netns") as thread:
            return thread.submit(visit).result()

    def socket(
        self, family: int = sockets.AF_INET, type: int = sockets.SOCK_STREAM, proto: int = 0
    ) -> sockets.socket:
        """A new non-blocking socket of the node; fits aiohttp's ``socket_factory`` in a lambda."""

        def make() -> sockets.socket:
            made = sockets.socket(family, type, proto)
            made.setblocking(False)
            return made

        return self.run(make)

    def listen(self, address: str, port: int, *, backlog: int = 128) -> sockets.socket:
        """A listening TCP socket of the node, for ``create_server(sock=...)``; port 0 = any free one."""
        made = self.socket()
        try:
            made.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
            made.bind((address, port))
            made.listen(backlog)
        except OSError as error:
            made.close()
            raise NetworkFault(f"cannot listen on {address}:{port}: {error.strerror}") from error
        return made

    def netlink(self) -> Netlink:
        """A route netlink socket of the node."""
        return self.run(open_netlink)

    def address(self) -> str:
        """The node's own address: the one it would speak to the outside with; 127.0.0.1 where there is no outside."""
        with self.socket(type=sockets.SOCK_DGRAM) as probe:
            try:
                probe.connect(("198.51.100.1", 9))  # connecting a datagram socket only asks the routing table
            except OSError:
                return "127.0.0.1"
            return str(probe.getsockname()[0])

    def executor(self) -> ThreadPoolExecutor:
        """One thread that lives in the node's namespace: for ``aio.spawn(thread=...)`` and netlink work.  Shut it down."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="podling-net")
        if self.netns:
            try:
                thread.submit(enter_netns, self.netns).result()
            except BaseException:
                thread.shutdown()
                raise
        return thread
