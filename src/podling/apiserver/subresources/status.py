"""`/status`: the half of an object that its controller writes."""

from __future__ import annotations

from podling.apiserver.call import Call, Serve
from podling.apiserver.change import STATUS
from podling.apiserver.request import Response
from podling.apiserver.verbs import get
from podling.apiserver.verbs import patch as patch_verb
from podling.apiserver.verbs import update as update_verb


async def update(call: Call) -> Response:
    return await update_verb.serve(call, STATUS)


async def patch(call: Call) -> Response:
    return await patch_verb.serve(call, STATUS)


VERBS: dict[str, Serve] = {"get": get.serve, "patch": patch, "update": update}
