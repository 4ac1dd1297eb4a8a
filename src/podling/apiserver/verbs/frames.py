"""Watch events as lines of JSON, in the form a watcher asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from podling.api import codec, errors
from podling.api.kinds import Kind
from podling.api.types import meta_v1
from podling.apiserver import negotiate, render, versions
from podling.apiserver.call import Call
from podling.store.watchcache import ADDED, Batch, Entry, View


class Framer(Protocol):
    """How one watcher sees objects."""

    def present(self, entries: Sequence[Entry]) -> bytes:
        """What is there already."""

    def changes(self, batch: Batch) -> bytes:
        """What changed in one turn."""

    def bookmark(self, revision: int, annotations: Mapping[str, str] | None = None) -> bytes:
        """That everything up to a revision has been told."""


def of(call: Call, form: negotiate.Form) -> Framer:
    """The framer for a form; raises NotAcceptable for forms that no event can take."""
    if form.transform == "PartialObjectMetadataList":
        raise errors.NotAcceptable((f"{negotiate.JSON};stream=watch",))
    if form.transform or call.resource.is_converted:
        return _Shown(call, form)
    return _Stored(call.resource.kind)


def frame(type: str, value: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (type.encode(), value)


def error(refusal: errors.ApiError) -> bytes:
    """The event that ends a watch for a reason."""
    return frame("ERROR", codec.struct_encode(refusal.status()))


def _stored(views: Sequence[View]) -> bytes:
    return b"".join([frame(view.type, view.entry.value) for view in views])


class _Stored:
    """Objects as they are stored: all watchers of a selection share the bytes."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def present(self, entries: Sequence[Entry]) -> bytes:
        return b"".join([frame(ADDED, entry.value) for entry in entries])

    def changes(self, batch: Batch) -> bytes:
        return batch.encoded(_stored)

    def bookmark(self, revision: int, annotations: Mapping[str, str] | None = None) -> bytes:
        return frame("BOOKMARK", _bare(self._kind, revision, annotations))


class _Shown:
    """Objects in another version, as Tables or as PartialObjectMetadata: made for each watcher."""

    def __init__(self, call: Call, form: negotiate.Form) -> None:
        self._call = call
        self._form = form
        self._is_first = True

    def present(self, entries: Sequence[Entry]) -> bytes:
        return b"".join([self._line(ADDED, entry.value) for entry in entries])

    def changes(self, batch: Batch) -> bytes:
        return b"".join([self._line(view.type, view.entry.value) for view in batch.views])

    def bookmark(self, revision: int, annotations: Mapping[str, str] | None = None) -> bytes:
        return frame("BOOKMARK", self._show(_bare(self._call.resource.kind, revision, annotations)))

    def _line(self, type: str, value: bytes) -> bytes:
        resource = self._call.resource
        if resource.is_converted:
            value = versions.shown(value, resource.storage, resource.kind, self._call.services.level)
        return frame(type, self._show(value))

    def _show(self, value: bytes) -> bytes:
        if self._form.transform == "Table":
            headers, self._is_first = self._is_first, False
            return render.table(self._call, [value], self._form, headers=headers)
        return render.partial(value, self._form) if self._form.transform else value


def _bare(kind: Kind, revision: int, annotations: Mapping[str, str] | None) -> bytes:
    """An object of a kind with nothing but a revision, as bookmarks carry it."""
    meta = meta_v1.ObjectMeta(
        resource_version=str(revision), annotations=dict(annotations) if annotations else None
    )
    words = (kind.kind.encode(), kind.api_version.encode(), codec.struct_encode(meta))
    return b'{"kind":"%b","apiVersion":"%b","metadata":%b}' % words
