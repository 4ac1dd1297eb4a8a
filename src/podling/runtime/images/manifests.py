"""Reading image manifests and choosing the part meant for this machine (pure but for the platform's name).

Covers OCI image manifests and indexes, and Docker's schema 2 manifests and lists, which have the same shape.
"""

from __future__ import annotations

import hashlib
import platform
from typing import IO

import msgspec

MAX_BYTES = 4 << 20
"""A manifest or configuration larger than this is refused, as other tools do."""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


class ManifestFault(Exception):
    """The document is no manifest that can be used here."""


class Platform(msgspec.Struct, omit_defaults=True):
    architecture: str = ""
    os: str = ""


class Descriptor(msgspec.Struct, rename="camel", omit_defaults=True):
    """Points at a blob by digest."""

    digest: str
    media_type: str = ""
    size: int = 0
    platform: Platform | None = None
    annotations: dict[str, str] = {}

    @property
    def is_zstd(self) -> bool:
        return self.media_type.endswith("zstd")


class Manifest(msgspec.Struct, rename="camel"):
    """Either an image (``config`` and ``layers``) or an index (``manifests``)."""

    media_type: str = ""
    config: Descriptor | None = None
    layers: list[Descriptor] = []
    manifests: list[Descriptor] = []


def parse(document: bytes) -> Manifest:
    """Raises ``ManifestFault``."""
    try:
        manifest = msgspec.json.decode(document, type=Manifest)
    except msgspec.DecodeError as error:
        raise ManifestFault(f"cannot read manifest: {error}") from error
    if manifest.config is None and not manifest.manifests:
        raise ManifestFault("cannot read manifest: neither an image nor an index (schema 1 is not supported)")
    return manifest


def choose(manifest: Manifest) -> Descriptor:
    """The entry of an index that runs here.  Raises ``ManifestFault`` naming what there is instead."""
    here = architecture()
    wanted = [
        d
        for d in manifest.manifests
        if d.platform and (d.platform.os, d.platform.architecture) == ("linux", here)
    ]
    if wanted:
        return wanted[0]
    if len(manifest.manifests) == 1 and manifest.manifests[0].platform is None:
        return manifest.manifests[0]
    raise ManifestFault(
        mismatch({f"{d.platform.os}/{d.platform.architecture}" for d in manifest.manifests if d.platform})
    )


def mismatch(offered: set[str]) -> str:
    """That an image is not for this machine, as containerd begins and ends to say it."""
    named = ", ".join(sorted(offered)) or "none"
    return (
        f"no match for platform in manifest: linux/{architecture()} is wanted, it is for {named}: not found"
    )


def architecture() -> str:
    """This machine's name as Go and OCI spell it."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def digest(document: bytes) -> str:
    return f"sha256:{hashlib.sha256(document).hexdigest()}"


def check(document: bytes, descriptor: Descriptor) -> None:
    """Raises ``ManifestFault`` where the document is not what its descriptor names."""
    if descriptor.digest.startswith("sha256:") and digest(document) != descriptor.digest:
        raise ManifestFault(f"cannot read {descriptor.digest}: its content is {digest(document)}")


def bounded(file: IO[bytes], name: str) -> bytes:
    """A whole document.  Raises ``ManifestFault`` for one that is too large."""
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ManifestFault(f"cannot read {name}: more than {MAX_BYTES} bytes")
    return data
