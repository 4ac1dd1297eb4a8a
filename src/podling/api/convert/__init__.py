"""Versions of one kind turned into each other.

Every kind is stored in one version; the others are converted when they come in and when they are read. Each kind's row names the module that does
it (`Kind.convert`), which has two pure functions over decoded JSON, `to_stored` and `from_stored`. They do not change their argument, and
what this build of the types does not know passes through.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from podling.api.kinds import Kind, storage_kind

from . import event, horizontalpodautoscaler, resource_v1beta1, same


class Converter(Protocol):
    """What a module named by `Kind.convert` offers; apiVersion and kind are seen to by `convert`."""

    @staticmethod
    def to_stored(document: dict[str, Any]) -> dict[str, Any]: ...

    @staticmethod
    def from_stored(document: dict[str, Any]) -> dict[str, Any]: ...


_CONVERTERS: dict[str, Converter] = {
    "event": cast(Converter, event),
    "horizontalpodautoscaler": cast(Converter, horizontalpodautoscaler),
    "resource_v1beta1": cast(Converter, resource_v1beta1),
    "same": cast(Converter, same),
}


def convert(document: dict[str, Any], source: Kind, target: Kind) -> dict[str, Any]:
    """The document in another version of its kind."""
    if source is target:
        return document
    if storage_kind(source) is not storage_kind(target):
        raise LookupError(f"cannot convert {source!r} into {target!r}: they are not one kind")
    stored = _CONVERTERS[source.convert].to_stored(document) if source.convert else document
    result = _CONVERTERS[target.convert].from_stored(stored) if target.convert else stored
    return {**result, "kind": target.kind, "apiVersion": target.api_version}
