"""GET of one object: the bytes in the watch cache."""

from __future__ import annotations

from podling.apiserver import render, revisions
from podling.apiserver.call import Call
from podling.apiserver.request import Response


async def serve(call: Call) -> Response:
    await revisions.reached(call, call.request.query.first("resourceVersion"))
    return render.one(call, call.stored(call.info.name).value)
