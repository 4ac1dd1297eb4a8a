"""Which unknown and duplicate fields a body holds, exactly, and almost for nothing when it holds none.

kubectl asks for this on every write (`fieldValidation=Strict`) and everybody else gets it as a warning. A body is clean when two
things hold, both found out in C. It decodes at the first attempt, which types that refuse unknown fields do for no other body.
And it has as many `":` as the same document has after untyped decoding and encoding, which drops duplicates and keeps all else;
both counts take in `":` within strings alike. A body that escapes quotes or colons by number, so that its count says nothing,
is walked like one that is not clean: one parse that keeps duplicates, and one walk along the schema. (A null in a field that only
other levels know is passed over: there is nothing to drop.)

Messages are upstream's: `unknown field "spec.containers[0].foo"`, `duplicate field "metadata.labels.a"`, in the order of the
document. Who answers puts `strict decoding error: ` before them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from . import codec, schema
from .kinds import Kind
from .levels import Level
from .schema import ListOf, MapOf, Record, Schema

_MAX_MESSAGES: Final = 100
_SPACE: Final = b" \t\r\n"
_BY_NUMBER: Final = (b"\\u0022", b"\\u003a", b"\\u003A")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def check(kind: Kind, data: bytes, *, level: Level | None = None, exact: bool | None = None) -> list[str]:
    """What is unknown or repeated in a body that can be decoded as a built-in kind.

    `exact`, if the caller knows it: the body was decoded as it stood (`codec.decode_telling`) and `Level.drop_unknown`
    found nothing to drop.
    """
    level = level or Level()
    if exact is None:
        body, exact = codec.struct_decode_telling(kind.struct, data)
        exact = exact and not level.drop_unknown(body)
    if exact and not may_repeat(data):
        return []
    return find(data, schema.of(kind.struct), level=level)


def may_repeat(data: bytes) -> bool:
    """Whether a JSON text may name a field twice in one object; never False when it does.

    Taking the space out can only add to the count on the left, within strings, which leads to a look in vain.
    """
    if b"\\" in data and any(form in data for form in _BY_NUMBER):
        return True
    return data.translate(None, _SPACE).count(b'":') != _encode(_decode(data)).count(b'":')


def find(data: bytes, node: Schema, *, level: Level) -> list[str]:
    """All unknown and duplicate fields of a JSON text, the first hundred of them."""
    finder = _Finder(level)
    finder.walk(json.loads(data, object_pairs_hook=_Pairs), node, "")
    return list(finder.messages)[:_MAX_MESSAGES]


def unknown_fields(value: dict[str, Any], node: Schema, *, level: Level) -> list[str]:
    """All unknown fields of plain JSON values, as they come out of a patch."""
    finder = _Finder(level)
    finder.walk(value, node, "")
    return list(finder.messages)[:_MAX_MESSAGES]


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it stood in the text: in order, with duplicates."""


@dataclass
class _Finder:
    """One walk over one document. `messages` is an ordered set: what is said once is not said again."""

    level: Level
    messages: dict[str, None] = field(default_factory=dict)

    def walk(self, value: Any, node: Schema, path: str) -> None:
        """Free-form JSON and the values of `OneOf` read themselves upstream, which is never strict."""
        match node:
            case Record():
                if isinstance(value, (_Pairs, dict)):
                    self._walk_record(value, node, path)
            case MapOf(inner):
                if isinstance(value, (_Pairs, dict)):
                    for name, sub in self._once(value, path):
                        self.walk(sub, inner, _join(path, name))
            case ListOf(item):
                if isinstance(value, list) and not isinstance(value, _Pairs):
                    for index, sub in enumerate(value):
                        self.walk(sub, item, f"{path}[{index}]")

    def _walk_record(self, value: _Pairs | dict[str, Any], node: Record, path: str) -> None:
        for name, sub in self._once(value, path, node):
            known = node.fields[name]
            self.walk(sub, known.schema, _join(path, name))

    def _once(
        self, value: _Pairs | dict[str, Any], path: str, node: Record | None = None
    ) -> Iterator[tuple[str, Any]]:
        """The entries to walk into, each in its turn; a message for every other one."""
        seen: set[str] = set()
        for name, sub in value if isinstance(value, _Pairs) else value.items():
            if node is not None and not self._is_known(node, name):
                if not node.preserve_unknown:
                    self.messages[f'unknown field "{_join(path, name)}"'] = None
                continue
            if name in seen:
                self.messages[f'duplicate field "{_join(path, name)}"'] = None
            seen.add(name)
            yield name, sub

    def _is_known(self, node: Record, name: str) -> bool:
        return name in node.fields and self.level.knows(node.name, name)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
