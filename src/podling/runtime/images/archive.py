"""Images from files: ``docker save`` archives, OCI archives and OCI layout folders.

Archives are unpacked into a scratch folder (only plain files and links that stay inside) and read there; no tool is
needed.  An archive that is both (as newer ``docker save`` writes) is read as Docker's, which knows the tags.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from podling.runtime.interface import ImageFault

from . import blobs, manifests
from .content import Content
from .records import ImageRecord
from .reference import InvalidReference, parse

_REF_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


class _DockerEntry(msgspec.Struct, rename="pascal"):
    config: str
    layers: list[str]
    repo_tags: list[str] | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    document: bytes
    layers: list[Path]
    tags: list[str]


def load(content: Content, source: Path, *, name: str = "") -> list[ImageRecord]:
    """Add every image of ``source``; ``name`` tags one that brings no name.  Raises ``ImageFault``."""
    with content.scratch() as scratch:
        folder = source if source.is_dir() else _extracted(source, scratch / "archive")
        try:
            found = list(_find(folder))
            if not found:
                raise ImageFault(f"cannot load {source}: neither a docker nor an OCI archive")
            return [_store(content, image, scratch, name if len(found) == 1 else "") for image in found]
        except (msgspec.DecodeError, OSError, manifests.ManifestFault) as error:
            raise ImageFault(f"cannot load {source}: {error}") from error


def _store(content: Content, image: _Found, scratch: Path, name: str) -> ImageRecord:
    try:
        tags = [str(parse(tag)) for tag in ([name] if name else image.tags)]
    except InvalidReference as error:
        raise ImageFault(str(error), reason="InvalidImageName") from error
    return blobs.store(content, image.document, image.layers, scratch=scratch, tags=tags)


def _extracted(source: Path, target: Path) -> Path:
    try:
        with tarfile.open(source, mode="r:*") as tar:
            tar.extractall(target, filter="data")
    except tarfile.ReadError as error:
        raise ImageFault(f"cannot load {source}: not a whole tar archive") from error
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ImageFault(f"cannot load {source}: {error}") from error
    return target


def _find(folder: Path) -> Iterator[_Found]:
    docker, oci = folder / "manifest.json", folder / "index.json"
    if docker.is_file():
        for entry in msgspec.json.decode(docker.read_bytes(), type=list[_DockerEntry]):
            layers = [_inside(folder, layer) for layer in entry.layers]
            yield _Found(_inside(folder, entry.config).read_bytes(), layers, entry.repo_tags or [])
    elif oci.is_file():
        for descriptor in manifests.parse(oci.read_bytes()).manifests:
            yield _oci_image(folder, descriptor)


def _oci_image(folder: Path, descriptor: manifests.Descriptor) -> _Found:
    manifest = manifests.parse(_blob(folder, descriptor).read_bytes())
    if manifest.config is None:
        manifest = manifests.parse(_blob(folder, manifests.choose(manifest)).read_bytes())
    if manifest.config is None:
        raise manifests.ManifestFault("cannot read manifest: an index inside an index")
    names = [descriptor.annotations[key] for key in _REF_NAMES if key in descriptor.annotations]
    tags = [name for name in names[:1] if "/" in name or ":" in name]  # a bare "latest" names no image
    layers = [_blob(folder, layer) for layer in manifest.layers]
    return _Found(_blob(folder, manifest.config).read_bytes(), layers, tags)


def _blob(folder: Path, descriptor: manifests.Descriptor) -> Path:
    algorithm, _, hexadecimal = descriptor.digest.partition(":")
    return _inside(folder, f"blobs/{algorithm}/{hexadecimal}")


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ImageFault(f"cannot load {folder.name}: {name!r} leads outside the archive")
    return path
