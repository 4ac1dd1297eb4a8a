"""The content-addressed store on disk that every node and cluster of a machine shares.

Layers are unpacked once, each into a folder of its own that overlayfs stacks; an index file names images, tags and
digests.  Several processes use the store at once: the index is replaced by rename under an exclusive ``flock``,
readers need no lock, layers are unpacked in a scratch folder and renamed into place.  Data reaches the disk before
the index speaks of it.

    index.json          what there is (``records.Index``)
    layers/<24 hex>/    one unpacked layer, named by its diff id (short, so that 160 fit in one mount call)
    scratch/<name>/     being unpacked; swept when its owner is dead
    uses/<hex>/<name>   one file per container that stands on an image; it names a path that proves it alive
    lock                held for moments only

All methods block and are called from threads.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from podling.runtime import linux
from podling.runtime.interface import ImageFault, NotFound

from . import unpack
from .records import ImageConfig, ImageRecord, Index
from .unpack import Room


@dataclass(frozen=True, slots=True)
class Rootfs:
    """What a container needs of an image: its configuration and its layers' folder names, topmost first."""

    image_id: str
    config: ImageConfig
    layers_dir: str
    lower: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A layer in a scratch folder, checked, not yet in the store."""

    diff_id: str
    folder: Path
    size: int


class Content:
    """One store at ``root``, made on first use."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layers_dir = root / "layers"
        self._index_file = root / "index.json"
        self._cached: tuple[object, Index] = (None, Index())

    def __repr__(self) -> str:
        return f"<Content {self.root}>"

    def open(self) -> None:
        """Make the folders and sweep what dead processes left half-unpacked."""
        for folder in (self.layers_dir, self.root / "scratch", self.root / "uses"):
            folder.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711)
        self._sweep_scratch()

    def index(self) -> Index:
        """The index as last written by anybody.  Treat as read-only."""
        try:
            status = self._index_file.stat()
        except FileNotFoundError:
            return Index()
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._cached[0] != stamp:
            self._cached = (stamp, self._read_index())
        return self._cached[1]

    def rootfs(self, image_id: str) -> Rootfs:
        """Raises ``NotFound``."""
        record = self.index().images.get(image_id)
        if record is None:
            raise NotFound(f"cannot use image {image_id}: it is not in the store")
        lower = tuple(_folder(layer) for layer in reversed(record.layers))
        return Rootfs(record.id, record.config, str(self.layers_dir), lower)

    def has_layer(self, diff_id: str) -> bool:
        return diff_id in self.index().layers and (self.layers_dir / _folder(diff_id)).is_dir()

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on the store's file system for one piece of work; removed afterwards, swept if we die."""
        with self._lock():
            folder = Path(tempfile.mkdtemp(dir=self.root / "scratch"))
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(fd)

    def unpack(self, diff_id: str, stream: IO[bytes], scratch: Path) -> Unpacked:
        """Unpack a layer into ``scratch``; ``add`` takes it from there.  Raises ``ImageFault``."""
        folder = scratch / f"layer-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o755)
        try:
            size = unpack.unpack(stream, folder, diff_id=diff_id, room=self._room())
            return Unpacked(diff_id, folder, size)
        except unpack.LayerFault as error:
            raise ImageFault(str(error)) from error

    def _room(self) -> Room:
        """What is free, less a hundredth of the disk that others may need."""
        found = os.statvfs(self.root)
        free = found.f_bavail - found.f_blocks // 100
        inodes = found.f_favail - found.f_files // 100 if found.f_files else sys.maxsize
        return Room(max(0, free * found.f_frsize), max(0, inodes))

    def add(
        self,
        record: ImageRecord,
        *,
        layers: Iterable[Unpacked] = (),
        tags: Iterable[str] = (),
        digests: Iterable[str] = (),
    ) -> None:
        """Move freshly unpacked ``layers`` into place and name the image.  Its other layers must be here."""
        fresh = list(layers)
        if fresh:
            linux.sync_filesystem(str(self.root))
        with self._change() as index:
            for layer in fresh:
                self._place(layer, index)
            missing = [layer for layer in record.layers if layer not in index.layers]
            if missing:
                raise ImageFault(f"cannot add image {record.id}: layer {missing[0]} is gone again")
            index.images[record.id] = record
            index.tags.update(dict.fromkeys(tags, record.id))
            index.digests.update(dict.fromkeys(digests, record.id))

    def hold(self, image_id: str, name: str, proof: Path) -> None:
        """Keep the image from removal while ``proof`` exists.  Raises ``NotFound``."""
        with self._lock():
            if image_id not in self.index().images:
                raise NotFound(f"cannot use image {image_id}: it is not in the store")
            folder = self.root / "uses" / _hex(image_id)
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(str(proof))

    def release(self, image_id: str, name: str) -> None:
        (self.root / "uses" / _hex(image_id) / name).unlink(missing_ok=True)

    def users(self, image_id: str) -> list[str]:
        """The names of those that hold the image and live."""
        folder = self.root / "uses" / _hex(image_id)
        alive = []
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            with contextlib.suppress(FileNotFoundError):
                if Path(file.read_text()).exists():
                    alive.append(file.name)
                else:
                    file.unlink()
        return alive

    def untag(self, name: str) -> None:
        with self._change() as index:
            index.tags.pop(name, None)
            index.digests.pop(name, None)

    def remove_image(self, image_id: str) -> None:
        """Forget an image and the layers that only it had.  Raises ``ImageFault`` while a container stands on it."""
        with self.scratch() as grave, self._lock():
            index = self._read_index()
            if image_id not in index.images:
                return
            users = self.users(image_id)
            if users:
                raise ImageFault(f"cannot remove image {image_id}: container {users[0]} uses it")
            orphans = _forget(index, image_id)
            self._write_index(index)
            for layer in orphans:
                with contextlib.suppress(FileNotFoundError):
                    (self.layers_dir / _folder(layer)).rename(grave / _folder(layer))
            shutil.rmtree(self.root / "uses" / _hex(image_id), ignore_errors=True)

    @contextlib.contextmanager
    def _change(self) -> Iterator[Index]:
        """The index, changed by the body, on disk when it ends; unchanged if it raises."""
        with self._lock():
            index = self._read_index()
            yield index
            self._write_index(index)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        fd = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _write_index(self, index: Index) -> None:
        fresh = self._index_file.with_name(f"index.{secrets.token_hex(4)}.new")
        try:
            with fresh.open("wb") as file:
                file.write(msgspec.json.encode(index))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._index_file)
        finally:
            fresh.unlink(missing_ok=True)

    def _read_index(self) -> Index:
        try:
            data = self._index_file.read_bytes()
        except FileNotFoundError:
            return Index()
        try:
            return msgspec.json.decode(data, type=Index)
        except msgspec.DecodeError as error:
            raise ImageFault(f"cannot read image index {self._index_file}: {error}") from error

    def _place(self, layer: Unpacked, index: Index) -> None:
        place = self.layers_dir / _folder(layer.diff_id)
        if layer.diff_id in index.layers and place.is_dir():
            return  # another process was quicker
        if place.exists():
            shutil.rmtree(place)  # renamed by somebody who died before saying so
        layer.folder.rename(place)
        index.layers[layer.diff_id] = layer.size

    def _sweep_scratch(self) -> None:
        with self._lock():
            for folder in (self.root / "scratch").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    _sweep(folder)


def _sweep(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return  # its owner lives
    finally:
        os.close(fd)


def _forget(index: Index, image_id: str) -> list[str]:
    """Take the image out of the index; return the layers that nobody needs any more."""
    del index.images[image_id]
    index.tags = {name: i for name, i in index.tags.items() if i != image_id}
    index.digests = {name: i for name, i in index.digests.items() if i != image_id}
    needed = {layer for image in index.images.values() for layer in image.layers}
    orphans = [layer for layer in index.layers if layer not in needed]
    for layer in orphans:
        del index.layers[layer]
    return orphans


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _folder(diff_id: str) -> str:
    return _hex(diff_id)[:24]
