"""From blobs to unpacked layers: decompress by content, unpack, name the image.

The one place where a manifest's parts become an image in the store, whatever they came from.
"""

from __future__ import annotations

import gzip
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, cast

import msgspec

from podling.runtime.interface import ImageFault

from . import manifests
from .content import Content
from .records import ImageConfig, ImageRecord, parse_config

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


Blob = Callable[[], IO[bytes]]
"""Opens a layer as it was stored: its compressed bytes, seekable."""


def can_zstd() -> bool:
    """Whether this Python decompresses zstd by itself (3.14 on)."""
    return importlib.util.find_spec("compression") is not None


def store(
    content: Content,
    document: bytes,
    layers: Sequence[Blob],
    *,
    scratch: Path,
    tags: Iterable[str] = (),
    digests: Iterable[str] = (),
    pinned: bool = False,
) -> ImageRecord:
    """Unpack ``layers`` (lowest first) and add the image described by the configuration ``document``.

    Raises ``ImageFault`` and ``ManifestFault``.
    """
    config, diff_ids = _read(document, len(layers))
    fresh = []
    for diff_id, blob in zip(diff_ids, layers, strict=True):
        if not content.has_layer(diff_id):
            with blob() as raw, decompressed(raw) as stream:
                fresh.append(content.unpack(diff_id, stream, scratch))
    record = ImageRecord(id=manifests.digest(document), config=config, layers=diff_ids, pinned=pinned)
    content.add(record, layers=fresh, tags=tags, digests=digests)
    return record


def missing(content: Content, document: bytes, layers: int) -> set[int]:
    """The positions of the layers that are not here yet.  Raises ``ManifestFault``."""
    _, diff_ids = _read(document, layers)
    return {position for position, diff_id in enumerate(diff_ids) if not content.has_layer(diff_id)}


def _read(document: bytes, layers: int) -> tuple[ImageConfig, tuple[str, ...]]:
    """The configuration of an image of so many layers, if it is one and for this machine."""
    try:
        config, diff_ids = parse_config(document)
    except msgspec.DecodeError as error:
        raise manifests.ManifestFault(f"cannot read image configuration: {error}") from error
    if config.architecture and config.architecture != manifests.architecture():
        raise manifests.ManifestFault(manifests.mismatch({f"{config.os}/{config.architecture}"}))
    if len(diff_ids) != layers:
        raise manifests.ManifestFault(
            f"cannot read image: {layers} layers but {len(diff_ids)} in its configuration"
        )
    return config, diff_ids


def decompressed(raw: IO[bytes]) -> IO[bytes]:
    """``raw`` as a plain stream, by its first bytes.  Raises ``ImageFault`` for zstd where Python cannot."""
    magic = raw.read(4)
    raw.seek(0)
    if magic.startswith(_GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="rb"))
    if magic == _ZSTD:
        if not can_zstd():
            raise ImageFault("cannot unpack a zstd layer: needs Python 3.14, or pull the image with skopeo")
        return cast(IO[bytes], importlib.import_module("compression.zstd").open(raw, "rb"))
    return raw
