"""Acting as somebody else: only as whom one may, in everything that is claimed."""

import pytest

from podling.api import errors
from podling.apiserver.auth.impersonate import impersonated
from podling.apiserver.request import RequestInfo, UserInfo

EVE = UserInfo("eve", groups=("system:authenticated",))
BOT = "system:serviceaccount:a:bot"


def allowing(*allowed: tuple[str, str]):
    """A check that lets `eve` impersonate these (resource, name) pairs."""

    def check(user: UserInfo, info: RequestInfo) -> None:
        assert (user, info.verb) == (EVE, "impersonate")
        if (info.resource, info.name) not in allowed:
            raise errors.Forbidden(info.resource, info.name, "no")

    return check


def test_without_headers_one_is_oneself():
    assert impersonated(EVE, {}, allowing()) is EVE


def test_a_service_account_comes_with_its_groups():
    seen = impersonated(EVE, {"impersonate-user": BOT}, allowing(("serviceaccounts", "bot")))
    assert seen.groups == ("system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated")


@pytest.mark.parametrize("user", [BOT, "ann"])
def test_each_group_must_be_allowed_whoever_is_impersonated(user):
    headers = {"impersonate-user": user, "impersonate-group": "dev,system:masters"}
    allowed = [("serviceaccounts", "bot"), ("users", "ann"), ("groups", "dev")]
    with pytest.raises(errors.Forbidden, match="system:masters"):
        impersonated(EVE, headers, allowing(*allowed))
    seen = impersonated(EVE, headers, allowing(*allowed, ("groups", "system:masters")))
    assert seen.groups == ("dev", "system:masters", "system:authenticated")


def test_uid_and_extra_must_be_allowed_too():
    headers = {"impersonate-user": "ann", "impersonate-uid": "7", "impersonate-extra-scopes": "view"}
    with pytest.raises(errors.Forbidden):
        impersonated(EVE, headers, allowing(("users", "ann"), ("uids", "7")))
    seen = impersonated(EVE, headers, allowing(("users", "ann"), ("uids", "7"), ("userextras", "view")))
    assert (seen.uid, seen.extra) == ("7", {"scopes": ("view",)})


def test_anonymous_is_not_authenticated():
    seen = impersonated(
        EVE, {"impersonate-user": "system:anonymous"}, allowing(("users", "system:anonymous"))
    )
    assert seen.groups == ("system:unauthenticated",)


def test_groups_without_a_user_are_refused():
    with pytest.raises(errors.BadRequest):
        impersonated(EVE, {"impersonate-group": "dev"}, allowing(("groups", "dev")))
