"""POST of a new object."""

from __future__ import annotations

from podling.apiserver import body, creation, render
from podling.apiserver.call import Call
from podling.apiserver.options import write_options
from podling.apiserver.request import Response


async def serve(call: Call) -> Response:
    options = write_options(call.request.query, "CreateOptions")
    outcome = await creation.create(call, body.read_object(call, options), options=options)
    return render.one(call, outcome.value, status=201)
