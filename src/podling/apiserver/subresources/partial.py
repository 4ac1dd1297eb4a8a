"""Subresources through which a part of an object is written: whatever else a request holds is put back to what is stored."""

from __future__ import annotations

from collections.abc import Callable

from podling.api.object import Object
from podling.apiserver import body, render
from podling.apiserver.call import Call, Serve
from podling.apiserver.change import Scope, change
from podling.apiserver.options import write_options
from podling.apiserver.request import Response
from podling.apiserver.verbs import get
from podling.apiserver.verbs.patch import maker

Narrow = Callable[[Call, Object, Object], Object]
"""``(call, given, stored)`` -> the stored object with the part that was given; neither is changed."""


def verbs(scope: Scope, narrow: Narrow) -> dict[str, Serve]:
    """GET shows the whole object; PUT and PATCH write the part."""

    async def update(call: Call) -> Response:
        options = write_options(call.request.query, "UpdateOptions")
        outcome = await change(
            call,
            lambda old, _: narrow(call, body.read_object(call, options), old),
            options=options,
            scope=scope,
        )
        return render.one(call, outcome.value)

    async def patch(call: Call) -> Response:
        options = write_options(call.request.query, "PatchOptions")
        make, own = maker(call, options, scope)
        outcome = await change(
            call, lambda old, stored: narrow(call, make(old, stored), old), options=options, scope=own
        )
        return render.one(call, outcome.value)

    return {"get": get.serve, "patch": patch, "update": update}
