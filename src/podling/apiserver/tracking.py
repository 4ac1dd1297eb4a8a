"""Whose fields a write takes: `metadata.managedFields` of what is about to be stored."""

from __future__ import annotations

from podling.api import managedfields
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
    writer = managedfields.Writer(manager, after.kind.api_version, subresource)
    resets_status = not subresource and "status" in after.kind.subresources
    after.metadata.managed_fields = managedfields.update(
        before,
        after,
        writer,
        time=call.services.now(),
        reset=_STATUS if resets_status else managedfields.EMPTY,
    )
