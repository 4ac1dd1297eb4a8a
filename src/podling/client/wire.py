"""How objects of one kind look in bytes: single, in lists, in watch lines.

A watch line is decoded once, straight into the kind's type: `{"type": ..., "object": {...}}` is itself a Struct, generic in the object.
Error and bookmark lines carry something else than a whole object and are told apart by their first bytes, which every API server
writes the same.

Servers written in Go send null for empty lists and maps. Our types refuse most of these, as a null is nearly always a mistake; so a
document that does not fit is read once more without its nulls, which is how Go reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar, cast

import msgspec

from podling.api.kinds import Kind
from podling.api.types import meta_v1

from .errors import ProtocolFault

T = TypeVar("T")
JSON = "application/json"
EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


@dataclass(slots=True, frozen=True)
class WatchEvent(Generic[T]):
    """One change. A bookmark's object has nothing but `metadata.resourceVersion` (and annotations)."""

    type: EventType
    object: T
    resource_version: str


Batch = list[WatchEvent[T]]
"""Changes that arrived together."""


@dataclass(slots=True, frozen=True)
class ErrorLine:
    """The line with which a server ends a watch that it cannot go on with."""

    status: meta_v1.Status


@dataclass(slots=True, frozen=True)
class ListPage(Generic[T]):
    """Objects as they were at `resource_version`. `continue_` is empty on the last page."""

    items: list[T]
    resource_version: str
    continue_: str = ""
    remaining: int | None = None


class Head(NamedTuple):
    """What is needed of an object's metadata to address and to keep it; "" for what it does not say."""

    namespace: str
    name: str
    uid: str
    resource_version: str


class View(Protocol[T]):
    """Reads and writes objects of one kind. All `decode` methods raise ProtocolFault."""

    kind: Kind
    accept: str
    """The form to ask for, of single objects and in watches."""
    accept_list: str

    def decode(self, data: bytes) -> T: ...

    def decode_list(self, data: bytes) -> ListPage[T]: ...

    def decode_event(self, line: bytes) -> WatchEvent[T] | ErrorLine: ...

    def encode(self, obj: T) -> bytes: ...

    def head(self, obj: T) -> Head: ...


class PartialObject(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """An object of any kind, of which only the metadata is read (meta.k8s.io/v1 PartialObjectMetadata)."""

    kind: str = ""
    api_version: str = ""
    metadata: meta_v1.ObjectMeta = msgspec.field(default_factory=meta_v1.ObjectMeta)


class _Line(msgspec.Struct, Generic[T], gc=False):
    type: str
    object: T


class _List(msgspec.Struct, Generic[T], gc=False):
    metadata: meta_v1.ListMeta = msgspec.field(default_factory=meta_v1.ListMeta)
    items: list[T] | None = None


_error_lines = msgspec.json.Decoder(_Line[meta_v1.Status])
_bookmark_lines = msgspec.json.Decoder(_Line[PartialObject])
_encoder = msgspec.json.Encoder()


class StructView(Generic[T]):
    """Objects as the generated Struct of their kind."""

    def __init__(self, kind: Kind, type_: type[T], *, accept: str = JSON, accept_list: str = JSON) -> None:
        self.kind = kind
        self.type = type_
        self.accept = accept
        self.accept_list = accept_list
        self._one = msgspec.json.Decoder(type_)
        self._list = msgspec.json.Decoder(_List[type_])  # type: ignore[valid-type]
        self._line = msgspec.json.Decoder(_Line[type_])  # type: ignore[valid-type]

    def decode(self, data: bytes) -> T:
        return _decode(self._one, data)

    def decode_list(self, data: bytes) -> ListPage[T]:
        page = _decode(self._list, data)
        return _page(page.items or [], page.metadata)

    def decode_event(self, line: bytes) -> WatchEvent[T] | ErrorLine:
        if (special := _special(line)) is not None:
            return special if isinstance(special, ErrorLine) else self._bookmark(special)
        event = _decode(self._line, line)
        metadata = cast(PartialObject, event.object).metadata
        return WatchEvent(cast(EventType, event.type), event.object, metadata.resource_version or "")

    def encode(self, obj: T) -> bytes:
        return _encoder.encode(obj)

    def head(self, obj: T) -> Head:
        metadata = cast(PartialObject, obj).metadata
        return Head(
            metadata.namespace or "",
            metadata.name or "",
            metadata.uid or "",
            metadata.resource_version or "",
        )

    def _bookmark(self, metadata: meta_v1.ObjectMeta) -> WatchEvent[T]:
        empty = self.type(metadata=metadata)  # type: ignore[call-arg]
        return WatchEvent("BOOKMARK", empty, metadata.resource_version or "")


def partial_view(kind: Kind) -> StructView[PartialObject]:
    """Objects of any kind without what is below their metadata: the server does not even send it."""
    form = "application/json;as={};g=meta.k8s.io;v=v1"
    return StructView(
        kind,
        PartialObject,
        accept=form.format("PartialObjectMetadata"),
        accept_list=form.format("PartialObjectMetadataList"),
    )


Untyped = dict[str, Any]


class DictView:
    """Objects as they are in JSON: custom resources, and whoever wants nothing lost."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.accept = self.accept_list = JSON
        self._one = msgspec.json.Decoder(Untyped)
        self._list = msgspec.json.Decoder(_List[Untyped])
        self._line = msgspec.json.Decoder(_Line[Untyped])

    def decode(self, data: bytes) -> Untyped:
        return _decode(self._one, data)

    def decode_list(self, data: bytes) -> ListPage[Untyped]:
        page = _decode(self._list, data)
        items = page.items or []
        for item in items:  # upstream leaves these out of the items of its lists
            item.setdefault("apiVersion", self.kind.api_version)
            item.setdefault("kind", self.kind.kind)
        return _page(items, page.metadata)

    def decode_event(self, line: bytes) -> WatchEvent[Untyped] | ErrorLine:
        if isinstance(special := _special(line), ErrorLine):
            return special
        event = _decode(self._line, line)
        return WatchEvent(cast(EventType, event.type), event.object, self.head(event.object).resource_version)

    def encode(self, obj: Untyped) -> bytes:
        return _encoder.encode(obj)

    def head(self, obj: Untyped) -> Head:
        metadata = obj.get("metadata") or {}
        return Head(
            metadata.get("namespace") or "",
            metadata.get("name") or "",
            metadata.get("uid") or "",
            metadata.get("resourceVersion") or "",
        )


def _special(line: bytes) -> ErrorLine | meta_v1.ObjectMeta | None:
    """An error, or the metadata of a bookmark; None for ordinary lines."""
    if line.startswith(b'{"type":"BOOKMARK"'):
        return _decode(_bookmark_lines, line).object.metadata
    if line.startswith(b'{"type":"ERROR"'):
        return ErrorLine(_decode(_error_lines, line).object)
    return None


def _page(items: list[T], metadata: meta_v1.ListMeta) -> ListPage[T]:
    return ListPage(
        items, metadata.resource_version or "", metadata.continue_ or "", metadata.remaining_item_count
    )


def _decode(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        if b"null" not in data:
            raise ProtocolFault(f"cannot read the server's answer: {error}") from error
        return _decode_without_nulls(decoder, data)
    except msgspec.DecodeError as error:
        raise ProtocolFault(f"cannot read the server's answer: {error}: {data[:200]!r}") from error


def _decode_without_nulls(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(_encoder.encode(_without_nulls(msgspec.json.decode(data))))
    except msgspec.DecodeError as error:
        raise ProtocolFault(f"cannot read the server's answer: {error}") from error


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
