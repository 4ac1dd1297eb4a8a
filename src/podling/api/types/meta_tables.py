"""The forms that `meta.k8s.io/v1` offers of any object, which OpenAPI does not define: Tables and metadata alone."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, field

from . import meta_v1
from ._model import ApiType, Int32


class TableColumnDefinition(ApiType, kw_only=True):
    """One column; `priority` 0 is always shown, others by `kubectl -o wide`."""

    name: str = field(default_factory=str)
    type: str = field(default_factory=str)
    format: str = field(default_factory=str)
    description: str = field(default_factory=str)
    priority: Int32 = field(default_factory=int)


class TableRowCondition(ApiType, kw_only=True):
    """A mark on a row, such as `Completed`."""

    type: str = field(default_factory=str)
    status: str = field(default_factory=str)
    reason: str | None = None
    message: str | None = None


class TableRow(ApiType, kw_only=True):
    """One object: its cells, and as much of itself as `includeObject` asks for."""

    cells: list[Any] = field(default_factory=[].copy)
    conditions: list[TableRowCondition] | None = None
    object: Raw = Raw()


class Table(ApiType, kw_only=True):
    """Objects as kubectl prints them."""

    kind: str = field(default_factory="Table".__str__)
    api_version: str = field(default_factory="meta.k8s.io/v1".__str__)
    metadata: meta_v1.ListMeta = field(default_factory=meta_v1.ListMeta)
    column_definitions: list[TableColumnDefinition] = field(default_factory=[].copy)
    rows: list[TableRow] = field(default_factory=[].copy)


class PartialObjectMetadata(ApiType, kw_only=True):
    """An object without its body."""

    kind: str = field(default_factory="PartialObjectMetadata".__str__)
    api_version: str = field(default_factory="meta.k8s.io/v1".__str__)
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)


class PartialObjectMetadataList(ApiType, kw_only=True):
    """A list of objects without their bodies."""

    kind: str = field(default_factory="PartialObjectMetadataList".__str__)
    api_version: str = field(default_factory="meta.k8s.io/v1".__str__)
    metadata: meta_v1.ListMeta = field(default_factory=meta_v1.ListMeta)
    items: list[PartialObjectMetadata] = field(default_factory=[].copy)
