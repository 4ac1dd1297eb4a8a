"""Turning one layer's tar stream into a directory that overlayfs can stack.

Layers come from strangers.  Every entry is placed by a directory descriptor that was opened *inside* the target
(openat2), never through a link, so a layer that tries to climb out by ``..``, a link or a hard link is refused or
lands inside.  Whiteouts become overlayfs's own marks.  Ownership, modes (setuid too), times, extended attributes and
hard links are kept when we are root; without root everything belongs to us and devices are refused.

The content's SHA-256 must be the layer's diff id, else nothing is kept: the caller unpacks into a scratch folder.

A small blob may decompress to anything: headers are bounded (a tar reader holds them in memory), files by the room that there is,
what follows the end of the archive is not read on and on, and holes in files stay holes.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from podling.runtime import linux

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_XATTR = "SCHILY.xattr."
_COPY = 1 << 20
_MAX_HEADERS = 1 << 20
_MAX_TRAILER = 64 << 20
_UNREADABLE = (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, zlib.error)
"""What a damaged or hostile tar makes the libraries raise: numbers that are none, names with NUL, broken compression."""


class LayerFault(Exception):
    """A layer cannot be unpacked; the message says which entry and why."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a layer may take of the disk: bytes, and files of any sort."""

    bytes: int
    files: int


UNBOUNDED = Room(1 << 62, 1 << 62)


def unpack(stream: IO[bytes], target: Path, *, diff_id: str, room: Room = UNBOUNDED) -> int:
    """Unpack the uncompressed tar ``stream`` into the empty folder ``target``; return the bytes of its files.

    Raises ``LayerFault``.
    """
    hashing = _Hashing(stream)
    try:
        hashing.allow(_MAX_HEADERS)
        with tarfile.open(fileobj=hashing, mode="r|") as tar:  # type: ignore[call-overload]
            size = _Unpacker(target, tar, hashing, room).run()
        hashing.allow(_MAX_TRAILER)
        hashing.drain()
    except _UNREADABLE as error:
        raise LayerFault(f"cannot unpack layer {diff_id}: {error}") from error
    if hashing.digest() != diff_id:
        raise LayerFault(f"cannot unpack layer {diff_id}: its content is {hashing.digest()}")
    return size


