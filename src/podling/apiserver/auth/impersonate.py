"""Acting as somebody else: the ``Impersonate-*`` headers (``kubectl --as``), each allowed by RBAC's ``impersonate``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import unquote

from podling.api import errors
from podling.apiserver.request import RequestInfo, UserInfo

from .authenticate import ANONYMOUS, AUTHENTICATED
from .rbac import ACCOUNT_PREFIX
from .tokens import account_groups

EXTRA = "impersonate-extra-"
UNAUTHENTICATED = "system:unauthenticated"
Check = Callable[[UserInfo, RequestInfo], None]
"""Raises ``Forbidden`` unless the user may."""


def impersonated(user: UserInfo, headers: Mapping[str, str], check: Check) -> UserInfo:
    """Whom the request is to be served as: the user, or the one that the headers name."""
    name = headers.get("impersonate-user", "")
    groups = tuple(part.strip() for part in headers.get("impersonate-group", "").split(",") if part.strip())
    extra = {
        unquote(key.removeprefix(EXTRA)): tuple(part.strip() for part in value.split(","))
        for key, value in headers.items()
        if key.startswith(EXTRA)
    }
    uid = headers.get("impersonate-uid", "")
    if not name:
        if groups or extra or uid:
            raise errors.BadRequest("requested impersonation of groups, uid or extra without a user")
        return user
    account = name.split(":")[2:] if name.startswith(ACCOUNT_PREFIX) else []
    if len(account) == 2:
        check(user, _asked("", "serviceaccounts", account[1], namespace=account[0]))
    else:
        check(user, _asked("", "users", name))
    for group in groups:
        check(user, _asked("", "groups", group))
    for key, values in extra.items():
        for value in values:
            check(user, _asked("authentication.k8s.io", "userextras", value, subresource=key))
    if uid:
        check(user, _asked("authentication.k8s.io", "uids", uid))
    if len(account) == 2 and not groups:
        groups = account_groups(account[0])
    return UserInfo(name, uid=uid, groups=_completed(name, groups), extra=extra)


def _completed(name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    """With the group that everybody is in who has, or has not, shown a credential."""
    if AUTHENTICATED in groups or UNAUTHENTICATED in groups:
        return groups
    return (*groups, UNAUTHENTICATED if name == ANONYMOUS.name else AUTHENTICATED)


def _asked(
    group: str, resource: str, name: str, *, namespace: str = "", subresource: str = ""
) -> RequestInfo:
    return RequestInfo(
        verb="impersonate",
        path="",
        is_resource=True,
        group=group,
        version="v1",
        namespace=namespace,
        resource=resource,
        subresource=subresource,
        name=name,
    )
