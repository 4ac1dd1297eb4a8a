"""Approves what nodes ask for themselves, where they may (upstream's csrapproving; API reference: TLS bootstrapping).

Who may is asked of the API server: the right to create `certificatesigningrequests/selfnodeclient` (a node renews its own certificate) or
`.../nodeclient` (a joining node gets its first).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from podling.api import codec, kinds, signing
from podling.api.errors import NotFound
from podling.api.types import authorization_v1
from podling.client.client import Client
from podling.controllers.reconcile import DONE, Context, Controller, Key, Outcome, Watch, own_key

from . import requests
from .requests import APPROVED, DENIED, Condition, Request

NAME = "certificatesigningrequest-approving-controller"
REASON = "AutoApproved"
_APPROVING = "Auto approving {}kubelet client certificate after SubjectAccessReview."


def rights(request: Request) -> Iterator[tuple[str, str]]:
    """The rights of which one is enough, each with what the approval then says; none: it is for others to decide."""
    if request.spec.signer_name != signing.KUBELET_CLIENT or requests.certificate(request):
        return
    if requests.has(request, APPROVED, DENIED):
        return
    asked = signing.parse(request.spec.request)
    if signing.fault(signing.KUBELET_CLIENT, asked, request.spec.usages or []):
        return
    if request.spec.username == signing.common_name(asked):
        yield "selfnodeclient", _APPROVING.format("self ")
    yield "nodeclient", _APPROVING.format("")


def review_of(request: Request, subresource: str) -> authorization_v1.SubjectAccessReview:
    """The question whether whoever asked has a right."""
    spec = request.spec
    attributes = authorization_v1.ResourceAttributes(
        group=kinds.CERTIFICATE_SIGNING_REQUEST.group,
        resource=kinds.CERTIFICATE_SIGNING_REQUEST.plural,
        verb="create",
        subresource=subresource,
    )
    return authorization_v1.SubjectAccessReview(
        spec=authorization_v1.SubjectAccessReviewSpec(
            user=spec.username,
            uid=spec.uid,
            groups=spec.groups,
            extra=spec.extra,
            resource_attributes=attributes,
        )
    )


class Approver:
    def __init__(self, client: Client) -> None:
        self._requests = client.resource(Request)
        self._reviews = client.resource(authorization_v1.SubjectAccessReview)

    async def approve(self, request: Request) -> None:
        """Approve the request if whoever made it has the right; leave it alone otherwise."""
        for subresource, message in rights(request):
            found = await self._reviews.create(review_of(request, subresource))
            if found.status is not None and found.status.allowed:
                approved = codec.struct_clone(request)
                condition = Condition(type=APPROVED, status="True", reason=REASON, message=message)
                requests.with_condition(approved, condition)
                with contextlib.suppress(NotFound):
                    await self._requests.update(approved, subresource="approval")
                return


def controller(context: Context) -> Controller:
    watch = Watch(kind=kinds.CERTIFICATE_SIGNING_REQUEST, keys=own_key)
    known = watch.informer(context.informers)
    approver = Approver(context.clients(NAME))

    async def reconcile(key: Key) -> Outcome:
        request = known.get("", key.name)
        if request is not None:
            await approver.approve(request)
        return DONE

    return Controller(name=NAME, watches=(watch,), reconcile=reconcile)