class _Unpacker:
    def __init__(self, target: Path, tar: tarfile.TarFile, stream: _Hashing, room: Room) -> None:
        self._target = str(target)
        self._tar = tar
        self._stream = stream
        self._room = room
        self._files = 0
        self._is_root = os.geteuid() == 0
        self._times: list[tuple[str, int]] = []
        self._parent = ("", -1)
        self._size = 0

    def run(self) -> int:
        try:
            for member in self._tar:
                self._stream.allow(None)
                self._entry(member)
                self._count()
                self._stream.allow(_MAX_HEADERS)
            self._set_folder_times()
        finally:
            self._leave_parent()
        return self._size

    def _count(self) -> None:
        self._files += 1
        if self._files > self._room.files:
            raise LayerFault(f"no space left on device: the layer has more than {self._room.files} files")

    def _entry(self, member: tarfile.TarInfo) -> None:
        parts = _parts(member.name)
        if not parts:
            self._root_entry(member)
            return
        folder, name = "/".join(parts[:-1]), parts[-1]
        parent = self._enter(folder)
        if name == _OPAQUE:
            os.setxattr(f"/proc/self/fd/{parent}", "trusted.overlay.opaque", b"y")
        elif name.startswith(_WHITEOUT + _WHITEOUT):
            return  # bookkeeping of long-gone storage drivers
        elif name.startswith(_WHITEOUT):
            hidden = name[len(_WHITEOUT) :]
            if hidden in ("", ".", ".."):
                raise LayerFault(f"cannot unpack {member.name!r}: it hides no file of its folder")
            self._clear(parent, hidden, keep_folder=False)
            os.mknod(hidden, stat.S_IFCHR, 0, dir_fd=parent)
        else:
            self._clear(parent, name, keep_folder=member.isdir())
            self._create(member, parent, name)
            if not member.islnk():
                self._dress(member, parent, name)
            if member.isdir():
                self._times.append(("/".join(parts), _nanoseconds(member)))

    def _create(self, member: tarfile.TarInfo, parent: int, name: str) -> None:
        if member.isdir():
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=parent)
        elif member.isreg():
            self._write_file(member, parent, name)
        elif member.issym():
            os.symlink(member.linkname, name, dir_fd=parent)
        elif member.islnk():
            self._hard_link(member, parent, name)
        elif member.ischr() or member.isblk():
            kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
            os.mknod(name, kind | 0o600, os.makedev(member.devmajor, member.devminor), dir_fd=parent)
        elif member.isfifo():
            os.mkfifo(name, 0o600, dir_fd=parent)
        else:
            raise LayerFault(f"cannot unpack {member.name}: entry type {member.type!r} is not known")

    def _write_file(self, member: tarfile.TarInfo, parent: int, name: str) -> None:
        source = cast(IO[bytes], self._tar.fileobj)
        source.seek(member.offset_data)
        fd = os.open(
            name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent
        )
        with os.fdopen(fd, "wb") as file:
            for offset, size in cast(list[tuple[int, int]], member.sparse) or [(0, member.size)]:
                self._claim(size)
                file.seek(offset)
                _copy(source, file, size)
            file.truncate(member.size)

    def _claim(self, size: int) -> None:
        self._size += size
        if not 0 <= size <= self._size <= self._room.bytes:
            raise LayerFault(f"no space left on device: the layer needs more than {self._room.bytes} bytes")

    def _hard_link(self, member: tarfile.TarInfo, parent: int, name: str) -> None:
        parts = _parts(member.linkname)
        if not parts:
            raise LayerFault(f"cannot unpack {member.name}: a hard link to the root")
        try:
            source = linux.open_in_root(self._target, "/".join(parts[:-1]), os.O_PATH | os.O_DIRECTORY)
        except OSError as error:
            raise LayerFault(
                f"cannot unpack {member.name}: no such hard link target {member.linkname}"
            ) from error
        try:
            os.link(parts[-1], name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError as error:
            raise LayerFault(
                f"cannot unpack {member.name}: no such hard link target {member.linkname}"
            ) from error
        finally:
            os.close(source)

    def _dress(self, member: tarfile.TarInfo, parent: int, name: str) -> None:
        """Owner, attributes, mode and time: in this order, since chown drops setuid and attributes."""
        if self._is_root:
            os.chown(name, member.uid, member.gid, dir_fd=parent, follow_symlinks=False)
        if not member.issym():
            self._set_xattrs(member, f"/proc/self/fd/{parent}/{name}")
            os.chmod(name, member.mode & 0o7777, dir_fd=parent)
        when = _nanoseconds(member)
        os.utime(name, ns=(when, when), dir_fd=parent, follow_symlinks=False)

    def _set_xattrs(self, member: tarfile.TarInfo, path: str) -> None:
        for key, value in member.pax_headers.items():
            if not key.startswith(_XATTR):
                continue
            name = key[len(_XATTR) :]
            if name.startswith("trusted."):
                raise LayerFault(f"cannot unpack {member.name}: attribute {name} would steer the file system")
            try:
                os.setxattr(path, name, value.encode("utf-8", "surrogateescape"), follow_symlinks=False)
            except OSError as error:
                if error.errno not in (errno.ENOTSUP, errno.EPERM) or (
                    self._is_root and error.errno == errno.EPERM
                ):
                    raise

    def _root_entry(self, member: tarfile.TarInfo) -> None:
        if not member.isdir():
            raise LayerFault(f"cannot unpack {member.name!r}: the root is not a folder")
        if self._is_root:
            os.chown(self._target, member.uid, member.gid)
        os.chmod(self._target, member.mode & 0o7777)
        self._times.append(("", _nanoseconds(member)))

    def _clear(self, parent: int, name: str, *, keep_folder: bool) -> None:
        """A later entry of the same name replaces the earlier one; folders merge."""
        try:
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(mode):
            os.unlink(name, dir_fd=parent)
        elif not keep_folder:
            shutil.rmtree(name, dir_fd=parent)

    def _enter(self, folder: str) -> int:
        """A descriptor of ``folder`` inside the target, made if the layer did not name it itself."""
        if self._parent[1] >= 0 and self._parent[0] == folder:
            return self._parent[1]
        self._leave_parent()
        try:
            fd = linux.open_in_root(self._target, folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            fd = self._make_folders(folder)
        self._parent = (folder, fd)
        return fd

    def _make_folders(self, folder: str) -> int:
        fd = linux.open_in_root(self._target, "", os.O_RDONLY | os.O_DIRECTORY)
        done = ""
        for part in folder.split("/"):
            done = f"{done}/{part}"
            try:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=fd)
            finally:
                os.close(fd)
            fd = linux.open_in_root(self._target, done, os.O_RDONLY | os.O_DIRECTORY)
        return fd

    def _leave_parent(self) -> None:
        if self._parent[1] >= 0:
            os.close(self._parent[1])
        self._parent = ("", -1)

    def _set_folder_times(self) -> None:
        for folder, when in reversed(self._times):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # replaced by a later entry
                fd = linux.open_in_root(self._target, folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.utime(fd, ns=(when, when))
                finally:
                    os.close(fd)


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    while size > 0:
        data = source.read(min(size, _COPY))
        if not data:
            raise EOFError("unexpected end of data")
        target.write(data)
        size -= len(data)


class _Hashing:
    """A stream that remembers the SHA-256 of everything read through it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self._allowed: int | None = None

    def allow(self, count: int | None) -> None:
        """Let so many more bytes be read; None: any number."""
        self._allowed = count

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        if self._allowed is not None:
            self._allowed -= len(data)
            if self._allowed < 0:
                raise LayerFault("cannot unpack: what stands between the files is too large")
        self._hash.update(data)
        return data

    def drain(self) -> None:
        while self.read(_COPY):
            pass

    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def _parts(name: str) -> list[str]:
    parts = [p for p in name.split("/") if p not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise LayerFault(f"cannot unpack {name!r}: it leads outside the layer")
    return parts


def _nanoseconds(member: tarfile.TarInfo) -> int:
    return int(member.mtime * 1_000_000_000)
