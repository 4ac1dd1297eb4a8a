"""Layers that mean ill: nothing of them lands outside, and none takes all memory, all of the disk or all time."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import struct
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from podling.runtime.images.unpack import LayerFault, Room, unpack

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="devices and overlay marks need root")
BLOCK = 512


def entry(name: str, data: bytes = b"", **attributes: Any) -> bytes:
    """One member of a tar, as its bytes."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.PAX_FORMAT) + data + b"\0" * (-len(data) % BLOCK)


END = b"\0" * BLOCK * 2


class Layer:
    """Streams parts without holding them; a part may be bytes or (count, block) to repeat."""

    def __init__(self, *parts: bytes | tuple[int, bytes]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            else:
                count, block = part
                for _ in range(count):
                    yield block

    def diff_id(self) -> str:
        found = hashlib.sha256()
        for block in self:
            found.update(block)
        return f"sha256:{found.hexdigest()}"

    def open(self) -> Stream:
        return Stream(iter(self))


class Stream:
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._held = b""
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        while 0 <= len(self._held) < size and (block := next(self._blocks, b"")):
            self._held += block
        data, self._held = self._held[:size], self._held[size:]
        self.taken += len(data)
        return data


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch" / "layer"
    folder.mkdir(parents=True)
    (tmp_path / "scratch" / "neighbour").write_text("safe")
    return folder


@pytest.mark.parametrize("name", [".wh...", ".wh..", ".wh.", "a/.wh...", "a/.wh.."])
def test_whiteouts_hide_files_of_their_own_folder_alone(target: Path, name: str):
    layer = Layer(entry("a/file", b"x"), entry(name), END)
    with pytest.raises(LayerFault, match="hides no file of its folder"):
        unpack(layer.open(), target, diff_id=layer.diff_id())  # type: ignore[arg-type]
    assert (target.parent / "neighbour").read_text() == "safe"


@needs_root
def test_a_whiteout_behind_a_link_stays_inside(target: Path):
    link = entry("door", type=tarfile.SYMTYPE, linkname="../../scratch")
    layer = Layer(link, entry("door/.wh.neighbour"), END)
    with pytest.raises(LayerFault):
        unpack(layer.open(), target, diff_id=layer.diff_id())  # type: ignore[arg-type]
    assert (target.parent / "neighbour").read_text() == "safe"


def test_a_header_as_large_as_memory_is_not_read(target: Path):
    """A PAX header of a gigabyte is a megabyte once compressed, and a tar reader holds all of it."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    stream = Layer(info.tobuf(tarfile.USTAR_FORMAT), (1 << 10, b" " * (1 << 20))).open()
    tracemalloc.start()
    with pytest.raises(LayerFault, match="what stands between the files is too large"):
        unpack(stream, target, diff_id="sha256:0")  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20
    assert stream.taken < 8 << 20


def test_a_map_of_holes_as_large_as_memory_is_not_read(target: Path):
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1"}
    info = tarfile.TarInfo("sparse")
    info.size, info.pax_headers = 1 << 30, headers
    count = b"%d\n" % (1 << 28)
    stream = Layer(info.tobuf(tarfile.PAX_FORMAT), count, (1 << 10, b"0\n" * (1 << 19))).open()
    with pytest.raises(LayerFault, match="too large"):
        unpack(stream, target, diff_id="sha256:0")  # type: ignore[arg-type]
    assert stream.taken < 8 << 20


def test_files_larger_than_the_room_are_refused_before_they_are_written(target: Path):
    bomb = Layer(entry("small", b"1"), _head("zeros", 1 << 40), (1 << 20, b"\0" * (1 << 20)))
    stream = bomb.open()
    with pytest.raises(LayerFault, match="no space left on device: the layer needs more than 1048576 bytes"):
        unpack(stream, target, diff_id="sha256:0", room=Room(1 << 20, 100))  # type: ignore[arg-type]
    assert stream.taken < 1 << 20


def test_more_files_than_there_is_room_for_are_refused(target: Path):
    layer = Layer(*(entry(f"{number}") for number in range(11)), END)
    with pytest.raises(LayerFault, match="no space left on device: the layer has more than 10 files"):
        unpack(layer.open(), target, diff_id=layer.diff_id(), room=Room(1, 10))  # type: ignore[arg-type]


def test_what_follows_the_end_is_not_read_for_ever(target: Path):
    stream = Layer(entry("a", b"1"), END, (1 << 20, b"\0" * (1 << 20))).open()
    with pytest.raises(LayerFault, match="too large"):
        unpack(stream, target, diff_id="sha256:0")  # type: ignore[arg-type]
    assert stream.taken < 80 << 20


def test_holes_stay_holes(target: Path):
    """A terabyte of nothing takes no room and no time."""
    size = 1 << 40
    chunk = b"data" + b"\0" * (BLOCK - 4)
    layer = Layer(_old_sparse("sparse", size, at=size - BLOCK, chunk=chunk), chunk, entry("next", b"1"), END)
    taken = unpack(layer.open(), target, diff_id=layer.diff_id(), room=Room(1 << 20, 100))  # type: ignore[arg-type]
    found = (target / "sparse").stat()
    assert (found.st_size, taken) == (size, BLOCK + 1)
    assert found.st_blocks * 512 < 1 << 20
    with (target / "sparse").open("rb") as file:
        file.seek(size - BLOCK)
        assert file.read(4) == b"data"
    assert (target / "next").read_bytes() == b"1"


@pytest.mark.parametrize(
    "headers",
    [
        {"mtime": "nan"},
        {"mtime": "inf"},
        {"mtime": "1e300"},
        {"uid": "99999999999999999999"},
        {"path": "a\0b"},
        {"linkpath": "a\0b"},
        {"size": "-1"},
        {"size": "x"},
        {"GNU.sparse.map": "0,-5"},
        {"GNU.sparse.map": "5,5,0,5"},
        {"SCHILY.xattr.user.\0": "x"},
        {"SCHILY.xattr.security.capability": "nonsense"},
    ],
)
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_headers_that_make_no_sense_are_a_fault_of_the_layer(
    target: Path, headers: dict[str, str], kind: bytes
):
    layer = Layer(entry("x", type=kind, linkname="y", pax_headers=headers), END)
    _unpacked_or_refused(layer, target)


def test_broken_compression_is_a_fault_of_the_layer(target: Path):
    packed = bytearray(gzip.compress(entry("a", os.urandom(4096)) + END))
    packed[len(packed) // 2] ^= 0xFF
    with gzip.GzipFile(fileobj=io.BytesIO(bytes(packed))) as stream, pytest.raises(LayerFault):
        unpack(stream, target, diff_id="sha256:0")  # type: ignore[arg-type]


NAMES = some.sampled_from(
    [
        "a",
        "a/b",
        "../a",
        "/a",
        "a/../../b",
        ".wh.a",
        ".wh...",
        "a/.wh..wh..opq",
        "./",
        "",
        "d/",
        "\udcff",
        "a" * 300,
    ]
)
KINDS = some.sampled_from([bytes([kind]) for kind in b"0123456gxLKSVDA"])
ENTRIES = some.lists(some.tuples(NAMES, KINDS, NAMES, some.binary(max_size=600)), max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    entries=ENTRIES, flips=some.lists(some.tuples(some.integers(0, 4000), some.integers(0, 255)), max_size=3)
)
def test_whatever_comes_nothing_lands_outside(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Any], flips: list[tuple[int, int]]
):
    outer = tmp_path_factory.mktemp("fuzz")
    target = outer / "scratch" / "layer"
    target.mkdir(parents=True)
    (outer / "scratch" / "neighbour").write_text("safe")
    data = bytearray()
    for name, kind, link, content in entries:
        data += entry(name, content, type=kind, linkname=link)
    data += END
    for place, value in flips:
        if place < len(data):
            data[place] = value
    _unpacked_or_refused(Layer(bytes(data)), target)
    assert sorted(path.name for path in outer.iterdir()) == ["scratch"]
    assert sorted(path.name for path in (outer / "scratch").iterdir()) == ["layer", "neighbour"]
    assert (outer / "scratch" / "neighbour").read_text() == "safe"


def _unpacked_or_refused(layer: Layer, target: Path) -> None:
    with contextlib.suppress(LayerFault):
        unpack(layer.open(), target, diff_id=layer.diff_id(), room=Room(1 << 24, 1000))  # type: ignore[arg-type]


def _head(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def _old_sparse(name: str, size: int, *, at: int, chunk: bytes) -> bytes:
    """A header of GNU tar's old format for a file that is one hole and a chunk at its end."""
    info = tarfile.TarInfo(name)
    info.size, info.type = len(chunk), tarfile.GNUTYPE_SPARSE
    head = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    fields = (at, len(chunk), size, 0, 0, 0, 0, 0)
    for number, value in enumerate(fields):
        head[386 + 12 * number : 398 + 12 * number] = b"\x80" + struct.pack(">xxxQ", value)
    head[482] = 0
    head[483:495] = b"\x80" + struct.pack(">xxxQ", size)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)
