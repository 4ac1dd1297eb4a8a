"""Room for requests and the time that one may take."""

from __future__ import annotations

import pytest

from podling.api import errors
from podling.apiserver import limits
from podling.apiserver.request import Query, RequestInfo, UserInfo

EVE = UserInfo("eve", groups=("system:authenticated",))
ROOT = UserInfo("root", groups=("system:masters",))


def test_a_full_room_admits_nobody_but_masters():
    room = limits.Room("readOnly", 2)
    room.enter(0.0)
    assert room.admits(EVE)
    room.enter(0.0)
    assert not room.admits(EVE)
    assert room.admits(ROOT)
    room.leave()
    assert room.admits(EVE)


def test_a_limit_of_nothing_is_none():
    room = limits.Room("mutating", 0)
    for _ in range(1000):
        room.enter(0.0)
    assert room.admits(EVE)


def test_the_highest_is_that_of_the_last_seconds():
    room = limits.Room("readOnly", 100)
    for _ in range(5):
        room.enter(10.0)
    for _ in range(5):
        room.leave()
    assert room.highest(10.5) == 5
    assert room.highest(11.5) == 5, "the window before still counts"
    assert room.highest(14.0) == 0


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("", 60),
        ("timeout=", 60),
        ("timeout=10s", 10),
        ("timeout=1m30s", 60),
        ("timeout=1500ms", 1.5),
        ("timeout=0s", 60),
        ("timeout=-5s", 60),
        ("timeout=59.5s&timeout=1s", 59.5),
    ],
)
def test_a_request_may_ask_for_less_time_but_not_for_more(query, seconds):
    assert limits.seconds_for(Query.parse(query), 60) == seconds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", 'time: invalid duration "x"'),
        ("5", 'time: missing unit in duration "5"'),
        ("5 s", 'time: unknown unit " s" in duration "5 s"'),
    ],
)
def test_a_timeout_that_is_none_is_a_bad_request(text, why):
    with pytest.raises(errors.BadRequest) as caught:
        limits.seconds_for(Query({"timeout": (text,)}), 60)
    assert caught.value.message == f"invalid timeout specified in the request URL - {why}"


@pytest.mark.parametrize(
    ("info", "long"),
    [
        (RequestInfo("get", "/api/v1/pods/x", is_resource=True, resource="pods"), False),
        (RequestInfo("watch", "/api/v1/pods", is_resource=True, resource="pods"), True),
        (RequestInfo("create", "/x", is_resource=True, resource="pods", subresource="exec"), True),
        (RequestInfo("get", "/x", is_resource=True, resource="pods", subresource="log"), True),
        (RequestInfo("get", "/x", is_resource=True, resource="pods", subresource="status"), False),
        (RequestInfo("get", "/healthz"), False),
    ],
)
def test_watches_logs_and_sessions_are_long_running(info, long):
    assert limits.is_long_running(info) is long
