"""Where it is written who may use which image: a file for each image that a node of this machine has pulled.

    pulled/<image id>       an ``access.Record``
    pulling/<hash>          the name of an image whose pull has begun and has not been recorded; after a crash it tells
                            that an image of this name did not come here by hand

Nodes that share one image store share this folder.  A record that cannot be read counts as one that lets nobody in.
Small files, read and written where they are needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from podling.runtime.interface import Image

from .access import Record


class PullRecords:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pulled = folder / "pulled"
        self._pulling = folder / "pulling"

    def open(self, images: Iterable[Image]) -> None:
        """Make the folders; what was being pulled when an agent died and is among ``images`` lets nobody in unasked."""
        for folder in (self._pulled, self._pulling):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        by_name = {name: image.id for image in images for name in (*image.repo_tags, *image.repo_digests)}
        for file in self._pulling.iterdir():
            with contextlib.suppress(FileNotFoundError):
                image_id = by_name.get(file.read_text())
                if image_id is not None and self.get(image_id) is None:
                    self.put(Record(image_id=image_id))
                file.unlink()

    @contextlib.contextmanager
    def pulling(self, name: str) -> Iterator[None]:
        """Around the pull of ``name`` and the writing of its record."""
        file = self._pulling / f"{_hex(name)}-{secrets.token_hex(4)}"
        file.write_text(name)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    def get(self, image_id: str) -> Record | None:
        """None for an image that no node pulled."""
        try:
            data = self._file(image_id).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(data, type=Record)
        except msgspec.DecodeError:
            return Record(image_id=image_id)

    def put(self, record: Record) -> None:
        file = self._file(record.image_id)
        fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        with fresh.open("wb") as writing:
            writing.write(msgspec.json.encode(record))
            writing.flush()
            os.fsync(writing.fileno())
        fresh.replace(file)

    def prune(self, present: Iterable[str], *, before: float) -> None:
        """Forget images that were written of ``before`` (seconds since the epoch) and are none of those ``present``, by id."""
        kept = {self._file(image_id).name for image_id in present}
        for file in self._pulled.iterdir():
            if file.name in kept or file.name.startswith("."):
                continue
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime < before:
                    file.unlink()

    def _file(self, image_id: str) -> Path:
        return self._pulled / _hex(image_id)


def _hex(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
