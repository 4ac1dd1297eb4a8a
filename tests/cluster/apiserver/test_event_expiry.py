"""Events live for an hour from their last write, or as long as the server is told to keep them (--event-ttl)."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager

from podling.apiserver import expiry
from podling.store.memory import MemoryStore
from podling.store.sqlite import SqliteSettings, SqliteStore
from podling.testing.virtualtime import virtual

CORE = "/api/v1/namespaces/default/events"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
CONFIGS = "/api/v1/namespaces/default/configmaps"
MINUTE = 60.0


def event(name, **more):
    about = {"kind": "Pod", "namespace": "default", "name": "web", "uid": "u-1"}
    return {"metadata": {"name": name}, "involvedObject": about, "reason": "Test", "type": "Normal", **more}


async def names(api):
    return [item["metadata"]["name"] for item in (await api.get(CORE)).json["items"]]


@asynccontextmanager
async def world(serve, **settings):
    store = MemoryStore()
    await store.start()
    try:
        async with serve(store, **settings) as api:
            yield api
    finally:
        await store.close()


@virtual
async def test_an_event_is_gone_an_hour_after_it_was_written(serve):
    async with world(serve) as api:
        await api.make(CORE, event("e1"))
        await asyncio.sleep(59.9 * MINUTE)
        assert await names(api) == ["e1"]
        await asyncio.sleep(0.2 * MINUTE)
        assert await names(api) == []


@virtual
async def test_each_write_of_a_series_starts_the_hour_anew(serve):
    async with world(serve) as api:
        await api.make(CORE, event("once"))
        await api.make(CORE, event("series"))
        await asyncio.sleep(50 * MINUTE)
        await api.patch(f"{CORE}/series", {"count": 2})
        await asyncio.sleep(50 * MINUTE)
        assert await names(api) == ["series"]
        await asyncio.sleep(11 * MINUTE)
        assert await names(api) == []


@virtual
async def test_watchers_of_both_groups_see_an_ended_event_deleted_as_it_was_last(serve):
    """As of an etcd lease that ends: DELETED, the last state, under a revision of its own."""
    async with world(serve) as api:
        made = await api.make(CORE, event("e1", message="so it was"))
        since = made["metadata"]["resourceVersion"]
        streams = [
            await api.watch(path, resourceVersion=since, timeoutSeconds="7200") for path in (CORE, EVENTS)
        ]
        await asyncio.sleep(61 * MINUTE)
        (core_type, core), (type, new) = [await stream.next() for stream in streams]
        assert (core_type, type) == ("DELETED", "DELETED")
        assert (core["message"], new["note"]) == ("so it was", "so it was")
        assert core["metadata"]["uid"] == made["metadata"]["uid"]
        assert core["metadata"]["resourceVersion"] == new["metadata"]["resourceVersion"]
        assert int(core["metadata"]["resourceVersion"]) > int(since)


@virtual
async def test_the_time_to_live_is_a_setting(serve):
    async with world(serve, event_ttl_seconds=90) as api:
        await api.make(CORE, event("e1"))
        await asyncio.sleep(89)
        assert await names(api) == ["e1"]
        await asyncio.sleep(2)
        assert await names(api) == []


@virtual
async def test_a_restart_neither_forgets_nor_renews_and_believes_no_author(serve):
    store = MemoryStore()
    await store.start()
    try:
        async with serve(store) as api:
            await api.make(CORE, event("plain"))
            await api.make(CORE, event("to-come", lastTimestamp="2099-01-01T00:00:00Z"))
            await api.make(CORE, event("bygone", lastTimestamp="2001-01-01T00:00:00Z"))
            await asyncio.sleep(40 * MINUTE)
            await api.make(CORE, event("late"))
        async with serve(store) as api:
            assert await names(api) == ["bygone", "late", "plain", "to-come"]
            await asyncio.sleep(21 * MINUTE)
            assert await names(api) == ["late", "to-come"]
            await asyncio.sleep(40 * MINUTE)
            assert await names(api) == [], "what its author dates into the future counts from the restart"
    finally:
        await store.close()


async def test_what_is_due_all_at_once_goes_in_parts_and_others_come_between(serve, tmp_path):
    """A server that was down for a night: 1000 events are due when it starts."""
    store = SqliteStore(tmp_path / "store.db")
    await store.start()
    try:
        async with serve(store, event_ttl_seconds=1e9) as api:
            for first in range(0, 1000, 100):
                made = (api.make(CORE, event(f"e{number:03}")) for number in range(first, first + 100))
                await asyncio.gather(*made)
            revision = (await api.get(CORE)).revision
        async with serve(store, event_ttl_seconds=0.001) as api:
            stream = await api.watch(CORE, resourceVersion=revision)
            pieces, left = [], 1000
            await api.make(CONFIGS, {"metadata": {"name": "c"}})
            between = len(await names(api))
            async with asyncio.timeout(20):
                while left:
                    piece = (await anext(stream._chunks)).count(b'"type":"DELETED"')
                    pieces.append(piece)
                    left -= piece
        assert between > 0, "the write waited until all were gone"
        assert max(pieces) <= 2 * expiry.AT_ONCE
    finally:
        await store.close()


async def test_a_store_that_is_full_ends_nothing_and_what_is_due_goes_later(
    serve, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(expiry, "RETRY_SECONDS", 0.05)
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.start()
    async with serve(store, event_ttl_seconds=1e9) as api:
        for number in range(expiry.AT_ONCE):
            await api.make(CORE, event(f"{'e' * 60}{number:03}"))
    await store.close()
    full = SqliteStore(path, SqliteSettings(quota_bytes=path.stat().st_size))
    await full.start()
    try:
        async with serve(full, event_ttl_seconds=1e9) as api:
            number, answer = 0, await api.get(CORE)
            while answer.status < 300:
                number += 1
                answer = await api.post(CORE, event(f"f{number}", message="x" * 900))
            assert (answer.status, "full" in answer.message) == (500, True)
        with caplog.at_level(logging.WARNING, logger="podling.apiserver.expiry"):
            async with serve(full, event_ttl_seconds=0.001) as api:
                await asyncio.sleep(0.3)
                assert await names(api), "it was not full after all"
                assert (await api.get("/readyz")).status == 200
    finally:
        await full.close()
    told = [record for record in caplog.records if record.name == "podling.apiserver.expiry"]
    assert len(told) == 1, "one line, however often it is tried"
    store = SqliteStore(path)
    await store.start()
    try:
        async with serve(store, event_ttl_seconds=0.001) as api, asyncio.timeout(10):
            stream = await api.watch(CORE)
            kinds = [(await stream.next())[0]]
            while kinds.count("DELETED") < kinds.count("ADDED") or len(kinds) < 2 * expiry.AT_ONCE:
                kinds.append((await stream.next())[0])
            assert await names(api) == []
    finally:
        await store.close()
