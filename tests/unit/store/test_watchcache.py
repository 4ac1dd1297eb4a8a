"""The watch cache: what is written through it, read from it and told by it."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from podling.api.codec import splice_revision
from podling.api.selectors import parse_fields, parse_labels
from podling.store.interface import Closed, Compacted, FutureRevision, KeyExists, Lagging, Mismatch
from podling.store.memory import MemoryStore
from podling.store.sqlite import SqliteStore
from podling.store.watchcache import CollectionConfig, RingLimits, Selection, WatchCache, unsplice
from podling.testing.virtualtime import virtual

PODS = "/registry/pods/"


def pod(labels=None, *, node="", pad=""):
    return json.dumps(
        {"metadata": {"labels": labels or {}}, "node": node, "pad": pad}, separators=(",", ":")
    ).encode()


def index(key, value):
    decoded = json.loads(value)
    return decoded["metadata"]["labels"], {"spec.nodeName": decoded["node"]}


def config(prefix=PODS, **options):
    return CollectionConfig(prefix=prefix, index=index, **options)


@asynccontextmanager
async def running(*configs, store=None):
    store = store or MemoryStore()
    await store.start()
    cache = WatchCache(store, splice=splice_revision)
    collections = [cache.add(each) for each in configs or (config(),)]
    await cache.start()
    try:
        yield cache, *collections
    finally:
        await cache.stop()
        await store.close()


def seen(batches):
    return [(view.type, view.entry.key.removeprefix(PODS)) for batch in batches for view in batch.views]


def names(entries):
    return [entry.key.removeprefix(PODS) for entry in entries]


# Writing and reading


async def test_a_writer_finds_its_write_in_the_cache_with_the_revision_in_its_bytes():
    async with running() as (cache, pods):
        entry = await cache.create(pods, pods.key("default", "a"), pod({"app": "web"}))
        assert pods.get(entry.key) is entry
        assert json.loads(entry.value)["metadata"] == {
            "resourceVersion": str(entry.revision),
            "labels": {"app": "web"},
        }
        updated = await cache.update(pods, entry.key, pod(node="n1"), expected=entry.revision)
        assert (updated.create_revision, updated.fields) == (entry.revision, {"spec.nodeName": "n1"})
        deleted = await cache.delete(pods, entry.key, expected=updated.revision)
        assert pods.get(entry.key) is None
        assert json.loads(deleted.value)["metadata"]["resourceVersion"] == str(deleted.revision)
        assert deleted.revision == pods.revision == cache.revision


async def test_conflicts_come_through_from_the_store():
    async with running() as (cache, pods):
        entry = await cache.create(pods, PODS + "default/a", pod())
        with pytest.raises(KeyExists):
            await cache.create(pods, entry.key, pod())
        with pytest.raises(Mismatch):
            await cache.update(pods, entry.key, pod(), expected=1)
        with pytest.raises(Mismatch):
            await cache.delete(pods, entry.key, expected=1)


async def test_labels_handed_over_by_the_writer_are_not_read_out_again():
    def refuse(key, value):
        raise AssertionError("decoded a second time")

    async with running(CollectionConfig(prefix=PODS, index=refuse)) as (cache, pods):
        labels, fields = {"app": "web"}, {"spec.nodeName": "n1"}
        entry = await cache.create(pods, PODS + "default/a", pod(), indexed=(labels, fields))
        assert (entry.labels, entry.fields) == (labels, fields)


async def test_each_of_many_writers_of_one_key_gets_its_own_entry():
    async with running() as (cache, pods):
        entry = await cache.create(pods, PODS + "default/a", pod())

        async def append(n):
            while True:
                current = pods.get(entry.key)
                try:
                    mine = await cache.update(pods, entry.key, pod(pad=f"{n}"), expected=current.revision)
                except Mismatch:
                    await asyncio.sleep(0)
                else:
                    return json.loads(mine.value)["pad"]

        assert await asyncio.gather(*(append(n) for n in range(10))) == [str(n) for n in range(10)]


async def test_what_was_in_the_store_before_is_loaded_and_other_prefixes_stay_apart():
    store = MemoryStore()
    await store.start()
    for key in (
        "/registry/pods/a/x",
        "/registry/services/specs/a/x",
        "/registry/minions/n1",
        "/registry/zzz/a",
    ):
        await store.create(key, pod())
    async with running(
        config(), config("/registry/services/specs/"), config("/registry/minions/"), store=store
    ) as (_, *collections):
        assert [names(each.select(Selection())) for each in collections] == [
            ["a/x"],
            ["/registry/services/specs/a/x"],
            ["/registry/minions/n1"],
        ]


async def test_lists_are_in_the_order_of_keys_also_across_namespaces():
    async with running() as (cache, pods):
        for name in ("b/x", "a/y", "a-b/x", "a/x", "a.b/x"):
            await cache.create(pods, PODS + name, pod())
        assert names(pods.select(Selection())) == ["a-b/x", "a.b/x", "a/x", "a/y", "b/x"]
        assert names(pods.select(Selection("a"))) == ["a/x", "a/y"]


async def test_selectors_choose_by_label_field_name_and_namespace():
    async with running() as (cache, pods):
        for n in range(12):
            labels = {"app": "web" if n % 2 else "db", "n": str(n)}
            await cache.create(pods, f"{PODS}ns{n % 3}/p{n:02}", pod(labels, node=f"node{n % 4}"))

        def chosen(namespace="", labels="", fields=""):
            selection = Selection(namespace, parse_labels(labels), parse_fields(fields))
            return [int(name[-2:]) for name in names(pods.select(selection))]

        assert chosen(labels="app=web") == [3, 9, 1, 7, 5, 11]
        assert chosen("ns0", labels="app=web") == [3, 9]
        assert chosen(labels="app!=web,n notin (0,2)") == [6, 4, 10, 8]
        assert chosen(fields="spec.nodeName=node1") == [9, 1, 5]
        assert chosen(labels="app=web", fields="spec.nodeName=node1,metadata.namespace=ns1") == [1]
        assert chosen(fields="metadata.name=p05") == [5]
        assert chosen("ns2", fields="metadata.name=p05") == [5]
        assert chosen("ns1", fields="metadata.name=p05") == []
        assert chosen(labels="n") == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]
        assert pods.statistics().indexes == ("label app", "field spec.nodeName")


async def test_pages_of_one_revision_show_one_state_while_others_write():
    async with running() as (cache, pods):
        entries = [await cache.create(pods, f"{PODS}a/{n}", pod({"v": "1"})) for n in range(6)]
        first = pods.page(Selection(), limit=2)
        assert (names(first.entries), first.more, first.remaining) == (["a/0", "a/1"], True, 4)
        await cache.delete(pods, entries[3].key, expected=entries[3].revision)
        await cache.update(pods, entries[4].key, pod({"v": "2"}), expected=entries[4].revision)
        await cache.create(pods, PODS + "a/11", pod())
        rest = pods.page(Selection(), start=PODS + "a/1\0", revision=first.revision)
        assert names(rest.entries) == ["a/2", "a/3", "a/4", "a/5"]
        assert rest.entries[2].labels == {"v": "1"}
        assert names(pods.page(Selection(), start=PODS + "a/1\0").entries) == ["a/11", "a/2", "a/4", "a/5"]
        with pytest.raises(FutureRevision):
            pods.page(Selection(), revision=pods.revision + 1)


# Watching


async def test_watchers_are_told_of_objects_that_begin_and_cease_to_match():
    async with running() as (cache, pods):
        key = PODS + "default/a"
        selected = Selection(labels=parse_labels("app=web"))
        with (
            pods.subscribe(selected, since=pods.revision) as web,
            pods.subscribe(Selection(), since=pods.revision) as every,
            pods.subscribe(Selection("other"), since=pods.revision) as other,
        ):
            entry = await cache.create(pods, key, pod({"app": "db"}))
            entry = await cache.update(pods, key, pod({"app": "web"}), expected=entry.revision)
            entry = await cache.update(pods, key, pod({"app": "web"}, node="n"), expected=entry.revision)
            gone = await cache.update(pods, key, pod({"app": "db"}), expected=entry.revision)
            await cache.delete(pods, key, expected=gone.revision)
            batches = web.take_nowait()
            assert seen(batches) == [
                ("ADDED", "default/a"),
                ("MODIFIED", "default/a"),
                ("DELETED", "default/a"),
            ]
            last = batches[-1].views[-1].entry
            assert json.loads(last.value)["metadata"] == {
                "resourceVersion": str(gone.revision),
                "labels": {"app": "web"},
            }
            assert [type for type, _ in seen(every.take_nowait())] == [
                "ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED",
            ]  # fmt: skip
            assert other.take_nowait() == ()


async def test_a_field_watcher_sees_objects_come_to_it_and_leave_it():
    async with running() as (cache, pods):
        selected = Selection(fields=parse_fields("spec.nodeName=n1"))
        with pods.subscribe(selected, since=pods.revision) as mine:
            entry = await cache.create(pods, PODS + "a/x", pod())
            entry = await cache.update(pods, entry.key, pod(node="n1"), expected=entry.revision)
            entry = await cache.update(pods, entry.key, pod(node="n2"), expected=entry.revision)
            await cache.create(pods, PODS + "a/y", pod(node="n2"))
            assert seen(mine.take_nowait()) == [("ADDED", "a/x"), ("DELETED", "a/x")]


async def test_watchers_of_one_selection_share_one_encoding():
    calls = []

    def encode(views):
        calls.append(len(views))
        return b"".join(view.entry.value for view in views)

    async with running() as (cache, pods):
        watchers = [pods.subscribe(Selection("a"), since=pods.revision) for _ in range(5)]
        await asyncio.gather(*(cache.create(pods, f"{PODS}a/{n}", pod()) for n in range(3)))
        chunks = [b"".join(batch.encoded(encode) for batch in watcher.take_nowait()) for watcher in watchers]
        assert len(set(chunks)) == 1
        assert sum(calls) == 3
        for watcher in watchers:
            watcher.close()
        assert pods.statistics().watchers == 0


async def test_a_writer_has_its_answer_before_the_watchers_are_served(tmp_path):
    """However many they are: a thousand writes to sockets take a while."""
    async with running(store=SqliteStore(tmp_path / "store.db")) as (cache, pods):
        order = []

        async def watch():
            with pods.subscribe(Selection(), since=pods.revision) as watcher:
                await watcher.next()
                order.append("watcher")

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(watch())
            await asyncio.sleep(0)
            await cache.create(pods, PODS + "default/a", pod())
            order.append("writer")
        assert order == ["writer"] + ["watcher"] * 20


async def test_a_watcher_resumes_from_the_ring_and_is_sent_away_beyond_it():
    async with running(config(ring=RingLimits(events=5))) as (cache, pods):
        revisions = [(await cache.create(pods, f"{PODS}a/{n}", pod())).revision for n in range(8)]
        with pods.subscribe(Selection(), since=revisions[4]) as resumed:
            assert seen(resumed.take_nowait()) == [("ADDED", "a/5"), ("ADDED", "a/6"), ("ADDED", "a/7")]
            assert resumed.revision == cache.revision
        with pytest.raises(Compacted, match="too old resource version: "):
            pods.subscribe(Selection(), since=revisions[1])
        with pytest.raises(FutureRevision):
            pods.subscribe(Selection(), since=cache.revision + 1)
        with pytest.raises(Compacted):
            pods.page(Selection(), revision=revisions[1])


async def test_a_slow_watcher_is_closed_and_the_others_are_unharmed():
    async with running(config(watcher_bytes=1000)) as (cache, pods):
        with (
            pods.subscribe(Selection(), since=0 or cache.revision) as slow,
            pods.subscribe(Selection(), since=cache.revision) as fast,
        ):
            got = []
            for n in range(10):
                await cache.create(pods, f"{PODS}a/{n}", pod(pad="x" * 300))
                got += seen(fast.take_nowait())
            assert len(got) == 10
            with pytest.raises(Lagging):
                await slow.next()
        assert pods.statistics().watchers == 0


@virtual
async def test_next_waits_for_changes_or_for_the_given_time():
    async with running() as (cache, pods):
        with pods.subscribe(Selection(), since=cache.revision) as watcher:
            assert await watcher.next(30) == ()
            assert asyncio.get_running_loop().time() == 30
            waiting = asyncio.create_task(watcher.next(), name="waiting")
            await asyncio.sleep(5)
            await cache.create(pods, PODS + "a/x", pod())
            assert seen(await waiting) == [("ADDED", "a/x")]
            assert watcher.revision == cache.revision


@virtual
async def test_each_wait_has_its_own_patience_whatever_waits_came_before():
    async with running() as (cache, pods):
        loop = asyncio.get_running_loop()

        async def lasted(watcher, seconds):
            began = loop.time()
            assert await watcher.next(seconds) == ()
            return round(loop.time() - began, 3)

        async def change(after):
            await asyncio.sleep(after)
            await cache.create(pods, f"{PODS}default/{loop.time()}", pod())

        with pods.subscribe(Selection(), since=pods.revision) as watcher:
            for _ in range(3):
                changing = asyncio.create_task(change(6.0))
                assert len(await watcher.next(10.0)) == 1
                await changing
            assert await lasted(watcher, 10.0) == 10.0, "a timer that was set before did not end it"
            assert await lasted(watcher, 2.0) == 2.0
            assert await lasted(watcher, 30.0) == 30.0
            changing = asyncio.create_task(change(100.0))
            assert len(await watcher.next()) == 1, "who waits for ever is not ended by an old timer"
            assert await lasted(watcher, 1.0) == 1.0
            await changing


async def test_an_idle_watcher_gets_on_with_the_revision_of_other_collections():
    async with running(config(), config("/registry/nodes/")) as (cache, pods, nodes):
        with pods.subscribe(Selection(), since=cache.revision) as watcher:
            entry = await cache.create(nodes, "/registry/nodes/n1", pod())
            assert watcher.revision == entry.revision
            added = await cache.create(pods, PODS + "a/x", pod())
            await cache.create(nodes, "/registry/nodes/n2", pod())
            assert watcher.revision == added.revision - 1
            watcher.take_nowait()
            assert watcher.revision == cache.revision


async def test_stopping_ends_watchers():
    async with running() as (cache, pods):
        watcher = pods.subscribe(Selection(), since=cache.revision)
        waiting = asyncio.create_task(watcher.next(), name="waiting")
        await asyncio.sleep(0)
        await cache.stop()
        with pytest.raises(Closed):
            await waiting


# Freshness and life


@virtual
async def test_waiting_for_a_revision_ends_when_it_is_reached_or_at_the_deadline():
    async with running() as (cache, pods):
        waiting = asyncio.create_task(cache.wait_revision(cache.revision + 1, seconds=10), name="waiting")
        await asyncio.sleep(1)
        await cache.create(pods, PODS + "a/x", pod())
        await waiting
        with pytest.raises(FutureRevision):
            await cache.wait_revision(cache.revision + 1, seconds=3)
        assert asyncio.get_running_loop().time() == 4


async def test_wait_fresh_covers_writes_that_did_not_go_through_this_cache():
    async with running() as (cache, pods):
        revision = await cache.store.create(PODS + "a/x", pod())
        assert await cache.wait_fresh() >= revision
        assert pods.get(PODS + "a/x") is not None


async def test_a_collection_opened_later_misses_nothing_that_is_written_meanwhile():
    async with running() as (cache, _):
        await cache.store.create("/registry/widgets/a/0", pod())
        opening = asyncio.create_task(cache.open(config("/registry/widgets/")), name="opening")
        for n in range(1, 20):
            await cache.store.create(f"/registry/widgets/a/{n}", pod())
            await asyncio.sleep(0)
        widgets = await opening
        await cache.wait_fresh()
        assert widgets.count() == widgets.count("a") == 20
        with widgets.subscribe(Selection(), since=cache.revision) as watcher:
            cache.discard(widgets)
            with pytest.raises(Closed):
                await watcher.next()


class _LosesItsWatch(MemoryStore):
    """Its first watch fails after the third batch."""

    def __init__(self):
        super().__init__()
        self.watches = 0

    def watch(self, prefix, *, since):
        self.watches += 1
        return (
            _Broken(super().watch(prefix, since=since))
            if self.watches == 1
            else super().watch(prefix, since=since)
        )


class _Broken:
    def __init__(self, watch):
        self._watch, self._left = watch, 3

    revision = property(lambda self: self._watch.revision)

    async def __aenter__(self):
        await self._watch.__aenter__()
        return self

    async def __aexit__(self, *args):
        await self._watch.__aexit__(*args)

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self._left:
            raise Lagging("lost its place")
        self._left -= 1
        return await self._watch.__anext__()


async def test_a_cache_that_lost_its_watch_loads_anew_and_sends_watchers_to_list_again():
    async with running(store=_LosesItsWatch()) as (cache, pods):
        watcher = pods.subscribe(Selection(), since=cache.revision)
        for n in range(5):
            await cache.create(pods, f"{PODS}a/{n}", pod())
        assert len(await watcher.next()) == 3
        with pytest.raises(Compacted):
            await watcher.next()
        assert names(pods.select(Selection())) == [f"a/{n}" for n in range(5)]
        entry = await cache.create(pods, PODS + "a/9", pod())
        assert pods.get(entry.key) is entry


def test_unsplice_is_the_inverse_of_splice():
    for value in (b'{"metadata":{}}', b'{"kind":"Pod","metadata":{"name":"x"},"spec":{}}'):
        assert unsplice(splice_revision(value, 123), 123) == value
