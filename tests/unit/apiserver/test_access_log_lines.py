"""Lines of the access log, with the keys of upstream's httplog."""

from __future__ import annotations

import pytest

from podling.apiserver import accesslog
from podling.apiserver.request import Query, Request, UserInfo


def request(path="/api/v1/pods", query="", **more):
    return Request("GET", path, Query.parse(query), {"user-agent": 'me "1"'}, remote="10.0.0.7", **more)


def test_a_line_says_who_asked_what_and_how_it_went():
    asked = request(query="limit=500&labelSelector=a%3Db", audit_id="id-1", user=UserInfo("ann"))
    assert accesslog.line(asked, "LIST", 200, 0.0012045) == (
        '"HTTP" verb="LIST" URI="/api/v1/pods?limit=500&labelSelector=a%3Db" latency="1.2045ms" '
        'userAgent="me \\"1\\"" audit-ID="id-1" srcIP="10.0.0.7" user="ann" resp=200'
    )


def test_nobody_can_write_lines_of_his_own():
    line = accesslog.line(request(path="/a\nb", audit_id="x\ny"), "GET", 404, 1)
    assert "\n" not in line
    assert 'URI="/a%0Ab"' in line
    assert 'audit-ID="x\\ny"' in line


def test_what_a_client_makes_long_is_cut():
    line = accesslog.line(request(path="/" + "a" * 5000, audit_id="z" * 5000), "GET", 404, 1)
    assert len(line) < 1500
    assert f'audit-ID="{"z" * 64}"' in line


def test_a_session_has_no_status():
    assert accesslog.line(request(), "CONNECT", 101, 60).endswith(" hijacked=true")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.00000125, "1.25µs"),
        (0.0305, "30.5ms"),
        (2.5, "2.5s"),
        (90, "1m30s"),
        (1800, "30m0s"),
        (3661.5, "1h1m1.5s"),
    ],
)
def test_latencies_are_durations_of_go(seconds, words):
    assert accesslog.latency(seconds) == words
