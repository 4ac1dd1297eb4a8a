"""`pods/attach`: the streams of a container's own process."""

from __future__ import annotations

from podling.apiserver.call import Call, Serve
from podling.apiserver.request import Response

from . import relay


async def serve(call: Call) -> Response:
    return await relay.serve(call, "attach", [])


VERBS: dict[str, Serve] = {"create": serve, "get": serve}
