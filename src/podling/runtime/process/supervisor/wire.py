"""Packets between Podling and its supervisor.

A Unix ``SOCK_SEQPACKET`` connection carries either control or one stream:

* control: JSON objects, one per packet.  A request has ``op`` and ``serial``; its answer repeats ``serial`` and has
  ``error`` if it failed.  Packets from the supervisor with ``event`` come unasked.  What may be large (a launch plan
  with its environment) travels as a file descriptor beside the packet.
* stream (after ``attach``): one byte of channel, then data.
"""

from __future__ import annotations

import array
import json
import os
import socket

TYPE_CHECKING = False  # typing itself weighs a megabyte
if TYPE_CHECKING:
    from typing import Any

VERSION = 1
PACKET = 32768
MAX_FDS = 4

STDIN, STDOUT, STDERR, EXIT, RESIZE, CLOSE_STDIN = 0, 1, 2, 3, 4, 5


def pack(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def unpack(packet: bytes) -> dict[str, Any]:
    message = json.loads(packet)
    if not isinstance(message, dict):
        raise ValueError("a packet must be a JSON object")
    return message


def send_fds(connection: socket.socket, packet: bytes, fds: list[int]) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    connection.sendmsg([packet], ancillary)


def receive_fds(connection: socket.socket) -> tuple[bytes, list[int]]:
    """The next packet and the descriptors that came with it (close-on-exec); b"" at the end."""
    fds = array.array("i")
    room = socket.CMSG_SPACE(MAX_FDS * fds.itemsize)
    packet, ancillary, _, _ = connection.recvmsg(PACKET + 1, room, socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return packet, list(fds)


def file_of(message: dict[str, Any]) -> int:
    """A descriptor of an unnamed file that holds ``message``, to be sent beside a packet."""
    fd = os.memfd_create("podling-plan", os.MFD_CLOEXEC)
    data = pack(message)
    while data:
        data = data[os.write(fd, data) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def read_file(fd: int) -> dict[str, Any]:
    """The message that ``file_of`` wrote; closes the descriptor."""
    with os.fdopen(fd, "rb") as file:
        return unpack(file.read())
