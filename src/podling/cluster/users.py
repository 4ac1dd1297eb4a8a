"""Whom the parts of a cluster are to the API server: the users that upstream's components have."""

from __future__ import annotations

from podling.apiserver.request import UserInfo

AUTHENTICATED = "system:authenticated"

CONTROLLERS = UserInfo("system:kube-controller-manager", groups=(AUTHENTICATED,))
SCHEDULER = UserInfo("system:kube-scheduler", groups=(AUTHENTICATED,))


def node(name: str) -> UserInfo:
    """The agent of one node."""
    return UserInfo(f"system:node:{name}", groups=("system:nodes", AUTHENTICATED))
