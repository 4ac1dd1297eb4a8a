"""Images from files: ``docker save`` archives, OCI archives and OCI layout folders.

Nothing is extracted: the parts that are wanted are read where they lie, so that a layer which is here already costs nothing, and
no name in an archive reaches the file system.  A compressed archive is decompressed into a scratch file first.  An archive
that is both (as newer ``docker save`` writes) is read as Docker's, which knows the tags.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import posixpath
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from podling.runtime.interface import ImageFault

from . import blobs, manifests
from .content import Content
from .records import ImageRecord
from .reference import InvalidReference, parse

_REF_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_LINKS = 8
_COPY = 1 << 20
_COMPRESSIONS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}


class _DockerEntry(msgspec.Struct, rename="pascal"):
    config: str
    layers: list[str]
    repo_tags: list[str] | None = None


class _Parts(Protocol):
    """The files of an archive by name; ``open`` raises ``ImageFault`` for one that is missing."""

    def has(self, name: str) -> bool: ...
    def open(self, name: str) -> IO[bytes]: ...


@dataclass(frozen=True, slots=True)
class _Found:
    document: bytes
    layers: list[blobs.Blob]
    tags: list[str]


def load(content: Content, source: Path, *, names: Sequence[str] = ()) -> list[ImageRecord]:
    """Add every image of ``source``; a single one gets ``names``, too.  Raises ``ImageFault``."""
    with content.scratch() as scratch:
        try:
            with _opened(source, scratch) as parts:
                found = list(_find(parts))
                if not found:
                    raise ImageFault(f"cannot load {source}: neither a docker nor an OCI archive")
                more = names if len(found) == 1 else ()
                return [_store(content, image, scratch, more) for image in found]
        except tarfile.ReadError as error:
            raise ImageFault(f"cannot load {source}: not a whole tar archive") from error
        except (
            msgspec.DecodeError,
            OSError,
            EOFError,
            zlib.error,
            lzma.LZMAError,
            tarfile.TarError,
            manifests.ManifestFault,
        ) as error:
            raise ImageFault(f"cannot load {source}: {error}") from error


def _store(content: Content, image: _Found, scratch: Path, names: Sequence[str]) -> ImageRecord:
    try:
        tags = [str(parse(tag)) for tag in (*names, *image.tags)]
    except InvalidReference as error:
        raise ImageFault(str(error), reason="InvalidImageName") from error
    return blobs.store(content, image.document, image.layers, scratch=scratch, tags=tags, pinned=True)


@contextlib.contextmanager
def _opened(source: Path, scratch: Path) -> Iterator[_Parts]:
    if source.is_dir():
        yield _Folder(source)
        return
    with source.open("rb") as file:
        start = file.read(6)
    for magic, decompressor in _COMPRESSIONS.items():
        if start.startswith(magic):
            plain = scratch / "archive.tar"
            with decompressor(source) as packed, plain.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked, _COPY)
            source = plain
    with tarfile.open(source, mode="r:") as tar:
        yield _Tar(tar)


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def has(self, name: str) -> bool:
        return (self._root / name).is_file()

    def open(self, name: str) -> IO[bytes]:
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root):
            raise ImageFault(f"cannot load {self._root.name}: {name!r} leads outside the folder")
        if not path.is_file():
            raise ImageFault(f"cannot load {self._root.name}: {name} is missing")
        return path.open("rb")


class _Tar:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._members = {posixpath.normpath(member.name): member for member in tar}

    def has(self, name: str) -> bool:
        return name in self._members

    def open(self, name: str) -> IO[bytes]:
        """Old archives name a layer that several images share by a link."""
        path = posixpath.normpath(name)
        for _ in range(_LINKS):
            member = self._members.get(path)
            if member is not None and member.issym():
                path = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
            elif member is not None and member.islnk():
                path = posixpath.normpath(member.linkname)
            else:
                break
        file = self._tar.extractfile(member) if member is not None and member.isreg() else None
        if file is None:
            raise ImageFault(f"cannot load the archive: {name} is missing")
        return file


def _find(parts: _Parts) -> Iterator[_Found]:
    if parts.has("manifest.json"):
        document = _read(parts, "manifest.json")
        for entry in msgspec.json.decode(document, type=list[_DockerEntry]):
            layers = [partial(parts.open, layer) for layer in entry.layers]
            yield _Found(_read(parts, entry.config), list(layers), entry.repo_tags or [])
    elif parts.has("index.json"):
        for descriptor in manifests.parse(_read(parts, "index.json")).manifests:
            yield _oci_image(parts, descriptor)


def _oci_image(parts: _Parts, descriptor: manifests.Descriptor) -> _Found:
    manifest = manifests.parse(_read_blob(parts, descriptor))
    if manifest.config is None:
        manifest = manifests.parse(_read_blob(parts, manifests.choose(manifest)))
    if manifest.config is None:
        raise manifests.ManifestFault("cannot read manifest: an index inside an index")
    names = [descriptor.annotations[key] for key in _REF_NAMES if key in descriptor.annotations]
    tags = [name for name in names[:1] if "/" in name or ":" in name]  # a bare "latest" names no image
    layers = [partial(parts.open, _blob(layer)) for layer in manifest.layers]
    return _Found(_read_blob(parts, manifest.config), list(layers), tags)


def _read_blob(parts: _Parts, descriptor: manifests.Descriptor) -> bytes:
    data = _read(parts, _blob(descriptor))
    manifests.check(data, descriptor)
    return data


def _blob(descriptor: manifests.Descriptor) -> str:
    algorithm, _, hexadecimal = descriptor.digest.partition(":")
    return f"blobs/{algorithm}/{hexadecimal}"


def _read(parts: _Parts, name: str) -> bytes:
    with parts.open(name) as file:
        return manifests.bounded(file, name)
