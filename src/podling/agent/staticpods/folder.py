"""The files of the folder of manifests, told again whenever something there changes.

The kernel tells (inotify); a look every 20 s (kubelet's fileCheckFrequency) finds what it cannot tell: a folder that came
later, links, network file systems.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from podling.runtime import linux

log = logging.getLogger(__name__)

CHECK_SECONDS = 20.0
_CHUNK = 65536
_IN_CLOSE_WRITE, _IN_MOVED_FROM, _IN_DELETE = 0x8, 0x40, 0x200
_CHANGES = _IN_CLOSE_WRITE | _IN_MOVED_FROM | linux.IN_MOVED_TO | _IN_DELETE


async def watch(path: Path) -> AsyncIterator[dict[str, bytes]]:
    """The files at once, then again after each change and each check, by their full names."""
    while True:
        with _changes(path) as changed:  # watched before it is read: nothing falls between
            yield await asyncio.to_thread(read, path)
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await changed.wait()
            except TimeoutError:
                log.debug("looking again at %s", path)


def read(path: Path) -> dict[str, bytes]:
    """Every file of the folder but hidden ones; nothing where there is no such folder.  What cannot be read is told."""
    found = {}
    for file in [path] if path.is_file() else sorted(path.glob("[!.]*")):
        if not file.is_file():
            log.warning("manifest path %s is not a file, it is left out", file)
            continue
        try:
            found[str(file)] = file.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("cannot read manifest %s: %s", file, error.strerror)
    return found


@contextmanager
def _changes(path: Path) -> Iterator[asyncio.Event]:
    """An event that is set when something in ``path`` is written, renamed or removed."""
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()
    fd = linux.inotify_open()

    def notice() -> None:
        os.read(fd, _CHUNK)
        changed.set()

    try:
        try:
            linux.inotify_watch(fd, str(path), _CHANGES)
        except OSError as error:
            log.debug("cannot watch %s: %s", path, error.strerror)
        loop.add_reader(fd, notice)
        yield changed
    finally:
        loop.remove_reader(fd)
        os.close(fd)
