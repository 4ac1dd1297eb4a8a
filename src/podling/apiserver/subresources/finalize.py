"""`namespaces/finalize`: the one way to change a Namespace's own finalizers, and so to let it go."""

from __future__ import annotations

from podling.api.object import Object
from podling.apiserver import body, render
from podling.apiserver.call import Call, Serve
from podling.apiserver.change import Scope, change
from podling.apiserver.options import write_options
from podling.apiserver.request import Response

SCOPE = Scope("finalize", part="given")


async def update(call: Call) -> Response:
    options = write_options(call.request.query, "UpdateOptions")

    def replacement(old: Object, _: bytes) -> Object:
        given = body.read_object(call, options)
        given.body.status = old.body.status
        return given

    outcome = await change(call, replacement, options=options, scope=SCOPE)
    return render.one(call, outcome.value)


VERBS: dict[str, Serve] = {"update": update}
