"""Generates `src/podling/runtime/cri/messages.json`: the fields, numbers and types of CRI v1's messages.

Every Go program that speaks CRI carries the compiled description of `runtime.v1` (a FileDescriptorProto, gzipped) in its
data; Debian's containerd is such a program. What that version does not know yet and Podling uses stands in `NEWER`.

    python tools/generate_cri.py /usr/bin/containerd            write the file
    python tools/generate_cri.py --check /usr/bin/containerd    exit 1 if it differs

A field is written as its number and type (`"labels": "5 map"`), a type that repeats with a star; an enum is a list of names.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
from podling.apiserver.protobuf import wire

TARGET = Path(__file__).resolve().parent.parent / "src" / "podling" / "runtime" / "cri" / "messages.json"
PACKAGE = b"runtime.v1"
GZIP = b"\x1f\x8b\x08"
SCALARS = {3: "int64", 4: "uint64", 5: "int32", 8: "bool", 9: "string", 12: "bytes", 13: "uint32"}
REPEATED, MESSAGE, ENUM = 3, 11, 14
MAP = "map"
"""Of strings to strings: CRI has no other."""

NEWER: dict[str, dict[str, str] | list[str]] = {
    "NamespaceOption": {"userns_options": "5 UserNamespace"},  # v1.27
    "UserNamespace": {"mode": "1 NamespaceMode", "uids": "2 IDMapping*", "gids": "3 IDMapping*"},
    "IDMapping": {"host_id": "1 uint32", "container_id": "2 uint32", "length": "3 uint32"},
    "Mount": {"recursive_read_only": "8 bool"},  # v1.30
    "StatusResponse": {"runtime_handlers": "3 RuntimeHandler*"},
    "RuntimeHandler": {"name": "1 string", "features": "2 RuntimeHandlerFeatures"},
    "RuntimeHandlerFeatures": {"recursive_read_only_mounts": "1 bool", "user_namespaces": "2 bool"},
}

Table = dict[str, dict[str, str] | list[str]]


def descriptor(program: bytes) -> bytes:
    """The description of CRI v1 in a program's data. Raises LookupError."""
    at = program.find(GZIP)
    while at >= 0:
        try:
            found = zlib.decompressobj(wbits=31).decompress(program[at : at + (1 << 20)])
        except zlib.error:
            found = b""
        if PACKAGE in found[:256] and dict(_first(found, 2)).get(2) == PACKAGE:
            return found
        at = program.find(GZIP, at + 1)
    raise LookupError("the program does not speak runtime.v1")


def table(description: bytes) -> Table:
    """Messages and enums by name."""
    found: Table = {}
    for number, value in wire.fields(description):
        if number == 4:
            found |= dict(_messages(_bytes(value)))
        elif number == 5:
            found |= dict([_enum(_bytes(value))])
    for name, more in NEWER.items():
        known = found.setdefault(name, {})
        assert isinstance(known, dict)
        assert isinstance(more, dict)
        for field, slot in more.items():
            known.setdefault(field, slot)
    return dict(sorted(found.items()))


def _messages(description: bytes) -> Iterator[tuple[str, dict[str, str] | list[str]]]:
    """A message, and the enums that are described within."""
    fields: dict[str, str] = {}
    name, maps = "", set()
    for number, value in wire.fields(description):
        if number == 1:
            name = _bytes(value).decode()
        elif number == 3:
            maps.add(_text(_bytes(value), 1))
        elif number == 4:
            yield _enum(_bytes(value))
    for number, value in wire.fields(description):
        if number == 2:
            field = dict(wire.fields(_bytes(value)))
            kind = _kind(field, maps)
            fields[_bytes(field[1]).decode()] = f"{field[3]} {kind}"
    yield name, fields


def _kind(field: dict[int, wire.Value], maps: set[str]) -> str:
    if field[5] not in (MESSAGE, ENUM):
        kind = SCALARS[int(field[5])]  # type: ignore[arg-type]
    else:
        kind = _bytes(field[6]).decode().rpartition(".")[2]
        if kind in maps:
            return MAP
    return kind + "*" if field.get(4) == REPEATED else kind


def _enum(description: bytes) -> tuple[str, list[str]]:
    values: dict[int, str] = {}
    for number, value in wire.fields(description):
        if number == 2:
            one = dict(wire.fields(_bytes(value)))
            values[int(one.get(2, 0))] = _bytes(one[1]).decode()  # type: ignore[arg-type]
    return _text(description, 1), [values[number] for number in sorted(values)]


def _first(data: bytes, count: int) -> Iterator[tuple[int, wire.Value]]:
    for _, pair in zip(range(count), wire.fields(data), strict=False):
        yield pair


def _text(data: bytes, number: int) -> str:
    return _bytes(next(value for found, value in wire.fields(data) if found == number)).decode()


def _bytes(value: wire.Value) -> bytes:
    assert isinstance(value, bytes)
    return value


def main() -> int:
    arguments = [word for word in sys.argv[1:] if word != "--check"]
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    text = json.dumps(table(descriptor(Path(arguments[0]).read_bytes())), indent=1) + "\n"
    if "--check" in sys.argv:
        return int(TARGET.read_text() != text)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
