"""`certificatesigningrequests/approval`: the approver writes conditions and nothing else."""

from __future__ import annotations

from podling.api import codec, times
from podling.api.object import Object
from podling.api.types import certificates_v1
from podling.apiserver import body, render
from podling.apiserver.call import Call, Serve
from podling.apiserver.change import APPROVAL, change
from podling.apiserver.options import write_options
from podling.apiserver.request import Response
from podling.apiserver.verbs import get
from podling.apiserver.verbs.patch import maker


async def update(call: Call) -> Response:
    options = write_options(call.request.query, "UpdateOptions")
    outcome = await change(
        call,
        lambda old, _: _decided(call, body.read_object(call, options), old),
        options=options,
        scope=APPROVAL,
    )
    return render.one(call, outcome.value)


async def patch(call: Call) -> Response:
    options = write_options(call.request.query, "PatchOptions")
    make, scope = maker(call, options, APPROVAL)
    outcome = await change(
        call, lambda old, stored: _decided(call, make(old, stored), old), options=options, scope=scope
    )
    return render.one(call, outcome.value)


def _decided(call: Call, new: Object, old: Object) -> Object:
    """The stored request with the new one's conditions, each of which says when it came."""
    conditions = (new.body.status.conditions if new.body.status is not None else None) or []
    kept = codec.clone(old).body.status or certificates_v1.CertificateSigningRequestStatus()
    before = {one.type: one for one in kept.conditions or ()}
    now = times.rfc3339(call.services.clock.now())
    for condition in conditions:
        condition.last_update_time = condition.last_update_time or now
        had = before.get(condition.type)
        if condition.last_transition_time is None and had is not None and had.status == condition.status:
            condition.last_transition_time = had.last_transition_time
        condition.last_transition_time = condition.last_transition_time or now
    kept.conditions = conditions or None
    new.body.status = kept
    return new


VERBS: dict[str, Serve] = {"get": get.serve, "patch": patch, "update": update}
