"""What hangs below an object: `/status`, `/scale`, `/log` and the like, one a module.

Which kinds have which is said by the table of kinds; this table says what serves them.  What Kubernetes has and this
server does not yet serve is answered with 501 and a sentence, not with a shrug.
"""

from __future__ import annotations

from podling.api import errors
from podling.apiserver.call import Call, Serve
from podling.apiserver.request import Response

from . import (
    approval,
    attach,
    binding,
    ephemeral_containers,
    eviction,
    exec,
    finalize,
    log,
    portforward,
    proxy,
    resize,
    scale,
    status,
    token,
)

SUBRESOURCES: dict[str, dict[str, Serve]] = {
    "approval": approval.VERBS,
    "attach": attach.VERBS,
    "binding": binding.VERBS,
    "ephemeralcontainers": ephemeral_containers.VERBS,
    "eviction": eviction.VERBS,
    "exec": exec.VERBS,
    "finalize": finalize.VERBS,
    "log": log.VERBS,
    "portforward": portforward.VERBS,
    "proxy": proxy.VERBS,
    "resize": resize.VERBS,
    "scale": scale.VERBS,
    "status": status.VERBS,
    "token": token.VERBS,
}


class NotServed(errors.ApiError):
    """Kubernetes has it, this server does not have it yet."""

    code = 501
    reason = "NotImplemented"


async def refuse(call: Call) -> Response:
    """The answer of subresources that are known but not served."""
    what = f"{call.resource.kind.resource}/{call.info.subresource}"
    raise NotServed(f"{what} is not served by this version of Podling")
