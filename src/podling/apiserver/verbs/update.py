"""PUT of an object: the body replaces what is stored.

Kinds that allow it are created by an update of an object that is not there.
"""

from __future__ import annotations

from podling.api.object import Object
from podling.apiserver import body, creation, render
from podling.apiserver.call import Call
from podling.apiserver.change import MAIN, Scope, change, check_name
from podling.apiserver.options import write_options
from podling.apiserver.request import Response


async def serve(call: Call, scope: Scope = MAIN) -> Response:
    options = write_options(call.request.query, "UpdateOptions")
    given = body.read_object(call, options)
    check_name(given.name, call.info.name)
    first: Object | None = given

    def replacement(*_: object) -> Object:
        """The body; decoded afresh for another try, because a try completes what it is given."""
        nonlocal first
        fresh, first = first, None
        return fresh if fresh is not None else body.read_object(call, options)

    absent = call.find(call.info.name) is None
    if absent and call.resource.storage.create_on_update and scope is MAIN:
        obj = replacement()
        obj.metadata.name = obj.metadata.name or call.info.name
        obj.metadata.resource_version = None
        created = await creation.create(call, obj, options=options)
        return render.one(call, created.value, status=201)
    outcome = await change(call, replacement, options=options, scope=scope)
    return render.one(call, outcome.value)
