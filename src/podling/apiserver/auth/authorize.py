"""Whether the user may: ``system:masters`` always, nodes as ``node`` says, everybody as RBAC says.

The first that allows decides; nobody denies.  The refusal is worded as upstream words it, because people and tools
read it.
"""

from __future__ import annotations

from podling.api import errors
from podling.apiserver.request import RequestInfo, UserInfo

from .node import NodeAuthorizer
from .rbac import Rbac

MASTERS = "system:masters"


class Authorizer:
    """The chain of authorizers.  ``rbac`` and ``nodes`` are kept up to date by their owner."""

    def __init__(self, rbac: Rbac, nodes: NodeAuthorizer) -> None:
        self.rbac = rbac
        self.nodes = nodes

    def allows(self, user: UserInfo, info: RequestInfo) -> bool:
        """Whether the user may do what ``info`` describes."""
        return MASTERS in user.groups or self.rbac.allows(user, info) or self.nodes.allows(user, info)

    def check(self, user: UserInfo, info: RequestInfo) -> None:
        """Return, or raise ``Forbidden`` with upstream's sentence."""
        if not self.allows(user, info):
            raise refusal(user, info)


def refusal(user: UserInfo, info: RequestInfo) -> errors.Forbidden:
    """`pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"`."""
    if not info.is_resource:
        return errors.Forbidden("", "", f'User "{user.name}" cannot {info.verb} path "{info.path}"')
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    where = f' in the namespace "{info.namespace}"' if info.namespace else " at the cluster scope"
    why = f'User "{user.name}" cannot {info.verb} resource "{resource}" in API group "{info.group}"{where}'
    target = f"{info.resource}.{info.group}" if info.group else info.resource
    return errors.Forbidden(target, info.name, why)
