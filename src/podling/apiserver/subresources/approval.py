"""`certificatesigningrequests/approval`: the approver writes conditions and nothing else."""

from __future__ import annotations

from podling.api import codec
from podling.api.object import Object
from podling.api.types import certificates_v1
from podling.apiserver import body, render
from podling.apiserver.call import Call, Serve
from podling.apiserver.change import STATUS, change
from podling.apiserver.options import write_options
from podling.apiserver.request import Response
from podling.apiserver.verbs import get
from podling.apiserver.verbs.patch import maker


async def update(call: Call) -> Response:
    options = write_options(call.request.query, "UpdateOptions")
    outcome = await change(
        call,
        lambda old, _: _only_conditions(body.read_object(call, options), old),
        options=options,
        scope=STATUS,
    )
    return render.one(call, outcome.value)


async def patch(call: Call) -> Response:
    options = write_options(call.request.query, "PatchOptions")
    make, scope = maker(call, options, STATUS)
    outcome = await change(
        call, lambda old, stored: _only_conditions(make(old, stored), old), options=options, scope=scope
    )
    return render.one(call, outcome.value)


def _only_conditions(new: Object, old: Object) -> Object:
    conditions = new.body.status.conditions if new.body.status is not None else None
    kept = codec.clone(old).body.status or certificates_v1.CertificateSigningRequestStatus()
    kept.conditions = conditions
    new.body.status = kept
    return new


VERBS: dict[str, Serve] = {"get": get.serve, "patch": patch, "update": update}
