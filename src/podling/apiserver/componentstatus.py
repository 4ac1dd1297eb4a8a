"""GET and LIST of ComponentStatuses, deprecated since 1.19: how the parts are that this server can vouch for, which is its store alone.

Upstream asks scheduler and controller manager at fixed local ports besides; here they are clients like others, and `/healthz` tells of them.
Source: k8s.io/kubernetes/pkg/registry/core/componentstatus.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from podling.aio.service import State
from podling.api import errors, kinds
from podling.api.kinds import Kind
from podling.api.types import core_v1, meta_v1

from . import render
from .call import Call, Serve
from .request import Response

STORE = "etcd-0"
_encode = msgspec.json.Encoder().encode


def _store(call: Call) -> bytes:
    state = call.services.cache.state
    is_well = state is State.READY
    condition = core_v1.ComponentCondition(
        type="Healthy",
        status="True" if is_well else "False",
        message="ok" if is_well else f"the watch cache is {state.value}",
    )
    return _encode(core_v1.ComponentStatus(metadata=meta_v1.ObjectMeta(name=STORE), conditions=[condition]))


async def _list(call: Call) -> Response:
    return await render.many(call, [_store(call)], meta_v1.ListMeta())


async def _get(call: Call) -> Response:
    if call.info.name != STORE:
        raise errors.NotFound(kinds.COMPONENT_STATUS, call.info.name)
    return render.one(call, _store(call))


VERBS: Mapping[tuple[Kind, str], Serve] = {
    (kinds.COMPONENT_STATUS, "get"): _get,
    (kinds.COMPONENT_STATUS, "list"): _list,
}
