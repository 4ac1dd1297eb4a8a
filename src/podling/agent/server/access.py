"""Who may use the endpoints: the API server and administrators by their certificates, anybody else as the API server says.

The TLS layer has verified the certificate against the cluster's authority; here only its subject is looked at. Whoever shows
a bearer token is who TokenReview says, and may do what SubjectAccessReview allows on the node's subresources, as at
upstream's kubelet (`--authentication-token-webhook`, `--authorization-mode=Webhook`, KubeletFineGrainedAuthz): so a monitor
with `nodes/metrics` reads metrics, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from podling.aio.clock import Clock
from podling.api.errors import ApiError
from podling.api.types import authentication_v1, authorization_v1
from podling.client.client import Client
from podling.client.errors import ClientError

API_SERVER_NAMES = ("kube-apiserver-kubelet-client", "system:kube-apiserver")
ADMINISTRATORS = "system:masters"
ANONYMOUS = "system:anonymous"
ALLOWED_SECONDS, REFUSED_SECONDS = 300.0, 30.0
"""How long an answer of the API server holds (the kubelet's webhook cache TTLs)."""
REMEMBERED = 1000

_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_SUBRESOURCES = {
    "checkpoint": ("checkpoint",),
    "configz": ("configz", "proxy"),
    "healthz": ("healthz", "proxy"),
    "logs": ("log",),
    "metrics": ("metrics",),
    "pods": ("pods", "proxy"),
    "runningpods": ("pods", "proxy"),
    "stats": ("stats",),
}
"""What a path is to the API, by its first segment: any one of these suffices. All other paths are `proxy`."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The subject of the client's certificate; both empty without one."""

    name: str = ""
    groups: tuple[str, ...] = ()


class Visitor(NamedTuple):
    """Who asks: by certificate, by bearer token ("" without one), or nobody."""

    peer: Peer
    token: str = ""


class Refusal(NamedTuple):
    """Why somebody is turned away: HTTP status and words."""

    code: int
    words: str


Authorize = Callable[[Visitor, str, str], Awaitable[Refusal | None]]
"""Whether this visitor may use this method on this path; None: yes."""


async def administrators_only(visitor: Visitor, method: str, path: str) -> Refusal | None:
    """Certificates alone count."""
    return None if _is_trusted(visitor.peer) else forbidden(visitor.peer.name, method, path)


class Delegated:
    """Asks the API server in the node's own name about whom it does not know, and remembers the answers for a while."""

    def __init__(self, client: Client, *, node: str, clock: Clock) -> None:
        self._tokens = client.resource(authentication_v1.TokenReview)
        self._access = client.resource(authorization_v1.SubjectAccessReview)
        self._node = node
        self._clock = clock
        self._known: dict[tuple[str, ...], tuple[float, Any]] = {}

    async def __call__(self, visitor: Visitor, method: str, path: str) -> Refusal | None:
        if _is_trusted(visitor.peer):
            return None
        try:
            user = await self._user(visitor)
            if user is None:
                return Refusal(401, "Unauthorized")
            for subresource in subresources(path):
                if await self._allows(user, _VERBS.get(method, ""), subresource):
                    return None
        except (ApiError, ClientError) as error:
            return Refusal(500, f"Authorization error: {error}")
        return forbidden(user.username or ANONYMOUS, method, path)

    async def _user(self, visitor: Visitor) -> authentication_v1.UserInfo | None:
        if visitor.peer.name:
            return authentication_v1.UserInfo(username=visitor.peer.name, groups=list(visitor.peer.groups))
        if not visitor.token:
            return None
        key = ("token", hashlib.sha256(visitor.token.encode()).hexdigest())
        found: authentication_v1.UserInfo | None
        known, found = self._recall(key)
        if not known:
            spec = authentication_v1.TokenReviewSpec(token=visitor.token)
            status = (await self._tokens.create(authentication_v1.TokenReview(spec=spec))).status
            found = status.user if status is not None and status.authenticated else None
            self._remember(key, found)
        return found

    async def _allows(self, user: authentication_v1.UserInfo, verb: str, subresource: str) -> bool:
        name, groups = user.username or "", user.groups or []
        key = ("access", name, *groups, verb, subresource)
        known, found = self._recall(key)
        if not known:
            asked = authorization_v1.ResourceAttributes(
                verb=verb, version="v1", resource="nodes", subresource=subresource, name=self._node
            )
            spec = authorization_v1.SubjectAccessReviewSpec(
                user=name, groups=groups or None, uid=user.uid, extra=user.extra, resource_attributes=asked
            )
            review = authorization_v1.SubjectAccessReview(spec=spec)
            status = (await self._access.create(review)).status
            found = status is not None and status.allowed
            self._remember(key, found)
        return bool(found)

    def _recall(self, key: tuple[str, ...]) -> tuple[bool, Any]:
        until, answer = self._known.get(key, (0.0, None))
        return self._clock.now() < until, answer

    def _remember(self, key: tuple[str, ...], answer: Any) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        seconds = ALLOWED_SECONDS if answer else REFUSED_SECONDS
        self._known[key] = (self._clock.now() + seconds, answer)


def subresources(path: str) -> tuple[str, ...]:
    """Of the node, for any of which somebody may be allowed this path."""
    return _SUBRESOURCES.get(path.strip("/").partition("/")[0], ("proxy",))


def forbidden(name: str, method: str, path: str) -> Refusal:
    """In the kubelet's words."""
    listed = " ".join(subresources(path))
    verb = _VERBS.get(method, "")
    return Refusal(
        403, f"Forbidden (user={name or ANONYMOUS}, verb={verb}, resource=nodes, subresource(s)=[{listed}])\n"
    )


def _is_trusted(peer: Peer) -> bool:
    return peer.name in API_SERVER_NAMES or ADMINISTRATORS in peer.groups


def peer_of(certificate: Mapping[str, Any] | None) -> Peer:
    """From what ``ssl`` says of a verified certificate."""
    if not certificate:
        return Peer()
    name, groups = "", []
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                name = value
            elif key == "organizationName":
                groups.append(value)
    return Peer(name, tuple(groups))
