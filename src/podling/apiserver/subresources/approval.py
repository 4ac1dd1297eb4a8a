"""`certificatesigningrequests/approval`: the approver writes conditions and nothing else."""

from __future__ import annotations

from podling.api import codec, times
from podling.api.object import Object
from podling.api.types import certificates_v1
from podling.apiserver.call import Call
from podling.apiserver.change import APPROVAL

from . import partial


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


VERBS = partial.verbs(APPROVAL, _decided)
