"""Whether the user may: ``system:masters`` always, nodes as ``node`` says, everybody as RBAC says.

The first that allows decides; nobody denies.  The refusal is worded as upstream words it, because people and tools
read it.
"""

from __future__ import annotations

from typing import NamedTuple

from podling.api import errors
from podling.api.gotext import quote
from podling.apiserver.request import RequestInfo, UserInfo

from .node import NodeAuthorizer
from .rbac import ALLOWED, Rbac

MASTERS = "system:masters"


class Decision(NamedTuple):
    """An answer and, where there is more to say, the reason for it."""

    allowed: bool
    reason: str


class Authorizer:
    """The chain of authorizers.  ``rbac`` and ``nodes`` are kept up to date by their owner."""

    def __init__(self, rbac: Rbac, nodes: NodeAuthorizer) -> None:
        self.rbac = rbac
        self.nodes = nodes

    def allows(self, user: UserInfo, info: RequestInfo) -> bool:
        """Whether the user may do what ``info`` describes."""
        return MASTERS in user.groups or self.rbac.allows(user, info) or self.nodes.allows(user, info)

    def decide(self, user: UserInfo, info: RequestInfo) -> Decision:
        """As ``allows``, and why, as far as upstream would say."""
        allowed = self.allows(user, info)
        if MASTERS in user.groups:
            return Decision(allowed, "")
        because = self.rbac.reason(user, info)
        if allowed:
            return Decision(allowed, because if because.startswith(ALLOWED) else "")
        return Decision(allowed, "\n".join(filter(None, (self.nodes.reason(user, info), because))))

    def check(self, user: UserInfo, info: RequestInfo) -> None:
        """Return, or raise ``Forbidden`` with upstream's sentence."""
        if not self.allows(user, info):
            raise refusal(user, info, reason=self.decide(user, info).reason)


def refusal(user: UserInfo, info: RequestInfo, *, reason: str = "") -> errors.Forbidden:
    """`pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"`."""
    who, because = f"User {quote(user.name)}", f": {reason}" if reason else ""
    if not info.is_resource:
        return errors.Forbidden("", "", f"{who} cannot {info.verb} path {quote(info.path)}{because}")
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    where = f" in the namespace {quote(info.namespace)}" if info.namespace else " at the cluster scope"
    what = f"resource {quote(resource)} in API group {quote(info.group)}"
    target = f"{info.resource}.{info.group}" if info.group else info.resource
    return errors.Forbidden(target, info.name, f"{who} cannot {info.verb} {what}{where}{because}")
