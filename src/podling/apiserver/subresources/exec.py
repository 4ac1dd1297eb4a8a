"""`pods/exec`: a command in a container."""

from __future__ import annotations

from podling.api import errors
from podling.apiserver.call import Call, Serve
from podling.apiserver.request import Response

from . import relay


async def serve(call: Call) -> Response:
    commands = call.request.query.get("command", ())
    if not commands:
        raise errors.BadRequest("you must specify at least one command for the container")
    return await relay.serve(call, "exec", [("command", command) for command in commands])


VERBS: dict[str, Serve] = {"create": serve, "get": serve}
