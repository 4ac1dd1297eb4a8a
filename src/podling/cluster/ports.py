"""The API server's port: the one that was asked for, or that it had last, or 6443, or any; and who has it if it is taken."""

from __future__ import annotations

import contextlib
import errno
import socket
from pathlib import Path

from .config import DEFAULT_PORT
from .errors import PortTaken

LOOPBACK = "127.0.0.1"


def listen_locally(port: int, *, last: int = 0) -> socket.socket:
    """A listening socket on loopback; port 0 = ``last`` or 6443 if free, otherwise any.  Raises ``PortTaken``."""
    if port:
        return _listen(port)
    for wanted in (last, DEFAULT_PORT):
        if wanted:
            with contextlib.suppress(PortTaken):
                return _listen(wanted)
    return _listen(0)


def _listen(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((LOOPBACK, port))
        made.listen(1024)
    except OSError as error:
        made.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = (
            f"{_owner(port)} has it"
            if error.errno == errno.EADDRINUSE
            else "ports below 1024 need privileges"
        )
        raise PortTaken(
            f"cannot listen on {LOOPBACK}:{port}: {why}; choose another with --port (0 = any free one)"
        ) from error
    return made


def _owner(port: int) -> str:
    """Who listens on a local TCP port, as far as this process may see."""
    inode = _listening_inode(port)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if inode and any(_is_socket(link, inode) for link in (process / "fd").iterdir()):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
    return "another process"


def _is_socket(descriptor: Path, inode: str) -> bool:
    try:
        return str(descriptor.readlink()) == f"socket:[{inode}]"
    except FileNotFoundError:
        return False


def _listening_inode(port: int) -> str:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
            return fields[9]
    return ""
