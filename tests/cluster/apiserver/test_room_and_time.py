"""What happens when requests are too many or take too long, and what the access log says of all. Source: upstream's filters maxinflight.go, timeout.go and
request_deadline.go, and test/e2e/apimachinery/request_timeout.go."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid

import pytest

from podling.apiserver.request import UserInfo
from podling.testing.virtualtime import virtual

CONFIGS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/new/pods"
READERS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
EVE = UserInfo("eve", groups=("system:authenticated",))


async def let_in(api, user):
    """Give a user the rights of an administrator without being one of the masters."""
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user.name}
    await api.make(READERS, {"metadata": {"name": user.name}, "roleRef": ref, "subjects": [subject]})
    return api.by(user)


async def held(api, count, start):
    """`count` requests that wait for something."""
    tasks = [asyncio.ensure_future(start(api)) for _ in range(count)]
    await asyncio.sleep(0.01)
    return tasks


async def ended(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def reading(api):
    """Waits for a revision that never comes."""
    return api.get(CONFIGS, resourceVersion="100000")


def writing(api, **more):
    """Waits for a ServiceAccount that nobody makes."""
    spec = {"containers": [{"name": "main", "image": "busybox"}]}
    return api.post(PODS, {"metadata": {"generateName": "a"}, "spec": spec}, **more)


@virtual
@pytest.mark.parametrize(
    ("busy", "other"), [(reading, "GET"), (writing, "POST")], ids=["reads are full", "writes are full"]
)
async def test_one_more_than_there_is_room_for_is_429_in_plain_words(world, busy, other):
    async with world(fairness=False, max_reads_in_flight=3, max_writes_in_flight=2) as api:
        eve = await let_in(api, EVE)
        await api.make("/api/v1/namespaces", {"metadata": {"name": "new"}})
        tasks = await held(eve, 3 if busy is reading else 2, busy)
        refused = await eve.send(other, CONFIGS, {"metadata": {"name": "b"}} if other == "POST" else None)
        assert refused.status == 429
        assert refused.body == b"Too many requests, please try again later.\n"
        assert refused.content_type.startswith("text/plain")
        assert refused.headers["Retry-After"] == "1"
        free = await (eve.post(CONFIGS, {"metadata": {"name": "c"}}) if busy is reading else eve.get(CONFIGS))
        assert free.status in (200, 201), "the other kind has room of its own"
        assert (await api.get(CONFIGS)).status == 200, "masters are never turned away"
        await (await eve.watch(CONFIGS)).close()
        await ended(tasks)
        again = await eve.send(other, CONFIGS, {"metadata": {"name": "b"}} if other == "POST" else None)
        assert again.status in (200, 201)


@virtual
async def test_a_read_that_takes_too_long_is_504(world):
    async with world(request_seconds=2) as api:
        answer = await reading(api)
    assert (answer.status, answer.json["reason"]) == (504, "Timeout")
    assert answer.message == "Timeout: request did not complete within the allotted timeout"


@virtual
async def test_a_write_that_takes_too_long_is_504_and_may_not_have_happened(world):
    async with world() as api:
        await api.make("/api/v1/namespaces", {"metadata": {"name": "new"}})
        answer = await writing(api, timeout="10ms")
        assert (answer.status, answer.json["reason"]) == (504, "Timeout")
        assert answer.message == (
            "Timeout: request did not complete within requested timeout - context deadline exceeded"
        )


@virtual
async def test_who_asks_for_less_time_gets_less(world):
    async with world() as api:
        started = asyncio.get_running_loop().time()
        assert (await api.get(CONFIGS, resourceVersion="100000", timeout="1s")).status == 504
        assert asyncio.get_running_loop().time() - started == pytest.approx(1)


async def test_a_timeout_that_cannot_be_read_is_400(api):
    answer = await api.get(CONFIGS, timeout="invalid")
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert answer.message == 'invalid timeout specified in the request URL - time: invalid duration "invalid"'


@virtual
async def test_watches_know_no_timeout_but_their_own(world):
    async with world(request_seconds=1, watch_seconds=100) as api:
        started = asyncio.get_running_loop().time()
        stream = await api.watch(CONFIGS, timeout="invalid", resourceVersion="1000")
        assert await stream.rest() == []
        lasted = asyncio.get_running_loop().time() - started
    assert 100 <= lasted < 200


@virtual
async def test_a_watch_from_a_revision_to_come_is_silent_until_then(world):
    """cacher.go: what is not above the revision asked for is not sent; only initial events wait for it."""
    async with world() as api:
        now = int((await api.make(CONFIGS, {"metadata": {"name": "a"}}))["metadata"]["resourceVersion"])
        stream = await api.watch(CONFIGS, resourceVersion=str(now + 2))
        await asyncio.sleep(30)
        for name in ("b", "c", "d", "e"):
            await api.make(CONFIGS, {"metadata": {"name": name}})
        assert await stream.names(2) == ["ADDED d", "ADDED e"]


@virtual
async def test_initial_events_of_a_state_to_come_are_refused_after_a_while(world):
    async with world() as api:
        stream = await api.watch(
            CONFIGS,
            resourceVersion="100000",
            sendInitialEvents="true",
            resourceVersionMatch="NotOlderThan",
            allowWatchBookmarks="true",
        )
        kind, status = await stream.next()
        assert (kind, status["code"]) == ("ERROR", 504)
        assert status["message"].startswith("Timeout: Too large resource version: 100000, current: ")
        assert status["details"]["retryAfterSeconds"] == 1
        assert status["details"]["causes"] == [
            {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        ]


@virtual
async def test_those_who_wait_for_the_future_and_leave_are_forgotten(world):
    async with world() as api:
        for _ in range(50):
            await api.get(CONFIGS, resourceVersion="100000", timeout="1ms")
        assert not api.server.cache._waiters


async def test_a_server_that_closes_ends_watches_of_the_future(api):
    stream = await api.watch(CONFIGS, resourceVersion="100000")
    waiting = asyncio.ensure_future(stream.rest())
    await asyncio.sleep(0)
    await api.server.close()
    assert await asyncio.wait_for(waiting, 5) == []


async def test_every_request_is_logged_where_that_is_asked_for(world, caplog):
    async with world(access_log=True) as api:
        with caplog.at_level(logging.INFO, "podling.apiserver.access"):
            caplog.clear()
            answer = await api.by(EVE).call("GET", f"{CONFIGS}?limit=5", headers={"audit-id": "my-own"})
            stream = await api.watch(CONFIGS)
            lines = [record.getMessage() for record in caplog.records]
            await stream.close()
            last = caplog.records[-1].getMessage()
    assert answer.headers["Audit-Id"] == "my-own"
    (line,) = lines
    assert re.fullmatch(
        rf'"HTTP" verb="LIST" URI="{CONFIGS}\?limit=5" latency="[0-9.]+[µm]s" userAgent="test/1.0" '
        r'audit-ID="my-own" srcIP="" user="eve" resp=403',
        line,
    )
    assert last.startswith('"HTTP" verb="WATCH"'), "a watch is logged when it ends"


async def test_usually_only_what_fails_or_is_slow_is_logged(api, caplog):
    with caplog.at_level(logging.INFO, "podling.apiserver.access"):
        caplog.clear()
        await api.get(CONFIGS)
        await api.get(f"{CONFIGS}/none")
    assert not caplog.records


async def test_a_request_without_a_name_gets_a_uuid(api):
    names = {(await api.get(CONFIGS)).headers["Audit-Id"] for _ in range(5)}
    assert len(names) == 5
    for name in names:
        assert uuid.UUID(name).version == 4
        assert str(uuid.UUID(name)) == name
