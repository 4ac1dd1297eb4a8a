"""Removes requests that have had their answer, and those that nobody answers (upstream's csrcleaner).

An hour after approval or denial, a day after nobody decided, and at once when the certificate has ended.
"""

from __future__ import annotations

import base64
import contextlib

from podling.api import kinds, times
from podling.api.errors import Conflict, NotFound
from podling.controllers.reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key

from . import requests
from .requests import APPROVED, DENIED, Request

NAME = "certificatesigningrequest-cleaner-controller"
ANSWERED_SECONDS = 3600.0
PENDING_SECONDS = 24 * 3600.0


def ends(request: Request) -> float | None:
    """When it is to go (epoch seconds); None while it waits for its signer."""
    conditions = requests.conditions(request)
    if not conditions:
        return _at(request.metadata.creation_timestamp, PENDING_SECONDS)
    issued = requests.certificate(request)
    found = []
    for condition in conditions:
        if condition.type == DENIED or (condition.type == APPROVED and issued):
            found.append(_at(condition.last_update_time, ANSWERED_SECONDS))
    if issued and requests.has(request, APPROVED):
        found.append(_expires(issued))
    return min((one for one in found if one is not None), default=None)


def _at(stamp: str | None, seconds: float) -> float | None:
    return times.parse(stamp) + seconds if stamp else None


def _expires(certificate: str) -> float:
    from cryptography import x509

    return x509.load_pem_x509_certificate(base64.b64decode(certificate)).not_valid_after_utc.timestamp()


def controller(context: Context) -> Controller:
    watch = Watch(kind=kinds.CERTIFICATE_SIGNING_REQUEST, keys=own_key)
    known = watch.informer(context.informers)
    writes = context.clients(NAME).resource(Request)

    async def reconcile(key: Key) -> Outcome:
        request = known.get("", key.name)
        end = ends(request) if request is not None else None
        if request is None or end is None:
            return DONE
        left = end - context.clock.now()
        if left > 0:
            return Again(left)
        meta = request.metadata
        with contextlib.suppress(NotFound, Conflict):
            await writes.delete(key.name, uid=meta.uid, resource_version=meta.resource_version)
        return DONE

    return Controller(name=NAME, watches=(watch,), reconcile=reconcile)
