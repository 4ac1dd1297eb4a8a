"""Signs approved requests for the signers of kubernetes.io (upstream's csrsigning).

A request that breaks its signer's rules gets the condition Failed, which says which one.  Other signers' requests are theirs.
"""

from __future__ import annotations

import base64
import contextlib

from podling.api import codec, kinds, signing, times
from podling.api.errors import NotFound
from podling.controllers.reconcile import DONE, Context, Controller, Key, Outcome, Watch, own_key

from . import requests
from .authority import Authority
from .requests import APPROVED, DENIED, FAILED, Condition, Request

NAME = "certificatesigningrequest-signing-controller"
SIGNERS = frozenset({signing.API_SERVER_CLIENT, signing.KUBELET_CLIENT, signing.KUBELET_SERVING})
REASON = "SignerValidationFailure"


def waits(request: Request) -> bool:
    """Whether it is for us to sign, and not signed yet."""
    return (
        request.spec.signer_name in SIGNERS
        and requests.has(request, APPROVED)
        and not requests.has(request, DENIED, FAILED)
        and not requests.certificate(request)
    )


def answered(request: Request, authority: Authority, now: float) -> Request:
    """The request with its certificate, or with the reason why it gets none."""
    answer = codec.struct_clone(request)
    asked, usages = signing.parse(request.spec.request), request.spec.usages or []
    why = signing.fault(request.spec.signer_name, asked, usages)
    if why:
        stamp = times.rfc3339(now)
        failed = Condition(
            type=FAILED,
            status="True",
            reason=REASON,
            message=why,
            last_update_time=stamp,
            last_transition_time=stamp,
        )
        requests.with_condition(answer, failed)
    else:
        assert answer.status is not None
        pem = authority.sign(asked, usages, asked=request.spec.expiration_seconds, now=now)
        answer.status.certificate = base64.b64encode(pem).decode()
    return answer


def controller(context: Context) -> Controller:
    """Without a key in the settings it signs nothing, as upstream's without its files."""
    settings = context.settings
    watch = Watch(kind=kinds.CERTIFICATE_SIGNING_REQUEST, keys=own_key)
    known = watch.informer(context.informers)
    writes = context.clients(NAME).resource(Request)
    authority = (
        Authority(settings.root_ca.encode(), settings.signing_key, limit=settings.signing_seconds)
        if settings.signing_key
        else None
    )

    async def reconcile(key: Key) -> Outcome:
        request = known.get("", key.name)
        if authority is not None and request is not None and waits(request):
            with contextlib.suppress(NotFound):
                await writes.update(answered(request, authority, context.clock.now()), subresource="status")
        return DONE

    return Controller(name=NAME, watches=(watch,), reconcile=reconcile)
