"""`serviceaccounts/token`: a token for an account, for as long and for whom the request says.

Bound to a Pod, Secret or Node it dies with that object; a Pod's token also names the Pod's node.
"""

from __future__ import annotations

import uuid
from typing import Any

from podling.api import errors, field, kinds, times
from podling.api.kinds import Kind
from podling.api.types import authentication_v1, core_v1, meta_v1
from podling.apiserver import body, render
from podling.apiserver.admission import Operation
from podling.apiserver.auth.tokens import Claims, Reference
from podling.apiserver.call import Call, Serve
from podling.apiserver.options import write_options
from podling.apiserver.request import Response

MIN_SECONDS = 600
MAX_SECONDS = 1 << 32
DEFAULT_SECONDS = 3600
SPEC = field.Path("spec")
_BINDABLE: dict[tuple[str, str], Kind] = {
    ("v1", "Pod"): kinds.POD,
    ("v1", "Secret"): kinds.SECRET,
    ("v1", "Node"): kinds.NODE,
}


async def create(call: Call) -> Response:
    if not call.services.tokens.can_sign:
        raise errors.NoSuchResource
    options = write_options(call.request.query, "CreateOptions")
    given = body.read_object(call, options, kind=kinds.TOKEN_REQUEST)
    request: authentication_v1.TokenRequest = given.body
    spec = request.spec = request.spec or authentication_v1.TokenRequestSpec()
    _check(spec)
    review = call.review(Operation.CREATE, obj=given, kind=kinds.TOKEN_REQUEST, is_dry_run=options.dry_run)
    await call.services.admission.admit(review)
    account = _read(call, kinds.SERVICE_ACCOUNT, call.info.name)
    if account is None:
        raise errors.NotFound(kinds.SERVICE_ACCOUNT, call.info.name)
    bound, node = _bound(call, spec.bound_object_ref, account)
    _answer(call, request, spec, account.metadata, bound=bound, node=node)
    return render.struct(call, request, status=201)


def _answer(
    call: Call,
    request: authentication_v1.TokenRequest,
    spec: authentication_v1.TokenRequestSpec,
    account: meta_v1.ObjectMeta,
    *,
    bound: Reference | None,
    node: Reference | None,
) -> None:
    services, now = call.services, call.services.clock.now()
    seconds = spec.expiration_seconds or DEFAULT_SECONDS
    audiences = tuple(spec.audiences or ()) or services.tokens.audiences
    claims = Claims(
        namespace=call.namespace,
        account=Reference(kind="ServiceAccount", name=account.name or "", uid=account.uid or ""),
        audiences=audiences,
        expires=int(now) + seconds,
        id=str(uuid.UUID(int=services.chance.getrandbits(128), version=4)),
        bound=bound,
        node=node,
    )
    spec.audiences = list(audiences)
    spec.expiration_seconds = seconds
    request.metadata = meta_v1.ObjectMeta(
        name=account.name, namespace=account.namespace, creation_timestamp=services.now()
    )
    request.status = authentication_v1.TokenRequestStatus(
        token=services.tokens.issue(claims, now=now), expiration_timestamp=times.rfc3339(claims.expires)
    )


def _check(spec: authentication_v1.TokenRequestSpec) -> None:
    seconds, path = spec.expiration_seconds, SPEC / "expirationSeconds"
    faults = []
    if seconds is not None and seconds < MIN_SECONDS:
        faults.append(field.invalid(path, seconds, "may not specify a duration less than 10 minutes"))
    if seconds is not None and seconds > MAX_SECONDS:
        faults.append(field.invalid(path, seconds, "may not specify a duration larger than 2^32 seconds"))
    if faults:
        raise errors.Invalid(kinds.TOKEN_REQUEST, "", faults)


def _bound(
    call: Call, ref: authentication_v1.BoundObjectReference | None, account: core_v1.ServiceAccount
) -> tuple[Reference | None, Reference | None]:
    """What the token is bound to, checked against what is stored, and the node of a Pod."""
    if ref is None:
        return None, None
    kind = _BINDABLE.get((ref.api_version or "", ref.kind or ""))
    if kind is None:
        raise errors.BadRequest(f"cannot bind token to object of type {ref.api_version}, Kind={ref.kind}")
    found = _read(call, kind, ref.name or "")
    if found is None:
        raise errors.NotFound(kind, ref.name or "")
    uid = found.metadata.uid or ""
    if ref.uid and ref.uid != uid:
        why = f"the UID in the bound object reference ({ref.uid}) does not match the UID in record. The object might have been deleted and then recreated"
        raise errors.Conflict(kind, ref.name or "", why)
    bound = Reference(kind=kind.kind, name=ref.name or "", uid=uid)
    if kind is not kinds.POD:
        return bound, None
    spec = found.spec or core_v1.PodSpec()
    if spec.service_account_name != account.metadata.name:
        why = f"cannot bind token for serviceaccount {_quoted(account.metadata.name)} to pod running with different serviceaccount name."
        raise errors.BadRequest(why)
    if not spec.node_name:
        return bound, None
    node = _read(call, kinds.NODE, spec.node_name)
    node_uid = node.metadata.uid or "" if node is not None else ""
    return bound, Reference(kind="Node", name=spec.node_name, uid=node_uid)


def _read(call: Call, kind: Kind, name: str) -> Any:
    """The body of a stored object in the account's namespace, None if there is none."""
    return call.services.world.read(kind, call.namespace if kind.namespaced else "", name)


def _quoted(name: str | None) -> str:
    return f'"{name}"'


VERBS: dict[str, Serve] = {"create": create}
