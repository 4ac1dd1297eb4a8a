"""Watches: from now, from the past, through selectors, with bookmarks, to their end."""

from __future__ import annotations

import asyncio

from podling.api import kinds
from podling.testing.virtualtime import virtual

CONFIGS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"


async def add(api, name, **labels):
    return await api.make(CONFIGS, {"metadata": {"name": name, "labels": labels}})


async def test_without_a_revision_what_is_there_comes_first(api):
    await add(api, "a")
    stream = await api.watch(CONFIGS)
    assert await stream.names(1) == ["ADDED a"]
    await api.patch(f"{CONFIGS}/a", {"data": {"x": "1"}})
    await add(api, "b")
    await api.delete(f"{CONFIGS}/a")
    assert await stream.names(3) == ["MODIFIED a", "ADDED b", "DELETED a"]


async def test_from_a_revision_only_what_came_after_it(api):
    await add(api, "a")
    since = (await api.get(CONFIGS)).revision
    await add(api, "b")
    stream = await api.watch(CONFIGS, resourceVersion=since)
    assert await stream.names(1) == ["ADDED b"]
    await add(api, "c")
    kind, body = await stream.next()
    assert (kind, body["kind"], body["metadata"]["name"]) == ("ADDED", "ConfigMap", "c")
    assert body == (await api.get(f"{CONFIGS}/c")).json


async def test_a_deletion_carries_the_last_state_under_its_own_revision(api):
    await add(api, "a", colour="red")
    stream = await api.watch(CONFIGS)
    _, before = await stream.next()
    await api.delete(f"{CONFIGS}/a")
    _, after = await stream.next()
    assert int(after["metadata"].pop("resourceVersion")) > int(before["metadata"].pop("resourceVersion"))
    assert after == before


async def test_an_object_enters_and_leaves_a_selection(api):
    stream = await api.watch(CONFIGS, labelSelector="colour=red")
    await add(api, "a", colour="blue")
    await api.patch(f"{CONFIGS}/a", {"metadata": {"labels": {"colour": "red"}}})
    await api.patch(f"{CONFIGS}/a", {"data": {"x": "1"}})
    await api.patch(f"{CONFIGS}/a", {"metadata": {"labels": {"colour": "blue"}}})
    await api.patch(f"{CONFIGS}/a", {"data": {"x": "2"}})
    await api.patch(f"{CONFIGS}/a", {"metadata": {"labels": {"colour": "red"}}})
    events = [await stream.next() for _ in range(4)]
    assert [kind for kind, _ in events] == ["ADDED", "MODIFIED", "DELETED", "ADDED"]
    left = events[2][1]
    assert left["metadata"]["labels"] == {"colour": "red"}


async def test_a_node_watches_its_own_pods(api, pod):
    stream = await api.watch("/api/v1/pods", fieldSelector="spec.nodeName=n1")
    for name, node in (("a", "n2"), ("b", "n1")):
        await api.make(PODS, pod(name))
        await api.post(f"{PODS}/{name}/binding", {"target": {"name": node}})
    assert await stream.names(1) == ["ADDED b"]


async def test_one_object_is_watched_by_name(api):
    await add(api, "a")
    stream = await api.watch(CONFIGS, fieldSelector="metadata.name=b")
    legacy = await api.watch("/api/v1/watch/namespaces/default/configmaps/b")
    await add(api, "b")
    assert await stream.names(1) == ["ADDED b"]
    assert await legacy.names(1) == ["ADDED b"]


async def test_initial_events_end_with_a_bookmark(api):
    await add(api, "a")
    stream = await api.watch(
        CONFIGS, sendInitialEvents="true", resourceVersionMatch="NotOlderThan", allowWatchBookmarks="true"
    )
    assert await stream.names(1) == ["ADDED a"]
    kind, mark = await stream.next()
    assert kind == "BOOKMARK"
    assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert mark["metadata"]["resourceVersion"] == (await api.get(CONFIGS)).revision
    assert (mark["kind"], mark["apiVersion"]) == ("ConfigMap", "v1")
    wrong = await api.get(CONFIGS, watch="1", sendInitialEvents="true")
    assert wrong.status == 422


async def test_a_revision_whose_past_is_gone_ends_the_watch_with_410(api):
    collection = api.server._services.world.collection(kinds.CONFIG_MAP)
    collection.load([], api.server.cache.revision)
    stream = await api.watch(CONFIGS, resourceVersion="1")
    ((kind, status),) = await stream.rest()
    assert kind == "ERROR"
    assert (status["code"], status["reason"]) == (410, "Expired")
    assert status["message"].startswith("too old resource version: 1 (")


@virtual
async def test_an_idle_watch_gets_bookmarks_and_ends_in_time(world):
    async with world() as api:
        stream = await api.watch(CONFIGS, allowWatchBookmarks="true", timeoutSeconds="150")
        events = await stream.rest()
        assert [kind for kind, _ in events] == ["BOOKMARK", "BOOKMARK", "BOOKMARK"]
        assert asyncio.get_running_loop().time() >= 150


@virtual
async def test_watches_without_an_end_of_their_own_do_not_all_end_together(world):
    async with world(watch_seconds=100) as api:
        ends = []

        async def follow():
            stream = await api.watch(CONFIGS)
            await stream.rest()
            ends.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(follow() for _ in range(5)))
        assert len(set(ends)) == 5
        assert min(ends) >= 100
        assert max(ends) <= 200


async def test_tables_in_a_watch_name_their_columns_once(api, pod):
    stream = await api.watch(PODS, headers={"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    await api.make(PODS, pod("a"))
    await api.make(PODS, pod("b"))
    tables = [body for _, body in [await stream.next(), await stream.next()]]
    assert [bool(table["columnDefinitions"]) for table in tables] == [True, False]
    assert tables[1]["rows"][0]["cells"][0] == "b"


async def test_metadata_alone_can_be_watched(api):
    stream = await api.watch(
        CONFIGS, headers={"accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
    )
    await add(api, "a")
    _, body = await stream.next()
    assert body["kind"] == "PartialObjectMetadata"
    assert set(body) == {"kind", "apiVersion", "metadata"}


async def test_everybody_sees_the_same_order(api):
    streams = [await api.watch(CONFIGS, resourceVersion=(await api.get(CONFIGS)).revision) for _ in range(3)]
    await asyncio.gather(*(add(api, f"n{number}") for number in range(20)))
    seen = [await stream.names(20) for stream in streams]
    assert seen[0] == seen[1] == seen[2]


async def test_closing_the_server_ends_its_watches(api):
    stream = await api.watch(CONFIGS)
    waiting = asyncio.ensure_future(stream.rest())
    await asyncio.sleep(0)
    await api.server.close()
    assert await asyncio.wait_for(waiting, 5) == []


async def test_yaml_cannot_be_streamed(api):
    answer = await api.get(CONFIGS, watch="1", headers={"accept": "application/yaml"})
    assert answer.status == 406
