"""Generates `src/podling/apiserver/protobuf/fields.json`: the protobuf field numbers of Kubernetes' API types.

Field numbers are in no schema, but every Go program that speaks Kubernetes carries them in the tags of its types
(`json:"replicas" protobuf:"varint,1,..."`), beside what JSON does not tell: which scalars are pointers, so that their
zero means something. kubectl links all API groups; its run-time type data is read here, without running it.

    python tools/generate_protobuf.py KUBECTL ...            write the file, as the union of these programs
    python tools/generate_protobuf.py --check KUBECTL ...    exit 1 if it differs

Layout of the type data: Go's `internal/abi/type.go`; the same since Go 1.18 for what is read here.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src" / "podling" / "apiserver" / "protobuf" / "fields.json"
KIND_POINTER, KIND_STRUCT, KIND_STRING = 22, 25, 24
SCALARS = range(1, 17)
HAS_UNCOMMON = 1
MAYBE_STRUCT = re.compile(rb"[\x19\x39\x59\x79\x99\xb9\xd9\xf9]")
"""`KIND_STRUCT` with flags in the upper bits of its byte."""
PACKAGES = re.compile(r"k8s\.io/(?:api|apimachinery/pkg/apis)/([a-z]+)/(v[0-9a-z]+)")
NUMBER = re.compile(r'protobuf:"\w+,(\d+),')
JSON_NAME = re.compile(r'json:"([^",]*)')


@dataclass(frozen=True)
class Segment:
    """A part of the program as it lies in memory."""

    address: int
    data: bytes


class Program:
    """A 64-bit little-endian ELF file of Go's, read by virtual address."""

    def __init__(self, path: Path) -> None:
        image = path.read_bytes()
        start, size, count = *struct.unpack_from("<Q", image, 32), *struct.unpack_from("<HH", image, 54)
        self.segments = []
        for at in range(start, start + size * count, size):
            kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", image, at)
            if kind == 1:
                self.segments.append(Segment(address, image[offset : offset + length]))

    def at(self, address: int, length: int) -> bytes:
        for segment in self.segments:
            if segment.address <= address < segment.address + len(segment.data):
                offset = address - segment.address
                return segment.data[offset : offset + length]
        return b""

    def word(self, address: int) -> int:
        found = self.at(address, 8)
        return int.from_bytes(found, "little") if len(found) == 8 else 0

    def name(self, address: int) -> tuple[str, str]:
        """A name and its tag; ("", "") where there is none."""
        head = self.at(address, 1200)
        if len(head) < 4:
            return "", ""
        length, at = _varint(head, 1)
        text = head[at : at + length].decode(errors="replace")
        if not head[0] & 2:
            return text, ""
        tag_length, at = _varint(head, at + length)
        return text, head[at : at + tag_length].decode(errors="replace")

    def structs(self) -> Iterator[int]:
        """Addresses of everything that looks like a struct type with named fields."""
        for segment in self.segments:
            data = segment.data
            for match in MAYBE_STRUCT.finditer(data[23::8]):
                at = match.start() * 8
                if at + 96 > len(data):
                    break
                fields, count, capacity = struct.unpack_from("<QQQ", data, at + 56)
                if 0 < count == capacity < 300 and fields % 8 == 0 and self.at(fields, 1):
                    yield segment.address + at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            break
        shift += 7
    return value, at


def tagged(program: Program) -> dict[int, list[tuple[str, str, int]]]:
    """Struct types with protobuf tags: name, tag and type of each field that has one."""
    found = {}
    for address in program.structs():
        fields, count = program.word(address + 56), program.word(address + 64)
        named = [
            (*program.name(program.word(at)), program.word(at + 8))
            for at in range(fields, fields + 24 * count, 24)
        ]
        if any("protobuf:" in tag for _, tag, _ in named):
            found[address] = named
    return found


def types_base(program: Program, structs: dict[int, list[tuple[str, str, int]]]) -> int:
    """Where the offsets of type names count from, found by the one type that has these two fields."""
    marks = {"EphemeralContainers", "RestartPolicy", "TopologySpreadConstraints"}
    [spec] = [at for at, fields in structs.items() if marks <= {name for name, _, _ in fields}]
    offset = int.from_bytes(program.at(spec + 40, 4), "little")
    text = b"*v1.PodSpec"
    for segment in program.segments:
        for match in re.finditer(re.escape(bytes([len(text)]) + text), segment.data):
            base = segment.address + match.start() - 1 - offset
            if base % 32 == 0 and program.at(base, 1):
                return base
    raise SystemExit("cannot find the type names: is this a Go program that speaks Kubernetes?")


def key(program: Program, base: int, address: int) -> str:
    """`core_v1.PodSpec`, "" for types that are not the API's."""
    head = program.at(address, 96)
    if not head[20] & HAS_UNCOMMON:
        return ""
    text, _ = program.name(base + int.from_bytes(head[40:44], "little"))
    package, _ = program.name(base + int.from_bytes(head[80:84], "little"))
    match = PACKAGES.fullmatch(package)
    return f"{match[1]}_{match[2]}.{text.rpartition('.')[2]}" if match else ""


def described(program: Program, base: int, fields: list[tuple[str, str, int]]) -> dict[int, str]:
    """Number -> JSON name; `*name` for pointers to scalars, `>type` for a message whose fields are inlined."""
    found = {}
    for _, tag, kind_at in fields:
        number, named = NUMBER.search(tag), JSON_NAME.search(tag)
        if number is None or named is None:
            continue
        kind = program.at(kind_at, 24)[23] & 31
        if not named[1]:
            inlined = program.word(kind_at + 48) if kind == KIND_POINTER else kind_at
            found[int(number[1])] = f">{key(program, base, inlined)}"
            continue
        pointed = kind == KIND_POINTER and program.at(program.word(kind_at + 48), 24)[23] & 31
        is_scalar = pointed == KIND_STRING or pointed in SCALARS
        found[int(number[1])] = f"*{named[1]}" if is_scalar else named[1]
    return found


def table(paths: list[Path]) -> dict[str, str]:
    """Every type's fields in the order of their numbers, `-` where a number is not in use."""
    union: dict[str, dict[int, str]] = {}
    for path in paths:
        program = Program(path)
        structs = tagged(program)
        base = types_base(program, structs)
        for address, fields in structs.items():
            name = key(program, base, address)
            if name:
                union.setdefault(name, {}).update(described(program, base, fields))
    return {name: _line(union[name]) for name in sorted(union) if union[name]}


def _line(numbers: dict[int, str]) -> str:
    return " ".join(numbers.get(number, "-") for number in range(1, max(numbers) + 1))


def main(arguments: list[str]) -> int:
    """Exit code 1 when `--check` finds a difference."""
    checks = "--check" in arguments
    text = json.dumps(table([Path(one) for one in arguments if one != "--check"]), indent=0) + "\n"
    if checks:
        return int(TARGET.read_text() != text)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
