"""A watch goes on where it was, whatever happens to the connection."""

import asyncio
import contextlib
from random import Random

import pytest

from podling.api import errors
from podling.api.types import core_v1
from podling.client import Client, ConnectionFault
from podling.client.watch import Follow, Selection
from podling.testing.scripted import ScriptedTransport
from podling.testing.virtualtime import virtual

EXPIRED = b'{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"too old"}}\n'


def line(type, revision, name="web"):
    return b'{"type":"%b","object":{"metadata":{"name":"%b","resourceVersion":"%d"}}}\n' % (
        type.encode(),
        name.encode(),
        revision,
    )


def following(revision="1"):
    transport = ScriptedTransport()
    resource = Client(transport).resource(core_v1.Pod)
    selection = Selection("default", field_selector="spec.nodeName=n1")
    return transport, Follow(resource, selection, resource_version=revision, random=Random(1))


def asked_from(request):
    return dict(request.query)["resourceVersion"]


@virtual
async def test_what_arrives_together_comes_together_and_lines_may_be_cut():
    transport, follow = following()
    stream = transport.stream()
    whole = line("ADDED", 2) + line("MODIFIED", 3)
    stream.send(whole[:30])
    stream.send(whole[30:])
    batch = await follow.next()
    assert [(event.type, event.resource_version) for event in batch] == [("ADDED", "2"), ("MODIFIED", "3")]
    query = dict(transport.requests[0].query)
    assert query["fieldSelector"] == "spec.nodeName=n1"
    assert query["allowWatchBookmarks"] == "true"
    assert 300 <= int(query["timeoutSeconds"]) <= 600
    await follow.aclose()
    assert stream.closed


@virtual
async def test_a_broken_connection_is_resumed_after_the_last_event():
    transport, follow = following()
    first = transport.stream()
    first.send(line("ADDED", 2))
    first.break_off()
    await follow.next()
    transport.refuse_connection()
    transport.refuse_connection()
    transport.stream().send(line("DELETED", 3))
    assert [event.type for event in await follow.next()] == ["DELETED"]
    assert [asked_from(request) for request in transport.requests] == ["1", "2", "2", "2"]
    assert follow.reconnects == 3
    await follow.aclose()


@virtual
async def test_a_bookmark_moves_the_place_to_resume_from():
    transport, follow = following()
    first = transport.stream()
    first.send(line("BOOKMARK", 40))
    first.end()
    await follow.next()
    transport.stream().send(line("ADDED", 41))
    await follow.next()
    assert asked_from(transport.requests[1]) == "40"
    await follow.aclose()


@virtual
async def test_a_revision_that_is_gone_is_told():
    transport, follow = following()
    transport.stream().send(line("ADDED", 2) + EXPIRED)
    assert len(await follow.next()) == 1
    with pytest.raises(errors.Expired, match="too old"):
        await follow.next()


@virtual
async def test_a_refusal_that_will_not_heal_is_told_at_once():
    transport, follow = following()
    transport.answer(b'{"kind":"Status","status":"Failure","reason":"Forbidden","code":403}', status=403)
    with pytest.raises(errors.Forbidden):
        await follow.next()


@virtual
async def test_a_restarting_server_is_waited_for_with_growing_pauses():
    transport, follow = following()
    for _ in range(12):
        transport.answer(b"starting", status=503)
    transport.stream().send(line("ADDED", 2))
    await follow.next()
    assert 20 < asyncio.get_running_loop().time() < 60
    await follow.aclose()


@virtual
async def test_a_server_that_ends_watches_at_once_is_not_asked_faster_and_faster():
    transport, follow = following()
    for _ in range(12):
        transport.answer(b"")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(30):
            await follow.next()
    assert len(transport.requests) <= 13


@virtual
async def test_a_server_that_falls_silent_is_found_out_after_the_time_it_was_given():
    transport = ScriptedTransport()
    transport.stream()
    with pytest.raises(ConnectionFault, match="the server went silent"):
        async for _ in Client(transport).resource(core_v1.Pod).watch(resource_version="1", timeout=60):
            pass
    assert asyncio.get_running_loop().time() == 90.0


@virtual
async def test_one_plain_watch_yields_events_and_ends_with_the_server():
    transport = ScriptedTransport()
    stream = transport.stream()
    stream.send(line("ADDED", 2) + line("MODIFIED", 3))
    stream.end()
    watch = Client(transport).resource(core_v1.Pod).watch(resource_version="1")
    assert [event.type async for event in watch] == ["ADDED", "MODIFIED"]
