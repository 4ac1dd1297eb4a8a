"""Reading and writing non-blocking file descriptors (pipes, sockets, terminals, FIFOs) one chunk at a time.

Why it exists: asyncio's stream readers keep a buffer that fills whether or not anybody reads.  Here nothing is read
until it is asked for, so a slow consumer stalls the producer through the kernel's own buffer and no memory grows.

The fd belongs to the caller and must be non-blocking.  One reader and one writer at a time per fd.  Closing an fd
while somebody waits on it is the caller's mistake: cancel first.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Sequence
from typing import Any

CHUNK = 65536


async def read(fd: int, size: int = CHUNK) -> bytes:
    """The next bytes; b"" at the end.  A terminal whose other side is gone (EIO) is at its end too."""
    while True:
        try:
            return os.read(fd, size)
        except BlockingIOError:
            await wait_readable(fd)
        except OSError as error:
            if error.errno == errno.EIO:
                return b""
            raise


async def write(fd: int, data: bytes) -> None:
    """Write all of ``data``.  Raises BrokenPipeError when nobody reads any more."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            await wait_writable(fd)


async def wait_readable(fd: int) -> None:
    """Return when a read of ``fd`` would not block."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


async def wait_any_readable(fds: Sequence[int], *, or_done: asyncio.Future[Any]) -> None:
    """Return when a read of any of ``fds`` would not block, or ``or_done`` is done (which is left alone)."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    for fd in fds:
        loop.add_reader(fd, _wake, ready)
    try:
        await asyncio.wait([ready, or_done], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for fd in fds:
            loop.remove_reader(fd)


async def wait_writable(fd: int) -> None:
    """Return when a write to ``fd`` would not block."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(fd, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_writer(fd)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
