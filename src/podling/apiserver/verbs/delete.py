"""DELETE of one object."""

from __future__ import annotations

from podling.apiserver import body, removal, render
from podling.apiserver.call import Call
from podling.apiserver.options import delete_options
from podling.apiserver.request import Response


async def serve(call: Call) -> Response:
    options = delete_options(call.request.query, body.read_delete_options(call))
    removed = await removal.delete(call, call.info.name, options)
    status = 202 if not removed.gone and options.orphan_dependents is False else 200
    if removed.gone and not call.resource.strategy.returns_deleted:
        return render.struct(
            call, render.success(call.resource.kind, call.info.name, removed.uid), status=status
        )
    return render.one(call, removed.value, status=status)
