"""The files of one log in the order in which they were written, for who follows it over rotations.

``0.log`` is put aside as ``0.log.<time>``, later packed as ``0.log.<time>.gz`` (see `rotate`). A follower that is slower than the
container is files behind; it must read those in between and not jump to the newest.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import BinaryIO, cast

PACKED = ".gz"


class Succession:
    """``open`` gives the live file; ``after`` what comes after a file that was read to its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = ""
        """The last file that was put aside and has been read, or is being read, by its name when it was."""
        self._begun_live = True
        """What is being read was the live file when it was opened."""

    def open(self) -> BinaryIO:
        """The live file. Raises FileNotFoundError."""
        file = self._path.open("rb")
        self._read = self._aside_of(file) or max(self._asides(), default="")
        return file

    def after(self, file: BinaryIO) -> BinaryIO | None:
        """The file that follows; None while ``file`` is the live one, or for a moment there is none."""
        if self._is_live(file):
            return None
        later = [name for name in self._asides() if name > self._read]
        if later and self._begun_live and self._became(later[0], file):
            self._read = later.pop(0)
        return self._first_of(later) or self._open_live()

    def _first_of(self, names: list[str]) -> BinaryIO | None:
        for name in names:
            if (found := self._open_aside(name)) is not None:
                self._read, self._begun_live = name, False
                return found
        return None

    def _open_live(self) -> BinaryIO | None:
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return None
        later = [name for name in self._asides() if name > self._read]
        if later and not self._became(later[0], file):
            file.close()  # more were put aside meanwhile: begin with the first of them
            return self._first_of(later)
        self._begun_live = True
        return file

    def _open_aside(self, name: str) -> BinaryIO | None:
        plain = self._path.with_name(name)
        try:
            return plain.open("rb")
        except FileNotFoundError:
            pass
        try:
            return cast(BinaryIO, gzip.open(plain.with_name(f"{name}{PACKED}"), "rb"))
        except FileNotFoundError:
            return None  # gone with the oldest

    def _asides(self) -> list[str]:
        """Names of what was put aside, oldest first, packed or not."""
        found = self._path.parent.glob(f"{self._path.name}.*")
        return sorted({file.name.removesuffix(PACKED) for file in found})

    def _became(self, name: str, file: BinaryIO) -> bool:
        """Whether an open file was put aside under that name; of one that is packed by now its size alone tells."""
        plain = self._path.with_name(name)
        if plain.exists():
            return self._is(plain, file)
        try:
            with plain.with_name(f"{name}{PACKED}").open("rb") as packed:
                packed.seek(-4, os.SEEK_END)
                size = int.from_bytes(packed.read(), "little")
        except OSError:
            return False
        return size == os.fstat(file.fileno()).st_size & 0xFFFFFFFF

    def _aside_of(self, file: BinaryIO) -> str:
        """The name under which an open file has been put aside, "" if it has not."""
        names = (name for name in self._asides() if self._is(self._path.with_name(name), file))
        return next(names, "")

    def _is_live(self, file: BinaryIO) -> bool:
        """Whether no other file has taken the name; for a moment during a rotation there is none."""
        return not self._path.exists() or self._is(self._path, file)

    def _is(self, path: Path, file: BinaryIO) -> bool:
        try:
            there = path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(file.fileno())
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
