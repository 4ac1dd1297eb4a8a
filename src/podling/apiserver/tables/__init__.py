"""Server-side tables (meta.k8s.io Table): what `kubectl get` prints.

`render` turns stored objects, as bytes, into the bytes of a Table. Each object is decoded once to fill its row; what goes into the row's
`object` is cut from the bytes and never encoded again. Layouts are by the stored version of a kind, so other versions show alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import msgspec

from podling.api import codec
from podling.api.convert import convert
from podling.api.kinds import Kind, storage_kind
from podling.api.types import meta_v1

from .layout import Layout
from .registry import DEFAULT, LAYOUTS

Include = Literal["None", "Metadata", "Object"]
INCLUDES = ("None", "Metadata", "Object")

__all__ = ["INCLUDES", "Include", "render"]


class _Named(msgspec.Struct):
    """An object of which nothing is known but that it has metadata."""

    metadata: meta_v1.ObjectMeta = msgspec.field(default_factory=meta_v1.ObjectMeta)


class _Cut(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))


_cut = msgspec.json.Decoder(_Cut)
_encode = msgspec.json.Encoder().encode


def render(
    kind: Kind,
    items: Sequence[bytes],
    *,
    now: float,
    list_meta: bytes = b"{}",
    include: Include = "Metadata",
    version: str = "v1",
    headers: bool = True,
) -> bytes:
    """The Table of some objects of a kind, given in that version with their resourceVersions in.

    `now` is in epoch seconds; `list_meta` the encoded metadata of the list; `include` what to put into each row besides its cells; `version`
    that of meta.k8s.io. Without `headers` the column definitions are left out, as in all but the first event of a watch.
    """
    layout = LAYOUTS.get(storage_kind(kind), DEFAULT)
    objects = [(item, _typed(kind, layout, item)) for item in items]
    if layout.order is not None:
        order = layout.order
        objects.sort(key=lambda pair: order(pair[1]))
    rows = b",".join(_row(layout, item, typed, now, include, version) for item, typed in objects)
    columns = _columns(layout) if headers else b"[]"
    return (
        b'{"kind":"Table","apiVersion":"meta.k8s.io/%b","metadata":%b,"columnDefinitions":%b,"rows":[%b]}'
        % (
            version.encode(),
            list_meta,
            columns,
            rows,
        )
    )


def _row(layout: Layout, item: bytes, typed: Any, now: float, include: Include, version: str) -> bytes:
    cells = _encode(layout.cells(typed, now))
    conditions = layout.conditions(typed) if layout.conditions is not None else None
    told = b',"conditions":' + _encode(conditions) if conditions else b""
    return b'{"cells":%b%b,"object":%b}' % (cells, told, _included(item, include, version))


def _typed(kind: Kind, layout: Layout, item: bytes) -> Any:
    if layout is DEFAULT:
        return msgspec.json.decode(item, type=_Named)
    stored = storage_kind(kind)
    if stored is kind:
        return codec.struct_decode(kind.struct, item)
    return codec.struct_decode(stored.struct, _encode(convert(msgspec.json.decode(item), kind, stored)))


def _included(item: bytes, include: Include, version: str) -> bytes:
    if include == "None":
        return b"null"
    if include == "Object":
        return item
    metadata = _cut.decode(item).metadata
    return b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/%b","metadata":%b}' % (
        version.encode(),
        metadata,
    )


@cache
def _columns(layout: Layout) -> bytes:
    return _encode(
        [
            {
                "name": column.name,
                "type": column.type,
                "format": column.format,
                "description": column.description,
                "priority": column.priority,
            }
            for column in layout.columns
        ]
    )
