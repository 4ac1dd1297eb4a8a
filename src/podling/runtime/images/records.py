"""What the image store remembers: one index file per machine, in JSON.

``ImageConfig`` holds the parts of an OCI image configuration that running a container needs; the image's id is the
SHA-256 of the whole original document.
"""

from __future__ import annotations

import msgspec

from .reference import Reference


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a container inherits from its image."""

    user: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = ""
    stop_signal: str = ""
    labels: dict[str, str] = {}
    architecture: str = ""
    os: str = "linux"


class ImageRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One image.  ``layers`` are diff ids, lowest first; ``builtin`` tells the busybox it was made from here, if so.

    ``pinned``: it was loaded by hand, so that no registry may have it.
    """

    id: str
    config: ImageConfig
    layers: tuple[str, ...]
    builtin: str = ""
    pinned: bool = False


class Index(msgspec.Struct, kw_only=True):
    """Everything known: images by id, names by reference, unpacked sizes of layers in bytes."""

    images: dict[str, ImageRecord] = {}
    tags: dict[str, str] = {}
    digests: dict[str, str] = {}
    layers: dict[str, int] = {}

    def find(self, reference: Reference) -> ImageRecord | None:
        names = self.digests if reference.digest else self.tags
        return self.images.get(names.get(str(reference), ""))

    def names(self, image_id: str) -> list[str]:
        return sorted(name for name, i in self.tags.items() if i == image_id)

    def digest_names(self, image_id: str) -> list[str]:
        return sorted(name for name, i in self.digests.items() if i == image_id)

    def size(self, record: ImageRecord) -> int:
        return sum(self.layers.get(layer, 0) for layer in record.layers)


class _RuntimePart(
    msgspec.Struct,
    rename={
        "user": "User",
        "env": "Env",
        "entrypoint": "Entrypoint",
        "cmd": "Cmd",
        "working_dir": "WorkingDir",
        "stop_signal": "StopSignal",
        "labels": "Labels",
    },
):
    user: str | None = None
    env: list[str] | None = None
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    working_dir: str | None = None
    stop_signal: str | None = None
    labels: dict[str, str] | None = None


class _RootFs(msgspec.Struct):
    diff_ids: list[str] = []


class _Document(msgspec.Struct):
    rootfs: _RootFs
    config: _RuntimePart | None = None
    architecture: str = ""
    os: str = "linux"


def parse_config(document: bytes) -> tuple[ImageConfig, tuple[str, ...]]:
    """The configuration and the layers' diff ids of an OCI or Docker image document; ``msgspec`` errors if malformed."""
    parsed = msgspec.json.decode(document, type=_Document)
    part = parsed.config or _RuntimePart()
    config = ImageConfig(
        user=part.user or "",
        env=tuple(part.env or ()),
        entrypoint=tuple(part.entrypoint or ()),
        cmd=tuple(part.cmd or ()),
        working_dir=part.working_dir or "",
        stop_signal=part.stop_signal or "",
        labels=part.labels or {},
        architecture=parsed.architecture,
        os=parsed.os,
    )
    return config, tuple(parsed.rootfs.diff_ids)
