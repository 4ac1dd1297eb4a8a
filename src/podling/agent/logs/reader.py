"""Reads a container's log back as its lines, from a point, to a bound, and on as it grows.

A log that is rotated under a follower is read to its end before the next one is opened (`succession`), so no line is lost.
Nothing is polled: inotify tells of new lines, the runtime's events of the container's end.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from podling.runtime import linux

from . import cri
from .succession import Succession

BLOCK = 64 << 10
_IN_MODIFY = 0x2
_EVENTS = 4 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """``since``: earlier entries are left out (RFC 3339, compared as text of one form); ``tail``: the last lines only."""

    follow: bool = False
    timestamps: bool = False
    since: bytes = b""
    tail: int | None = None
    limit_bytes: int | None = None
    stream: bytes = b""


class _Shape:
    """Turns blocks of the file into what the reader gets."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._rest = b""
        self._left = options.limit_bytes
        self._line_begins = True

    @property
    def full(self) -> bool:
        return self._left is not None and self._left <= 0

    def feed(self, block: bytes) -> bytes:
        """What the entries completed by ``block`` give."""
        *lines, self._rest = (self._rest + block).split(b"\n")
        out = b"".join(self._entry(line) for line in lines)
        if self._left is not None:
            out = out[: max(0, self._left)]
            self._left -= len(out)
        return out

    def _entry(self, line: bytes) -> bytes:
        entry = cri.parse(line)
        options = self._options
        if entry is None or (options.stream and entry.stream != options.stream):
            return b""
        if options.since and entry.time < options.since:
            return b""
        begins, self._line_begins = self._line_begins, not entry.partial
        if options.timestamps and begins:
            return entry.time + b" " + entry.data
        return entry.data


async def read(
    path: Path, options: LogOptions, *, wait_ended: Callable[[], Coroutine[Any, Any, None]]
) -> AsyncIterator[bytes]:
    """The log's content in blocks.  ``wait_ended`` returns when nothing more will be written.

    Raises FileNotFoundError if there is no log.
    """
    shape = _Shape(options)
    succession = Succession(path)
    with succession.open() as file:
        file.seek(_start(file, options.tail))
        if not options.follow:
            for block in _blocks(file):
                if out := shape.feed(block):
                    yield out
                if shape.full:
                    return
            return
        async for block in _follow(path, file, succession, wait_ended=wait_ended):
            if out := shape.feed(block):
                yield out
            if shape.full:
                return


async def _follow(
    path: Path,
    first: BinaryIO,
    succession: Succession,
    *,
    wait_ended: Callable[[], Coroutine[Any, Any, None]],
) -> AsyncIterator[bytes]:
    """Blocks as they are written, over rotations, until the container has ended and all is read."""
    file, opened = first, None
    ended = asyncio.create_task(wait_ended(), name="log ends")
    try:
        with _watching(path.parent) as grown:
            while True:
                grown.clear()
                over = ended.done()
                for block in _blocks(file):
                    yield block
                if (following := succession.after(file)) is not None:
                    for block in _blocks(file):
                        yield block
                    if opened is not None:
                        opened.close()
                    file = opened = following
                    continue
                if over:
                    return
                await _either(grown, ended)
    finally:
        ended.cancel()
        if opened is not None:
            opened.close()


async def _either(grown: asyncio.Event, ended: asyncio.Task[None]) -> None:
    waiting = asyncio.create_task(grown.wait(), name="log grows")
    try:
        await asyncio.wait([waiting, ended], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _start(file: BinaryIO, tail: int | None) -> int:
    """Where the last ``tail`` lines begin."""
    if tail is None:
        return 0
    end = file.seek(0, os.SEEK_END)
    if tail == 0:
        return end
    wanted, at = tail + 1, end
    while at > 0:
        begin = max(0, at - BLOCK)
        file.seek(begin)
        block = file.read(at - begin)
        if at == end and not block.endswith(b"\n"):
            wanted -= 1  # the last line is still being written
        found = block.count(b"\n")
        if found >= wanted:
            position = len(block)
            for _ in range(wanted):
                position = block.rindex(b"\n", 0, position)
            return begin + position + 1
        wanted -= found
        at = begin
    return 0


@contextmanager
def _watching(folder: Path) -> Iterator[asyncio.Event]:
    """An event that is set when something below ``folder`` is written, made or renamed."""
    grown = asyncio.Event()
    fd = linux.inotify_open()
    loop = asyncio.get_running_loop()

    def notice() -> None:
        os.read(fd, _EVENTS)
        grown.set()

    try:
        linux.inotify_watch(fd, str(folder), _IN_MODIFY | linux.IN_CREATE | linux.IN_MOVED_TO)
        loop.add_reader(fd, notice)
        yield grown
    finally:
        loop.remove_reader(fd)
        os.close(fd)
