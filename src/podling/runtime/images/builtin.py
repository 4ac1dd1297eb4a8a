"""The built-in ``busybox`` image, made from the distribution's statically linked busybox in one layer.

Why it exists: the tutorials' Pods use ``image: busybox``, and a machine without a registry should run them.  The
layer is a tar built here byte for byte the same from the same binary, so its digest and the image's id are as real as
a pulled image's.  A dynamically linked busybox cannot run in an empty root and is refused with what to install.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import struct
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from podling.aio import spawn
from podling.runtime.interface import ImageFault

from . import manifests
from .content import Content
from .records import ImageRecord, parse_config

NAME = "docker.io/library/busybox"
CANDIDATES = (
    Path("/bin/busybox"),
    Path("/usr/bin/busybox"),
    Path("/bin/busybox-static"),
    Path(sys.prefix, "bin/busybox"),  # where set-up unpacks the package for who may not install it
)
_REMEDY = "install the package busybox-static"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PT_INTERP = 3

_FOLDERS = {
    "bin": 0o755, "dev": 0o755, "etc": 0o755, "home": 0o755, "lib": 0o755, "proc": 0o755, "root": 0o700,
    "run": 0o755, "sbin": 0o755, "sys": 0o755, "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "usr/sbin": 0o755,
    "var": 0o755, "var/log": 0o755, "var/run": 0o755, "var/spool": 0o755, "var/spool/cron": 0o755,
    "var/spool/cron/crontabs": 0o755, "var/tmp": 0o1777, "var/www": 0o755,
}  # fmt: skip
_FILES = {
    "etc/passwd": (
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nbin:x:2:2:bin:/bin:/bin/false\n"
        "www-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
        0o644,
    ),
    "etc/group": (
        "root:x:0:\ndaemon:x:1:\nbin:x:2:\ntty:x:5:\nusers:x:100:\nwww-data:x:33:\nnobody:x:65534:\n",
        0o644,
    ),
    "etc/shadow": ("root:*:::::::\nnobody:*:::::::\n", 0o600),
    "etc/nsswitch.conf": ("passwd: files\ngroup: files\nhosts: files dns\n", 0o644),
}


@dataclass(frozen=True, slots=True)
class Busybox:
    """A usable binary, its version ("1.35.0") and the commands it answers to."""

    path: Path
    version: str
    applets: tuple[str, ...]

    @property
    def stamp(self) -> str:
        """Changes when the package is upgraded."""
        return stamp(self.path)

    @property
    def tags(self) -> tuple[str, ...]:
        major_minor = ".".join(self.version.split(".")[:2])
        return tuple(f"{NAME}:{tag}" for tag in ("latest", "stable", "1", major_minor, self.version))


async def find(candidates: tuple[Path, ...] = CANDIDATES) -> Busybox:
    """The machine's static busybox.  Raises ``ImageFault`` saying what is missing."""
    present = [path for path in candidates if path.is_file()]
    if not present:
        raise ImageFault(f"cannot make the built-in busybox image: no {candidates[0]} here; {_REMEDY}")
    static = [path for path in present if is_static(path)]
    if not static:
        raise ImageFault(
            f"cannot make the built-in busybox image: {present[0]} is dynamically linked; {_REMEDY}"
        )
    listed, banner = await asyncio.gather(
        spawn.run([str(static[0]), "--list"], limit_seconds=10), spawn.run([str(static[0])], limit_seconds=10)
    )
    first = banner.stdout.decode(errors="replace").split("\n", 1)[0]
    version = first.split()[1].removeprefix("v") if first.startswith("BusyBox v") else "1"
    applets = tuple(sorted(a for a in listed.stdout.decode().split() if a != "busybox"))
    if listed.returncode or not applets:
        raise ImageFault(f"cannot make the built-in busybox image: {static[0]} --list: {listed.error_text}")
    return Busybox(static[0], version, applets)


def stamp(path: Path) -> str:
    """What tells one build of the binary from another; "" if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return ""
    return f"{path}:{status.st_size}:{status.st_mtime_ns}"


def is_static(path: Path) -> bool:
    """Whether the ELF file at ``path`` needs no dynamic loader."""
    with path.open("rb") as file:
        header = file.read(64)
        if header[:4] != b"\x7fELF" or header[4] != 2:
            return False
        order = "<" if header[5] == 1 else ">"
        offset = struct.unpack_from(order + "Q", header, 32)[0]
        size, count = struct.unpack_from(order + "HH", header, 54)
        file.seek(offset)
        table = file.read(size * count)
    kinds = (struct.unpack_from(order + "I", table, i * size)[0] for i in range(count))
    return _PT_INTERP not in kinds


def add(content: Content, busybox: Busybox) -> ImageRecord:
    """Put the image into the store under its tags and return it.  Tags that a real image has are left to it."""
    layer = build_layer(busybox)
    diff_id = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    document = build_config(busybox, diff_id)
    config, layers = parse_config(document)
    image_id = f"sha256:{hashlib.sha256(document).hexdigest()}"
    record = ImageRecord(id=image_id, config=config, layers=layers, builtin=busybox.stamp)
    index = content.index()
    free = [tag for tag in busybox.tags if tag not in index.tags or index.images[index.tags[tag]].builtin]
    with content.scratch() as scratch:
        fresh = [] if content.has_layer(diff_id) else [content.unpack(diff_id, io.BytesIO(layer), scratch)]
        content.add(record, layers=fresh, tags=free)
    return record


def build_layer(busybox: Busybox) -> bytes:
    """The layer's tar: the same bytes for the same binary."""
    when = int(busybox.path.stat().st_mtime)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, mode in _FOLDERS.items():
            tar.addfile(_entry(name, when, mode=mode, type=tarfile.DIRTYPE))
        data = busybox.path.read_bytes()
        tar.addfile(_entry("bin/busybox", when, mode=0o755, size=len(data)), io.BytesIO(data))
        for applet in busybox.applets:
            tar.addfile(_entry(f"bin/{applet}", when, type=tarfile.SYMTYPE, linkname="busybox"))
        tar.addfile(_entry("usr/bin/env", when, type=tarfile.SYMTYPE, linkname="../../bin/busybox"))
        for name, (text, mode) in _FILES.items():
            tar.addfile(_entry(name, when, mode=mode, size=len(text)), io.BytesIO(text.encode()))
    return buffer.getvalue()


def build_config(busybox: Busybox, diff_id: str) -> bytes:
    """The OCI image configuration document."""
    document = {
        "architecture": manifests.architecture(),
        "os": "linux",
        "config": {
            "Env": [f"PATH={_PATH}"],
            "Cmd": ["sh"],
            "Labels": {
                "org.opencontainers.image.title": "busybox",
                "org.opencontainers.image.version": busybox.version,
                "org.opencontainers.image.description": "made by Podling from this machine's busybox",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    return msgspec.json.encode(document)


def _entry(
    name: str,
    when: int,
    *,
    mode: int = 0o777,
    size: int = 0,
    type: bytes = tarfile.REGTYPE,
    linkname: str = "",
) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mtime, entry.mode, entry.size, entry.type, entry.linkname = when, mode, size, type, linkname
    entry.uname = entry.gname = "root"
    return entry
