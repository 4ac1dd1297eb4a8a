"""Whose fields a write takes: `metadata.managedFields` of what is about to be stored.

A manager's fields are those of the version that it writes in, so kinds with several versions are compared in the request's and in
those of the managers that were there.
"""

from __future__ import annotations

from podling.api import codec, kinds, managedfields
from podling.api.convert import convert
from podling.api.kinds import Kind
from podling.api.managedfields import Comparison
from podling.api.object import Object

from .call import Call
from .options import WriteOptions

_STATUS = managedfields.from_paths("status")


def track(
    call: Call, before: Object | None, after: Object, options: WriteOptions, *, subresource: str = ""
) -> None:
    """Bring the managed fields of `after` up to date; what admission changes later is nobody's."""
    agent = call.request.headers.get("user-agent", "")
    manager = managedfields.manager_name(options.field_manager, agent)
    kind = call.resource.kind
    writer = managedfields.Writer(manager, kind.api_version, subresource)
    resets_status = not subresource and "status" in after.kind.subresources

    def in_version(api_version: str) -> Comparison:
        """What changed, in the version of a manager; in one that is no more, as if nothing had been renamed."""
        try:
            row = kinds.by_api_version(api_version, kind.kind)
        except kinds.UnknownKind:
            row = kind
        return managedfields.compare(_shown(before, row) if before is not None else None, _shown(after, row))

    after.metadata.managed_fields = managedfields.update(
        _shown(before, kind) if before is not None else None,
        _shown(after, kind),
        writer,
        time=call.services.now(),
        reset=_STATUS if resets_status else managedfields.EMPTY,
        in_version=in_version,
    )


def _shown(obj: Object, kind: Kind) -> Object:
    if obj.kind is kind or kinds.storage_kind(kind) is not kinds.storage_kind(obj.kind):
        return obj
    return codec.from_dict(kind, convert(codec.to_dict(obj), obj.kind, kind))
